"""What becomes of a line that is no longer asked for: `while`, `leave`, `undo`, and `gone` of a line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from connector.mapping.draft import Draft, Path
from connector.mapping.elements import Each
from connector.mapping.fields import Fields
from connector.mapping.functions import Work
from connector.mapping.scope import Scope
from connector.mapping.spec import Ending, LineSpec, WritePolicy

Kind = Literal["", "undo", "leave", "delete", "write", "choose"]
GONE = ("keep", "delete")
_CHOICE = ("delete_if", "else")


@dataclass(slots=True)
class DraftEnding:
    """The names of its generated functions; "" where it has none. `policies`: of what it writes."""

    kind: Kind = ""
    fields: str = ""
    only_if: str = ""
    policies: dict[str, WritePolicy] | None = None

    def on(self, spec: LineSpec) -> LineSpec:
        """A line that ends so."""
        return replace(spec, ends=self.kind, leaves=dict(self.policies or {})) if self.kind else spec


@dataclass(slots=True)
class CompiledEnding:
    """As it is run."""

    kind: Kind
    fields: Work | None
    only_if: Work | None

    def of(self, known: tuple[Any, ...], element: Any, steps: list[int]) -> Ending:
        """What it means for one record; `element`: the key, where the line was one of `each`."""
        values = self.fields(*known, element, steps) if self.fields is not None else {}
        only_if = self.only_if(*known, element, steps) if self.only_if is not None else None
        return Ending(self.kind or "write", values, only_if)


def care(draft: Draft, data: dict[str, Any], scope: Scope) -> str:
    """The function of `while`; "" where a record stays under care."""
    if "while" not in data:
        return ""
    emitter = draft.emitter(scope)
    return draft.module.function(emitter, emitter.lone(draft.spot(("while",)), data["while"], "while"))


def main_ending(draft: Draft, data: dict[str, Any], scope: Scope, each: Each | None) -> DraftEnding:
    """How the main line ends: by `leave`, by `undo`, or an element of `each` by `gone`."""
    given = [name for name in ("leave", "undo", "gone") if name in data]
    for name in given[1:]:
        draft.fault((name,), None, f"'{name}' stands beside '{given[0]}'", "one of them says how it ends", key=True)
    if not given:
        return DraftEnding()
    if "fields" not in data:
        draft.fault((given[0],), None, f"'{given[0]}' needs main fields", "add `fields`", key=True)
        return DraftEnding()
    inner = each.inside(scope) if each is not None else scope
    match given[0]:
        case "leave":
            if "while" not in data:
                draft.fault(("leave",), None, "'leave' needs 'while'", "it is written when that turns false", key=True)
            return _written(draft, ("leave",), data["leave"], inner, "leave")
        case "undo":
            return _undo(draft, data)
    if each is None:
        remedy = "it belongs to `each` and to lines under also: the main object of a record is always asked for"
        draft.fault(("gone",), None, "'gone' needs 'each'", remedy, key=True)
        return DraftEnding()
    return gone(draft, ("gone",), data["gone"], inner)


def _undo(draft: Draft, data: dict[str, Any]) -> DraftEnding:
    if data["undo"] != "restore":
        draft.fault(
            ("undo",), None, "undo is 'restore'", "undo: restore puts back what was there before our first write"
        )
    if "while" not in data and "each" not in data:
        draft.fault(
            ("undo",), None, "'undo' needs 'while' or 'each'", "what should end, so that it is undone?", key=True
        )
    if "target" not in data and not draft.answers:
        remedy = "give the main line the `target:` of an object that stands already"
        draft.fault(("undo",), None, "an object that this flow makes held nothing before", remedy, key=True)
    for name, written in (data["fields"] if isinstance(data["fields"], dict) else {}).items():
        if isinstance(written, dict) and {"ref", "choice", "file"} & set(written):
            remedy = "leave it out: nobody can tell whether what stands there then is still ours"
            draft.fault(("fields", name), None, f"{name} is found by name, and cannot be put back", remedy, key=True)
    return DraftEnding("undo")


def gone(draft: Draft, path: Path, given: Any, scope: Scope) -> DraftEnding:
    """`keep`, `delete`, fields, or `delete_if` with `else`."""
    if isinstance(given, str) or given is None:
        return DraftEnding("delete") if draft.one_of(path, given, GONE, "ending") == "delete" else DraftEnding()
    if not isinstance(given, dict) or not given:
        draft.fault(path, None, "gone is keep, delete, fields, or delete_if with else", "gone: delete")
        return DraftEnding()
    if not set(given) & set(_CHOICE):
        return _written(draft, path, given, scope, "write")
    entry = draft.keys(path, given, _CHOICE, (), "gone")
    for name in _CHOICE:
        if name not in entry:
            draft.fault(
                path, None, f"gone needs '{name}' too", "{delete_if: {status: Draft}, else: {status: Cancelled}}"
            )
    if not all(name in entry for name in _CHOICE):
        return DraftEnding()
    made = _written(draft, (*path, "else"), entry["else"], scope, "choose")
    emitter = draft.emitter(replace(scope, main=False, no_main="a condition compares what the object holds"))
    fields = Fields(draft, emitter, "")
    values = fields.compile((*path, "delete_if"), entry.get("delete_if") or {})
    made.only_if = draft.module.function(emitter, values)
    return made


def _written(draft: Draft, path: Path, given: Any, scope: Scope, kind: Kind) -> DraftEnding:
    emitter = draft.emitter(scope)
    fields = Fields(draft, emitter, "")
    if not isinstance(given, dict) or not given:
        draft.fault(path, None, f"{path[-1]} needs fields", "what should be written?")
    values = fields.compile(path, given if isinstance(given, dict) else {})
    for name, policy in fields.policies.items():
        if policy in ("on-create", "once"):
            draft.fault((*path, name), None, f"`write: {policy}` means nothing here", "it is written once anyway")
    return DraftEnding(kind, draft.module.function(emitter, values), policies=fields.policies)


def run(made: DraftEnding, functions: dict[str, Work]) -> CompiledEnding | None:
    """The compiled ending; None: it stays as it is."""
    if not made.kind:
        return None
    return CompiledEnding(made.kind, functions.get(made.fields), functions.get(made.only_if))
