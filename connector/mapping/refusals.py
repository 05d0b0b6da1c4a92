"""What is told at the source when a line was refused for good: the section `refused` of a mapping."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Any

from connector.mapping.draft import Draft, Path
from connector.mapping.expressions import has_braces
from connector.mapping.fields import Fields
from connector.mapping.functions import Work
from connector.mapping.scope import Scope
from connector.mapping.spec import LineSpec, Refusal, Wanted

SECTION = "refused"
LINE = "told"
"""The id of its lines: part of the key that each telling carries."""
_KEYS = ("to", "when", "key", "target", "words", "fields")
NAMES = ("line", "key", "stream", "reason", "field", "remedy", "code", "words")
"""What `refused.…` gives."""


@dataclass(slots=True)
class DraftTelling:
    """The section with the names of its generated functions; "" where it has none."""

    spec: LineSpec
    words: dict[str, str]
    values: str
    when: str
    key: str
    target: str


@dataclass(slots=True)
class Telling:
    """The section as it is run."""

    spec: LineSpec
    words: dict[str, str]
    values: Work
    when: Work | None
    key: Work | None
    target: Work | None

    def wanted(self, refusal: Refusal, known: tuple[Any, ...], steps: list[int]) -> Wanted | None:
        """The append that tells of this refusal; None where `when` leaves it out."""
        told = {**refusal.facts, "words": self._said(refusal.code)}
        if self.when is not None and not self.when(*known, told, steps):
            return None
        begin = "" if self.key is None else f"{self.key(*known, told, steps)}-"
        target = None if self.target is None else self.target(*known, told, steps)
        return Wanted(self.spec, begin + refusal.name, target, self.values(*known, told, steps))

    def _said(self, code: str) -> str | None:
        """The author's words for a code, or for its beginning: `ONLY_FROM/completed`, else `ONLY_FROM`."""
        while code:
            if code in self.words:
                return self.words[code]
            code = code.rpartition("/")[0]
        return None


def telling(draft: Draft, given: Any, scope: Scope, lines: set[str]) -> DraftTelling | None:
    """Compile the section. `lines`: ids of the mapping's own lines."""
    path: Path = (SECTION,)
    entry = draft.keys(path, given, _KEYS, (), "'refused'")
    if not entry:
        return None
    if LINE in lines:
        message = f"'{LINE}' is the id of what `refused` tells"
        draft.fault(path, None, message, "give the line under also another id", key=True)
    for needed, remedy in (("to", "to: source.CaseComment"), ("fields", "what should be told?")):
        if not entry.get(needed):
            draft.fault(path, None, f"'refused' needs '{needed}'", remedy, key=True)
    to = draft.stream((*path, "to"), entry["to"]) if entry.get("to") else ""
    none = "nothing of the record may be written yet when it is refused"
    scope = replace(scope, this=SECTION, of_this=frozenset(NAMES), route=None, no_route=none, main=False, no_main=none)
    origin = draft.reads.uses_origin, set(draft.reads.origin)
    emitter = draft.emitter(scope)
    fields = Fields(draft, emitter, to)
    values = draft.module.function(emitter, fields.compile((*path, "fields"), entry.get("fields")))
    made = DraftTelling(
        LineSpec(
            LINE,
            to,
            policies=fields.policies,
            required=frozenset(fields.required),
            files=frozenset(fields.files),
            has_key="key" in entry,
            has_target="target" in entry,
        ),
        _words(draft, (*path, "words"), entry.get("words")),
        values,
        _condition(draft, scope, (*path, "when"), entry),
        _address(draft, scope, (*path, "key"), entry, "the key of 'refused'"),
        _address(draft, scope, (*path, "target"), entry, "the target of 'refused'"),
    )
    if draft.reads.origin == origin[1]:  # its key is known without a look: no reason to fetch it for every record
        draft.reads.uses_origin = origin[0]
    return made


def _words(draft: Draft, path: Path, given: Any) -> dict[str, str]:
    words = {}
    for code, said in draft.names(path, given, "words").items():
        text = draft.text((*path, code), said, "words for a code")
        if has_braces(text):
            draft.fault((*path, code), None, "words stand without braces", "put them together under fields")
        words[str(code)] = text
    return words


def _condition(draft: Draft, scope: Scope, path: Path, entry: dict[str, Any]) -> str:
    if "when" not in entry:
        return ""
    emitter = draft.emitter(scope)
    return draft.module.function(emitter, emitter.lone(draft.spot(path), entry["when"], "when"))


def _address(draft: Draft, scope: Scope, path: Path, entry: dict[str, Any], what: str) -> str:
    name = str(path[-1])
    if name not in entry:
        return ""
    written = entry[name]
    if written is None or isinstance(written, (dict, list)):
        draft.fault(path, None, f"{what} is text or a template")
        return ""
    emitter = draft.emitter(scope)
    value = emitter.value(draft.spot(path), written)
    return draft.module.function(emitter, emitter.call("key_of", value, ast.Constant(what)))


def run(made: DraftTelling | None, functions: dict[str, Work]) -> Telling | None:
    """The compiled section."""
    if made is None or not functions:
        return None
    return Telling(
        made.spec,
        made.words,
        functions[made.values],
        functions.get(made.when),
        functions.get(made.key),
        functions.get(made.target),
    )
