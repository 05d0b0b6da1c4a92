"""Compile a mapping document: every fault at once, or an object that the engine can call."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connector.document import Document, load
from connector.errors import ConfigFault
from connector.mapping.compiled import CompiledMapping
from connector.mapping.draft import Draft, Lengths, Path
from connector.mapping.elements import Each, each_of
from connector.mapping.endings import care
from connector.mapping.endings import run as run_ending
from connector.mapping.expressions import has_braces
from connector.mapping.functions import Work
from connector.mapping.lines import CompiledLine, DraftLine, also_lines, main_line
from connector.mapping.own_tests import lint_tests
from connector.mapping.parts import paths
from connector.mapping.refusals import run, telling
from connector.mapping.scope import BESIDE, RESERVED, Scope
from connector.mapping.spec import Lookup

_KEYS = (
    "summary", "each", "when", "while", "lookups", "routes", "fields", "leave", "undo", "gone", "also", "key", "target",
    "refused", "once_per", "tests",
)  # fmt: skip
_LOOKUP = ("stream", "key", "keys", "missing", "watch")
_THEN = ("park", "skip", "null")


def appends_by_name(stream: str) -> bool:
    """Whether a stream is known to append by its name alone."""
    return stream.endswith(".notes")


def load_mapping(
    path: str,
    *,
    lengths: Lengths | None = None,
    appends: Callable[[str], bool] = appends_by_name,
    answers: bool | None = None,
) -> CompiledMapping:
    """Read and compile a file. Raises ConfigFault with all faults."""
    return compile_mapping(load(path), lengths=lengths, appends=appends, answers=answers)


def compile_mapping(
    document: Document,
    *,
    lengths: Lengths | None = None,
    appends: Callable[[str], bool] = appends_by_name,
    answers: bool | None = None,
) -> CompiledMapping:
    """A document as a callable mapping. Raises ConfigFault with all faults, in file order.

    `lengths(stream, field)` is the longest text that a remote field takes, None where that is not known; `appends(stream)`
    whether a stream appends; both are asked with streams as written, and with `destination` for the flow's own one.
    `answers`: whether the flow answers another (None: not known, as when a mapping's tests are run).
    """
    draft = Draft(document, lengths=lengths, appends=appends, answers=answers)
    if document.data is None and not draft.faults:
        draft.fault((), None, "the mapping is empty", "see docs/mapping.md")
    data = draft.keys((), document.data, _KEYS, (), "a mapping") if document.data is not None else {}
    if not isinstance(document.data, dict):
        raise ConfigFault(draft.faults)
    made = _compile(draft, data)
    if draft.faults:
        raise ConfigFault(_in_order(draft))
    return made


def _in_order(draft: Draft) -> list[Any]:
    unique = dict.fromkeys(draft.faults)
    return sorted(unique, key=lambda fault: (fault.place.line, fault.place.column))


def _compile(draft: Draft, data: dict[str, Any]) -> CompiledMapping:
    scope = Scope(origin=draft.answers is not False)
    once, of_beside = _once(draft, data, scope)
    scope = replace(scope, now="once_per" in data, beside="once_per" in data)
    lookups, asks = _lookups(draft, data.get("lookups"), scope)
    scope = replace(scope, lookups=frozenset(lookups))
    each = each_of(draft, data, scope)
    when, alone = _when(draft, data, scope, each)
    names = _route_names(draft, data.get("routes"))
    routes = _routes(draft, data["routes"], scope, names) if names else ""
    no_route = "" if names else "the mapping has no routes"
    scope = replace(scope, route=frozenset(names) if names else None, no_route=no_route)
    main = main_line(draft, data, scope, each)
    lines = ([main] if main else []) + also_lines(draft, data.get("also"), scope, main.spec if main else None)
    held = care(draft, data, scope)
    if main and "once_per" in data:
        lines = [main, *(_following(line) for line in lines[1:])]
    told = telling(draft, data["refused"], scope, {line.spec.id for line in lines}) if "refused" in data else None
    if not lines:
        draft.fault((), None, "the mapping writes nothing", "add `fields` or `also`")
    for name, path in names.items():
        if name not in draft.reads.routes:
            draft.fault(path, None, f"no field reads route.{name}", "use it, or take it away", key=True)
    lint_tests(
        draft,
        data.get("tests"),
        [line.spec for line in lines],
        set(lookups),
        told.spec if told else None,
        once_per="once_per" in data,
    )
    functions = _functions(draft)
    return replace(
        _mapping(draft, data, lookups, lines, functions, (when, asks, routes), alone),
        _while=functions.get(held),
        told=told.spec if told else None,
        _telling=run(told, functions),
        once_per="once_per" in data,
        once_beside=of_beside,
        _once=functions.get(once),
    )


def _following(line: DraftLine) -> DraftLine:
    """What a flow by state does beside its main line follows from that: where it was over, nothing is told."""
    if "main" in line.spec.after or line.spec.to == "main":
        return line
    return replace(line, spec=replace(line.spec, after=(*line.spec.after, "main")))


def _once(draft: Draft, data: dict[str, Any], scope: Scope) -> tuple[str, bool]:
    """The function of `once_per`: what a record that a flow by state finds is evaluated once for; and whether it reads the other
    record."""
    if "once_per" not in data:
        return "", False
    never = "each poll would be another: name what the record is in, as queued_since"
    emitter = draft.emitter(replace(scope, no_route="it sees the record alone", no_now=never, beside=True))
    value = emitter.value(draft.spot(("once_per",)), data["once_per"])
    name = draft.module.function(emitter, emitter.call("key_of", value, ast.Constant("once_per")))
    return name, ("r", BESIDE) in emitter.hoists


def _when(draft: Draft, data: dict[str, Any], scope: Scope, each: Each | None) -> tuple[str, bool]:
    """The function of `when`, and whether it can decide before anything is looked up. One that reads the element of `each`
    chooses among the elements."""
    if "when" not in data:
        return "", False
    emitter = draft.emitter(each.inside(scope) if each else scope)
    name = draft.module.function(emitter, emitter.lone(draft.spot(("when",)), data["when"], "when"))
    if each is not None and emitter.reads_element:
        each.when = name
        return "", False
    draft.when_answers = draft.reads.uses_origin  # `when` is compiled before all else but the keys of lookups
    return name, not any(owner == "L" for owner, _ in emitter.hoists)


def _functions(draft: Draft) -> dict[str, Work]:
    if draft.faults:
        return {}
    try:
        return draft.module.compiled()
    except (RecursionError, MemoryError):
        draft.fault((), None, "the expressions are nested too deep", "split them")
        return {}


def _mapping(
    draft: Draft,
    data: dict[str, Any],
    lookups: dict[str, Lookup],
    lines: list[DraftLine],
    functions: dict[str, Work],
    names: tuple[str, str, str],
    alone: bool,
) -> CompiledMapping:
    reads, when, asks, routes = draft.reads, *names
    read = {name: _read(reads.lookups.get(name, set())) for name in lookups}
    summary = draft.text(("summary",), data.get("summary", ""), "summary")
    return CompiledMapping(
        file=draft.document.file,
        summary=summary,
        version=hashlib.sha256(draft.document.text.encode()).hexdigest()[:16],
        fields=None if reads.whole else frozenset(reads.fields),
        paths=None if reads.whole else paths(reads.parts),
        lookups=tuple(replace(each, fields=read[name]) for name, each in lookups.items()),
        lines=tuple(line.spec for line in lines),
        ends="while" in data or any(line.spec.ends for line in lines),
        undoes=any(line.spec.ends == "undo" for line in lines),
        uses_origin=reads.uses_origin,
        origin_fields=frozenset(reads.origin),
        uses_this=reads.uses_this,
        document=draft.document,
        _sites=draft.sites,
        _lines=[_line(line, functions) for line in lines] if functions else [],
        _when=functions.get(when),
        _when_alone=alone,
        _when_plain=not draft.when_answers,
        _lookup_keys=functions.get(asks),
        _routes=functions.get(routes),
        _read_sites=reads.sites,
    )


def _read(fields: set[str] | None) -> frozenset[str] | None:
    return None if fields is None else frozenset(fields)


def _line(line: DraftLine, functions: dict[str, Work]) -> CompiledLine:
    return CompiledLine(
        spec=line.spec,
        path=line.path,
        values=functions[line.values],
        loop=functions.get(line.loop),
        when=functions.get(line.when),
        key=functions.get(line.key),
        target=functions.get(line.target),
        target_needs_main=line.target_needs_main,
        ending=run_ending(line.ending, functions),
    )


def _lookups(draft: Draft, given: Any, scope: Scope) -> tuple[dict[str, Lookup], str]:
    """The lookups by name, and the function that gives their keys."""
    lookups: dict[str, Lookup] = {}
    emitter = draft.emitter(replace(scope, no_route="a lookup's key sees the record and the origin"))
    keys: list[ast.expr | None] = []
    values: list[ast.expr] = []
    for name, written in draft.names(("lookups",), given, "lookups").items():
        path: Path = ("lookups", name)
        if not draft.identifier(path, name, "a lookup", RESERVED):
            continue
        entry = draft.keys(path, written, _LOOKUP, (), "a lookup")
        lookups[name] = _lookup(draft, path, name, entry)
        way = "keys" if "keys" in entry else "key"
        if ("key" in entry) == ("keys" in entry):
            draft.fault(path, None, "a lookup has 'key' or 'keys'", "one of them", key=True)
            continue
        spot = draft.spot((*path, way))
        one = emitter.lone(spot, entry[way], way) if way == "keys" else emitter.value(spot, entry[way])
        keys.append(ast.Constant(name))
        values.append(emitter.call("keys_of", one, ast.Constant(way == "keys")))
    if not values:
        return lookups, ""
    return lookups, draft.module.function(emitter, ast.Dict(keys, values))


def _lookup(draft: Draft, path: Path, name: str, entry: dict[str, Any]) -> Lookup:
    if "stream" not in entry:
        draft.fault(path, None, "a lookup needs 'stream'", "stream: source.orders", key=True)
    stream = draft.stream((*path, "stream"), entry["stream"]) if "stream" in entry else ""
    made = Lookup(name=name, stream=stream, many="keys" in entry)
    if "missing" in entry:
        here = (*path, "missing")
        missing = draft.keys(here, entry["missing"], ("wait", "then"), (), "missing")
        wait = draft.seconds((*here, "wait"), missing["wait"]) if "wait" in missing else made.wait
        then: Any = made.then
        if "then" in missing:
            said = "null" if missing["then"] is None else missing["then"]
            then = draft.one_of((*here, "then"), said, _THEN, "way")
        made = replace(made, wait=wait, then=then)
    watch = "watch" in entry and draft.flag((*path, "watch"), entry["watch"], "watch")
    return replace(made, watch=watch)


def _route_names(draft: Draft, given: Any) -> dict[str, Path]:
    """Every name that some route gives, with its first place."""
    names: dict[str, Path] = {}
    routes = draft.sequence(("routes",), given, "routes")
    for at, written in enumerate(routes):
        path: Path = ("routes", at)
        route = draft.names(path, written, "a route")
        if written is None or set(route) <= {"when"}:
            draft.fault(path, None, "a route gives nothing", "{when: …, queue: Returns}")
        if "when" not in route and at < len(routes) - 1:
            draft.fault(path, None, "the routes after this one are never reached", "it has no `when`: put it last")
        for name in route:
            if name != "when":
                names.setdefault(name, (*path, name))
    return names


def _routes(draft: Draft, given: list[Any], scope: Scope, names: dict[str, Path]) -> str:
    """A function that gives the first matching route's names, its label for people, and its number."""
    emitter = draft.emitter(replace(scope, no_route="a route cannot read a route"))
    body: list[ast.stmt] = []
    for at, written in enumerate(given):
        if not isinstance(written, dict):
            continue
        path: Path = ("routes", at)
        gives = {name: value for name, value in written.items() if name != "when"}
        result = _route(draft, emitter, path, gives)
        if "when" in written:
            test = emitter.lone(draft.spot((*path, "when")), written["when"], "when")
            body.append(ast.If(test, [ast.Return(result)], []))
        else:
            body.append(ast.Return(result))
    body.append(ast.Return(draft.module.constant((dict.fromkeys(names), "no route", -1))))
    return draft.module.function(emitter, body)


def _route(draft: Draft, emitter: Any, path: Path, gives: dict[str, Any]) -> ast.expr:
    plain = {name: value for name, value in gives.items() if not isinstance(value, (dict, list))}
    for name in gives.keys() - plain.keys():
        draft.fault((*path, name), None, "a route's value is text or a template")
    if not any(isinstance(value, str) and has_braces(value) for value in plain.values()):
        label = " ".join(f"{name}={_word(value)}" for name, value in plain.items() if value is not None)
        return draft.module.constant((plain, label, path[-1]))
    keys: list[ast.expr | None] = []
    values: list[ast.expr] = []
    pieces: list[ast.expr] = []
    for name, value in plain.items():
        made, local = emitter.value(draft.spot((*path, name)), value), emitter.known.temporary()
        keys.append(ast.Constant(name))
        values.append(ast.NamedExpr(ast.Name(local, ast.Store()), made))
        pieces += [ast.Constant(f"{' ' if pieces else ''}{name}="), emitter.call("text", ast.Name(local, ast.Load()))]
    return ast.Tuple([ast.Dict(keys, values), emitter.call("cat", *pieces), ast.Constant(path[-1])], ast.Load())


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
