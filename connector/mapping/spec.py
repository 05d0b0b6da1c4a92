"""What a compiled mapping tells the engine: static facts of its lines, and the lines that one record asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

WritePolicy = Literal["always", "on-create", "until-claimed", "once"]


@dataclass(frozen=True, slots=True)
class LineSpec:
    """One line of a mapping, as far as it is the same for every record.

    id           `main`, or the id under `also`
    to           the stream as written (`destination.CaseComment`, `shop.orders`); None: the flow's own destination;
                 `main`: a later write to the main object
    policies     every field's write policy (field → policy), the line's own `write` where the field says nothing
    required     fields that park the record when null
    once         the line is `write: once`: sent one time, a different later value parks with both
    needs_main   an expression of it uses `main.id`: it waits for the main line
    after        ids of lines that must be sent first
    has_key      it gives its own `key:` (main: another key than the record's; also: the element's key)
    has_target   it gives a `target:`
    files        fields that are files
    ends         what becomes of it when it is no longer asked for: "" stays as it is; undo puts back what was there before our
                 first write; leave and write write other fields; delete deletes its object; choose deletes it or writes
    leaves       what its ending writes (field → policy)
    each         it is a main line for each element of a list (`each`), its key the element
    """

    id: str
    to: str | None = None
    policies: Mapping[str, WritePolicy] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    once: bool = False
    needs_main: bool = False
    after: tuple[str, ...] = ()
    has_key: bool = False
    has_target: bool = False
    files: frozenset[str] = frozenset()
    each: bool = False
    ends: Literal["", "undo", "leave", "delete", "write", "choose"] = ""
    leaves: dict[str, WritePolicy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A further record that the mapping reads. `wait` in seconds from when the row was first seen.

    `many`: `keys:` was given: a list of keys, the records come in the same order, each once, missing ones left out.
    `watch`: the record that looks it up is looked at again when the looked-up one changes.
    """

    name: str
    stream: str
    many: bool = False
    wait: float = 900.0
    then: Literal["park", "skip", "null"] = "park"
    fields: frozenset[str] | None = None
    watch: bool = False


@dataclass(slots=True)
class Wanted:
    """One line that a record asks for.

    `key` is the element key ("" where there is none), unescaped. `target` is the natural key where the mapping gives one.
    `values`: field → JSON value, Decimal, Ref, File or None (None clears what was sent before); fields to be left alone are
    absent. None: the line uses `main.id`, which was not given yet.
    """

    spec: LineSpec
    key: str
    target: str | None
    values: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Ending:
    """What is to be done about a line that its record no longer asks for.

    `fields` are written (leave, write, choose). `only_if` (choose): where the object holds these, it is deleted instead.
    """

    kind: Literal["undo", "leave", "delete", "write", "choose"]
    fields: Mapping[str, Any] = field(default_factory=dict)
    only_if: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was refused for good: a line (by id and key; "" where nothing of the record could be mapped), and why.

    `code` is the system's own, or whose fault it is: `mapping/<field>`, `once`, `failing/503`,
    `unclear/…` (no answer was read: it may have been carried out), `gone/…`, `changed/…`.
    """

    line: str
    key: str
    stream: str
    reason: str
    field: str = ""
    remedy: str = ""
    code: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """As a mapping reads them: what is not known is null."""
        return {name: getattr(self, name) or None for name in self.__slots__}

    @property
    def name(self) -> str:
        """Tells refusals of one record apart: the same line for the same reason is the same refusal. It is part of a key
        on the remote object, so it is made of nothing that a lost ledger would take along."""
        told = "\0".join((self.line, self.key, self.reason)).encode("utf-8", "surrogatepass")
        return f"{self.line or 'record'}-{blake2b(told, digest_size=6).hexdigest()}"


@dataclass(slots=True)
class Mapped:
    """What one record asks for. `filtered` says by which rule it was left out (then there are no lines).

    `route` names the route taken for people and counts (`queue=Returns priority=Low`; "" without routes).
    """

    lines: list[Wanted]
    route: str = ""
    filtered: str | None = None
    care: bool = True
    """False: `while` has turned false; a record that had entered has come to its end."""
