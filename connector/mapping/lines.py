"""The lines of a mapping: main and those under `also`, each as static facts and generated functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from connector.document import did_you_mean
from connector.mapping.draft import Draft, Path
from connector.mapping.elements import Each
from connector.mapping.emit import Emitter
from connector.mapping.endings import CompiledEnding, DraftEnding, gone, main_ending
from connector.mapping.fields import POLICIES, Fields
from connector.mapping.functions import Work
from connector.mapping.scope import RESERVED, Scope
from connector.mapping.spec import LineSpec, WritePolicy

_KEYS = ("id", "to", "for", "as", "key", "target", "when", "after", "write", "gone", "fields")
OWN_STREAM = "destination"
"""What `lengths` and `appends` are asked with for the flow's own destination."""


@dataclass(slots=True)
class DraftLine:
    """A line with the names of its generated functions; "" where it has none."""

    spec: LineSpec
    path: Path
    values: str
    loop: str = ""
    when: str = ""
    key: str = ""
    target: str = ""
    target_needs_main: bool = False
    ending: DraftEnding = field(default_factory=DraftEnding)


@dataclass(slots=True)
class CompiledLine:
    """A line as `map` runs it."""

    spec: LineSpec
    path: Path
    values: Work
    loop: Work | None
    when: Work | None
    key: Work | None
    target: Work | None
    target_needs_main: bool
    ending: CompiledEnding | None = None


def main_line(draft: Draft, data: dict[str, Any], scope: Scope, each: Each | None = None) -> DraftLine | None:
    """The main line, or None where a mapping has no main fields."""
    if "fields" not in data:
        for name in ("key", "target", "each", "leave", "undo", "gone"):
            if name in data:
                remedy = "add `fields`, or give the lines under also a target"
                draft.fault((name,), None, f"'{name}' needs main fields", remedy, key=True)
        return None
    scope = replace(scope, no_main="the main line makes it; use it in the lines under also")
    ending = main_ending(draft, data, scope, each)
    if each is not None:
        scope = replace(each.inside(scope), no_main="with `each` there are several main objects")
    emitter = draft.emitter(scope)
    fields = Fields(draft, emitter, OWN_STREAM)
    made = fields.compile(("fields",), data["fields"])
    if "key" in data:
        _shared_key(draft, data["fields"], fields)
    if "target" in data:
        _never_sent(draft, fields)
    key = _function(draft, scope, ("key",), data.get("key"), "key_of", "the key")[0]
    target = _function(draft, scope, ("target",), data.get("target"), "key_of", "the target")[0]
    spec = LineSpec(
        id="main",
        policies=fields.policies,
        required=frozenset(fields.required),
        files=frozenset(fields.files),
        has_key="key" in data and each is None,
        has_target="target" in data,
        each=each is not None,
    )
    _append_lint(draft, ("fields",), OWN_STREAM, emitter, once=False, constant_key=not key and each is None)
    values = draft.module.function(emitter, made)
    line = DraftLine(ending.on(spec), (), values, key=key, target=target, ending=ending)
    return line if each is None else each.main(line)


def _shared_key(draft: Draft, given: Any, fields: Fields) -> None:
    for name, policy in fields.policies.items():
        if policy == "always":
            remedy = "write: on-create or until-claimed; what each record adds goes to a line under also"
            draft.fault(("fields", name), None, "several records may share an object with its own 'key'", remedy)


def _never_sent(draft: Draft, fields: Fields) -> None:
    for name, policy in fields.policies.items():
        if policy == "on-create":
            message = "it would never be sent: the object that 'target' names is there already, and nothing makes it"
            draft.fault(("fields", name), None, message, "write: once (another value later parks), or write: always")


def also_lines(draft: Draft, given: Any, scope: Scope, main: LineSpec | None) -> list[DraftLine]:
    """The lines under `also`, in the order in which they stand."""
    lines: dict[str, DraftLine] = {}
    afters: dict[str, tuple[Path, list[Any]]] = {}
    several = main is not None and main.each
    no_main = "with `each` there are several main objects" if several else "the mapping has no main fields"
    scope = replace(scope, main=main is not None and not several, no_main=no_main)
    for at, written in enumerate(draft.sequence(("also",), given, "also")):
        path: Path = ("also", at)
        entry = draft.keys(path, written, _KEYS, (), "a line under also")
        if not entry:
            continue
        if "id" not in entry:
            draft.fault(path, None, "a line under also needs an 'id'", "keys are made of it")
        name = draft.line_id((*path, "id"), entry["id"], lines) if "id" in entry else ""
        line = _also_line(draft, path, entry, scope, name)
        lines[name or f"#{at}"] = line
        afters[name or f"#{at}"] = ((*path, "after"), draft.sequence((*path, "after"), entry.get("after"), "after"))
    known = [*(["main"] if main else []), *(name for name in lines if not name.startswith("#"))]
    for path, names in afters.values():
        for at, name in enumerate(names):
            if name not in known:
                draft.fault(
                    (*path, at), None, f"'after' names an unknown line '{name}'", did_you_mean(str(name), known)
                )
    _cycles(draft, {name: [str(each) for each in names] for name, (_, names) in afters.items()}, lines)
    return list(lines.values())


def _cycles(draft: Draft, after: dict[str, list[str]], lines: dict[str, DraftLine]) -> None:
    """Lines that wait for one another would never be sent."""
    settled: set[str] = set()
    while ready := [name for name in after if name not in settled and not _waits(after, name, settled)]:
        settled.update(ready)
    waiting = sorted(set(after) - settled)
    for name in waiting:
        path = (*lines[name].path, "after")
        draft.fault(path, None, f"lines wait for one another: {', '.join(waiting)}", "take one 'after' away")


def _waits(after: dict[str, list[str]], name: str, settled: set[str]) -> bool:
    return any(other in after and other not in settled for other in after[name])


def _also_line(draft: Draft, path: Path, entry: dict[str, Any], scope: Scope, name: str) -> DraftLine:
    to = _to(draft, path, entry, scope)
    stream = OWN_STREAM if to == "main" else to
    write = entry.get("write")
    policy = draft.one_of((*path, "write"), write, POLICIES, "write policy") if write is not None else "always"
    inner, loop = _loop(draft, path, entry, scope)
    emitter = draft.emitter(inner)
    fields = Fields(draft, emitter, stream, cast("WritePolicy", policy))
    if not entry.get("fields"):
        draft.fault(path, None, "a line needs 'fields'", "what should it write?")
    made = fields.compile((*path, "fields"), entry.get("fields"))
    plain = replace(inner, main=False, no_main="main.id is known in fields and target")
    when = _condition(draft, plain, (*path, "when"), entry)
    key, constant = _function(draft, plain, (*path, "key"), entry.get("key"), "key_of", "the key of a line")
    target, _, late = _target(draft, inner, path, entry)
    once = policy == "once"
    _append_lint(draft, path, stream, emitter, once=once, constant_key=constant)
    spec = LineSpec(
        id=name,
        to=to or None,
        policies=fields.policies,
        required=frozenset(fields.required),
        files=frozenset(fields.files),
        once=once,
        needs_main=emitter.needs_main or late,
        after=tuple(str(each) for each in entry.get("after") or () if isinstance(entry["after"], list)),
        has_key="key" in entry,
        has_target="target" in entry,
    )
    function = draft.module.function(emitter, made)
    ending = _ending(draft, path, entry, replace(scope, this=None), spec)
    return DraftLine(ending.on(spec), path, function, loop, when, key, target, late, ending)


def _ending(draft: Draft, path: Path, entry: dict[str, Any], scope: Scope, spec: LineSpec) -> DraftEnding:
    """`gone` of a line: its element is not there any more, so its fields see the record alone."""
    if "gone" not in entry:
        return DraftEnding()
    made = gone(draft, (*path, "gone"), entry["gone"], scope)
    stream = OWN_STREAM if spec.to == "main" else spec.to or ""
    if made.kind and (spec.to == "main" or _appends(draft.appends, stream)):
        what = "a later write to the main object" if spec.to == "main" else "what was appended"
        draft.fault((*path, "gone"), None, f"{what} has no end of its own", "take `gone` away", key=True)
    return made


def _to(draft: Draft, path: Path, entry: dict[str, Any], scope: Scope) -> str:
    if "to" not in entry:
        draft.fault(path, None, "a line under also needs 'to'", "the stream it writes: destination.CaseComment")
        return ""
    if entry["to"] == "main":
        if not scope.main:
            draft.fault(
                (*path, "to"), None, "'to: main' needs main fields", f"{scope.no_main}: add `fields`, or name a stream"
            )
        return "main"
    return draft.stream((*path, "to"), entry["to"])


def _loop(draft: Draft, path: Path, entry: dict[str, Any], scope: Scope) -> tuple[Scope, str]:
    """The scope inside a line, and the function that gives its elements."""
    if "for" not in entry:
        if "as" in entry:
            draft.fault((*path, "as"), None, "'as' needs 'for'", "it names the element", key=True)
        return scope, ""
    if "key" not in entry:
        remedy = 'key: "{{ this.id }}" tells the elements apart, so that each keeps its own line'
        draft.fault((*path, "for"), None, "'for' needs 'key'", remedy, key=True)
    this = "this"
    if "as" in entry:
        this = draft.text((*path, "as"), entry["as"], "as")
        if not draft.identifier((*path, "as"), this, "an element", (RESERVED | scope.lookups) - {"this"}):
            this = "this"
    emitter = draft.emitter(replace(scope, main=False, no_main="main.id is known in fields and target"))
    elements = emitter.lone(draft.spot((*path, "for")), entry["for"], "for")
    made = emitter.call("each", elements, ast.Name("q", ast.Load()))
    return replace(scope, this=this), draft.module.function(emitter, made)


def _condition(draft: Draft, scope: Scope, path: Path, entry: dict[str, Any]) -> str:
    if "when" not in entry:
        return ""
    emitter = draft.emitter(scope)
    return draft.module.function(emitter, emitter.lone(draft.spot(path), entry["when"], "when"))


def _function(draft: Draft, scope: Scope, path: Path, written: Any, work: str, what: str) -> tuple[str, bool]:
    """The function of a key or target ("" where there is none), and whether it is the same for every record."""
    if written is None:
        return "", True
    if isinstance(written, (dict, list)):
        draft.fault(path, None, f"{what} is text or a template")
        return "", True
    emitter = draft.emitter(scope)
    value = emitter.value(draft.spot(path), written)
    made = emitter.call(work, value, ast.Constant(what))
    return draft.module.function(emitter, made), not emitter.variable


def _target(draft: Draft, scope: Scope, path: Path, entry: dict[str, Any]) -> tuple[str, bool, bool]:
    if "target" not in entry:
        return "", True, False
    written = entry["target"]
    if written is None or isinstance(written, (dict, list)):
        draft.fault((*path, "target"), None, "a target is text or a template")
        return "", True, False
    emitter = draft.emitter(scope)
    value = emitter.value(draft.spot((*path, "target")), written)
    made = emitter.call("key_of", value, ast.Constant("the target of a line"))
    return draft.module.function(emitter, made), not emitter.variable, emitter.needs_main


def _append_lint(draft: Draft, path: Path, stream: str, emitter: Emitter, *, once: bool, constant_key: bool) -> None:
    """What was appended is never sent again under its key, so later text would be lost without a word."""
    if constant_key and not once and emitter.variable and _appends(draft.appends, stream):
        message = "this line appends under one key, but its text varies: a later text would never be sent"
        draft.fault(path, None, message, "give it a `key` that names its episode, or `write: once`")


def _appends(known: Callable[[str], bool], stream: str) -> bool:
    return bool(stream) and known(stream)
