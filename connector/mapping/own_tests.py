"""A mapping's own tests: a record, and the writes that it must ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from connector.document import did_you_mean
from connector.errors import Fault, MappingFault
from connector.mapping.compiled import CompiledMapping
from connector.mapping.draft import Draft, Path
from connector.mapping.own_endings import compare_ends, ends_of, lint_ends
from connector.mapping.scope import NOW
from connector.mapping.spec import Ending, LineSpec, Mapped, Refusal, Wanted
from connector.model import File, Record, Ref

_OUTCOMES = ("writes", "filtered", "parked", "told")
_KEYS = (
    "name", "record", "lookups", "origin", "entered", "main_id", "route", "once_per", "refused", "had", "ends", *_OUTCOMES
)  # fmt: skip
_RECORD = ("key", "stamp", "site", "now", "fields")
_ORIGIN = (*_RECORD, "this")
_REFUSED = ("line", "key", "stream", "reason", "field", "remedy", "code")
_WRITE = ("to", "line", "key", "target", "fields", "absent")


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What became of one test; `failures` say where the test stands, what it expected and what it got."""

    __test__: ClassVar[bool] = False  # not a test class, whatever its name looks like to pytest

    name: str
    failures: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        return not self.failures


def lint_tests(
    draft: Draft,
    given: Any,
    specs: Sequence[LineSpec],
    lookups: set[str],
    told: LineSpec | None = None,
    *,
    once_per: bool = False,
) -> None:
    """Faults in the tests themselves: unknown words, lines and fields that the mapping never writes."""
    names: set[str] = set()
    for at, written in enumerate(draft.sequence(("tests",), given, "tests")):
        path: Path = ("tests", at)
        test = draft.keys(path, written, _KEYS, (), "a test")
        name = draft.text((*path, "name"), test.get("name", ""), "name")
        if not name or name in names:
            said = f"two tests are called '{name}'" if name else "a test needs a 'name'"
            draft.fault(path, None, said, "say what it promises")
        names.add(name)
        if "record" not in test:
            draft.fault(path, None, "a test needs a 'record'", "record: {key: RR-1, fields: {…}}")
        for part in ("record", "origin"):
            if part in test:
                known = _RECORD if part == "record" else _ORIGIN
                record = draft.keys((*path, part), test[part], known, (), f"a test's {part}")
                draft.names((*path, part, "fields"), record.get("fields"), "fields")
        for lookup in draft.names((*path, "lookups"), test.get("lookups"), "lookups"):
            if lookup not in lookups:
                remedy = did_you_mean(lookup, lookups)
                draft.fault((*path, "lookups", lookup), None, f"unknown lookup '{lookup}'", remedy, key=True)
        if sum(each in test for each in _OUTCOMES) != 1:
            message = "a test expects one of writes, filtered, parked or told"
            draft.fault(path, None, message, "writes: [] means none")
        if "had" in test or "ends" in test:
            lint_ends(draft, path, test, specs)
        if "once_per" in test and not once_per:
            draft.fault((*path, "once_per"), None, "this mapping has no `once_per`", "add it", key=True)
        if "refused" in test or "told" in test:
            _lint_told(draft, path, test, told)
        for number, write in enumerate(draft.sequence((*path, "writes"), test.get("writes"), "writes")):
            _lint_write(draft, (*path, "writes", number), write, specs)


def _lint_told(draft: Draft, path: Path, test: dict[str, Any], told: LineSpec | None) -> None:
    if told is None:
        draft.fault(path, None, "this mapping tells nothing", "add `refused`")
        return
    if ("refused" in test) != ("told" in test):
        draft.fault(
            path, None, "'refused' and 'told' stand together", "refused: {line: …, reason: …}, told: {fields: {…}}"
        )
    refused = draft.keys((*path, "refused"), test.get("refused") or {}, _REFUSED, (), "what was refused")
    if line := refused.get("line"):
        draft.text((*path, "refused", "line"), line, "line")
    expected = test.get("told")
    if expected is False or expected is None:
        return
    expected = draft.keys((*path, "told"), expected, ("target", "fields"), (), "what is told")
    for name in draft.names((*path, "told", "fields"), expected.get("fields"), "fields"):
        if name not in told.policies:
            remedy = did_you_mean(name, told.policies)
            draft.fault((*path, "told", "fields", name), None, f"'refused' does not write '{name}'", remedy, key=True)


def _lint_write(draft: Draft, path: Path, written: Any, specs: Sequence[LineSpec]) -> None:
    write = draft.keys(path, written, _WRITE, (), "a write")
    if not write:
        return
    meant = _meant(write, specs)
    if not meant:
        which = "line" if "line" in write else "to"
        known = [spec.id for spec in specs] if which == "line" else [spec.to or "main" for spec in specs]
        said = write.get(which)
        draft.fault((*path, which), None, f"no line writes '{said}'", did_you_mean(str(said), known))
        return
    fields = {name for spec in meant for name in spec.policies}
    draft.sequence((*path, "absent"), write.get("absent"), "absent")
    for name in draft.names((*path, "fields"), write.get("fields"), "fields"):
        if name not in fields:
            draft.fault(
                (*path, "fields", name), None, f"no such line writes '{name}'", did_you_mean(name, fields), key=True
            )


def _meant(write: dict[str, Any], specs: Sequence[LineSpec]) -> list[LineSpec]:
    """The lines that an expected write may be. The main line's stream is known to the flow only, so it answers to
    `main` and to any `destination.…` that no other line writes."""
    if "line" in write:
        return [spec for spec in specs if spec.id == write["line"]]
    to = str(write.get("to", "main"))
    exact = [spec for spec in specs if spec.to == to and to != "main"]
    if exact or not (to == "main" or to.startswith("destination.")):
        return exact
    return [spec for spec in specs if spec.id == "main"]


def run_tests(mapping: CompiledMapping) -> list[TestOutcome]:
    """Run the tests that stand in the mapping's file, in their order."""
    tests = mapping.document.data.get("tests") or []
    return [_run(mapping, ("tests", at), test) for at, test in enumerate(tests)]


def _record(given: dict[str, Any] | None) -> Record | None:
    if given is None:
        return None
    key, stamp = str(given.get("key", "test")), given.get("stamp")
    fields = dict(given.get("fields") or {})
    if "now" in given:
        fields[NOW] = given["now"]
    if "this" in given:
        fields["this"] = given["this"]
    return Record(key=key, fields=fields, stamp=stamp, site=str(given.get("site", "")))


def _run(mapping: CompiledMapping, path: Path, test: dict[str, Any]) -> TestOutcome:
    record = _record(test["record"])
    assert record is not None
    if "told" in test:
        return TestOutcome(str(test["name"]), tuple(_told(mapping, path, test, record)))
    main_id = test.get("main_id")
    try:
        mapped = mapping.map(
            record,
            lookups=test.get("lookups") or {},
            origin=_record(test.get("origin")),
            entered=bool(test.get("entered", False)),
            main_id=None if main_id is None else str(main_id),
        )
    except MappingFault as fault:
        return TestOutcome(str(test["name"]), tuple(_parked(mapping, path, test, fault)))
    failures = [*_once(mapping, path, test, record), *_compare(mapping, path, test, mapped)]
    if "ends" in test:
        failures += _ends(mapping, path, test, record, mapped)
    return TestOutcome(str(test["name"]), tuple(failures))


def _ends(mapping: CompiledMapping, path: Path, test: dict[str, Any], record: Record, mapped: Mapped) -> list[Fault]:
    """What becomes of lines that were sent before."""

    def ending(line: str, key: str) -> Ending | None:
        origin, lookups = _record(test.get("origin")), test.get("lookups") or {}
        return mapping.ending(line, key, record, lookups=lookups, origin=origin, main_id=test.get("main_id"))

    try:
        found = ends_of(test, mapped, mapping.lines, ending)
    except MappingFault as fault:
        return [mapping.document.fault((*path, "ends"), f"an end cannot be worked out: {fault}", fault.remedy)]

    def equal(wanted: Any, got: Any) -> bool:
        return _equal(wanted, shown(got))

    return compare_ends(found, test["ends"] or [], (*path, "ends"), mapping.document.fault, equal)


def _once(mapping: CompiledMapping, path: Path, test: dict[str, Any], record: Record) -> list[Fault]:
    """What it is evaluated once for, where the test says so."""
    if "once_per" not in test or (got := mapping.once(record)) == str(test["once_per"]):
        return []
    return [
        mapping.document.fault((*path, "once_per"), f"once_per: expected {_say(test['once_per'])}, got {_say(got)}")
    ]


def _told(mapping: CompiledMapping, path: Path, test: dict[str, Any], record: Record) -> list[Fault]:
    """What the source is told of a refusal."""
    facts = {name: str(value) for name, value in (test.get("refused") or {}).items() if value is not None}
    refusal = Refusal(**{"line": "", "key": "", "stream": "", "reason": "", **facts})
    try:
        wanted = mapping.tell(record, refusal, lookups=test.get("lookups") or {}, origin=_record(test.get("origin")))
    except MappingFault as fault:
        return [mapping.document.fault(path, f"what is told cannot be worked out: {fault}", fault.remedy)]
    here = (*path, "told")
    if wanted is None or test["told"] is False:
        got = "nothing" if wanted is None else "something"
        return [] if (wanted is None) is (test["told"] is False) else [mapping.document.fault(here, f"told: got {got}")]
    expected = {name: value for name, value in test["told"].items() if name != "key"}
    return _differences(mapping, here, expected, wanted)


def _parked(mapping: CompiledMapping, path: Path, test: dict[str, Any], fault: MappingFault) -> list[Fault]:
    if "parked" not in test:
        return [mapping.document.fault(path, f"the record parks: {fault}", fault.remedy)]
    wanted = test["parked"]
    if wanted is True or str(wanted).lower() in str(fault).lower():
        return []
    message = f"parks for another reason: expected '{wanted}', got '{fault}'"
    return [mapping.document.fault((*path, "parked"), message)]


def _compare(mapping: CompiledMapping, path: Path, test: dict[str, Any], mapped: Mapped) -> list[Fault]:
    fault = mapping.document.fault
    if "parked" in test:
        got = f"filtered by {mapped.filtered}" if mapped.filtered else f"{len(mapped.lines)} writes"
        return [fault((*path, "parked"), f"expected the record to park, got {got}")]
    if "filtered" in test:
        wanted = test["filtered"]
        well = mapped.filtered == wanted or (mapped.filtered is not None) is wanted
        said = f"filtered by {mapped.filtered}" if mapped.filtered else f"{len(mapped.lines)} writes"
        return [] if well else [fault((*path, "filtered"), f"filtered: expected {_say(wanted)}, got {said}")]
    failures = []
    if mapped.filtered:
        failures.append(fault(path, f"the record is filtered by {mapped.filtered}", "see `when`"))
    if "route" in test and mapped.route != test["route"]:
        failures.append(fault((*path, "route"), f"route: expected '{test['route']}', got '{mapped.route}'"))
    writes = test["writes"] or []
    if not writes and mapped.lines:
        got = ", ".join(line.spec.id for line in mapped.lines)
        failures.append(fault((*path, "writes"), f"expected no writes, got {got}"))
    if not mapped.filtered:
        failures += _writes(mapping, (*path, "writes"), writes, mapped.lines)
    return failures


def _writes(mapping: CompiledMapping, path: Path, writes: list[Any], lines: list[Wanted]) -> list[Fault]:
    """Expected writes in order, each found among the lines that follow the one found before."""
    failures: list[Fault] = []
    start = 0
    for number, write in enumerate(writes):
        here = (*path, number)
        meant = {spec.id for spec in _meant(write, mapping.lines)}
        candidates = [at for at in range(start, len(lines)) if lines[at].spec.id in meant]
        if not candidates:
            which = write.get("line") or write.get("to", "main")
            got = ", ".join(line.spec.id for line in lines) or "nothing"
            failures.append(mapping.document.fault(here, f"expected a write to '{which}', got {got}"))
            continue
        tried = [(at, _differences(mapping, here, write, lines[at])) for at in candidates]
        found = next((at for at, differences in tried if not differences), None)
        if found is None:
            found, differences = tried[0]
            failures += differences
        start = found + 1
    return failures


def _differences(mapping: CompiledMapping, path: Path, write: dict[str, Any], line: Wanted) -> list[Fault]:
    fault, found = mapping.document.fault, []
    for name, got in (("key", line.key), ("target", line.target)):
        if name in write and write[name] != got:
            found.append(fault((*path, name), f"{name}: expected {_say(write[name])}, got {_say(got)}"))
    if line.values is None:
        if write.get("fields"):
            found.append(fault(path, f"line '{line.spec.id}' waits for main.id", "give the test a main_id"))
        return found
    for name, wanted in (write.get("fields") or {}).items():
        here = (*path, "fields", name)
        if name not in line.values:
            found.append(fault(here, f"{name}: expected {_say(wanted)}, but it is left alone"))
        elif not _equal(wanted, shown(line.values[name])):
            found.append(fault(here, f"{name}: expected {_say(wanted)}, got {_say(line.values[name])}"))
    for at, name in enumerate(write.get("absent") or []):
        if name in line.values:
            found.append(
                fault((*path, "absent", at), f"{name}: expected to be left alone, got {_say(line.values[name])}")
            )
    return found


def _equal(wanted: Any, got: Any) -> bool:
    numbers = (int, float, Decimal)
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, numbers) and isinstance(got, numbers):
        return Decimal(str(wanted)) == Decimal(str(got))
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(map(_equal, wanted, got))
    if isinstance(wanted, dict) and isinstance(got, dict):
        return wanted.keys() == got.keys() and all(_equal(wanted[key], got[key]) for key in wanted)
    return bool(wanted == got)


def _say(value: Any) -> str:
    value = shown(value)
    if isinstance(value, str):
        return f"'{value}'"
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if _plain(value) else str(value)


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def shown(value: Any) -> Any:
    """A value as a mapping's tests write it: references as `{ref: queue, name: Returns}`, files as `{file: url}`."""
    if isinstance(value, Ref):
        return {"choice": value.name} if value.kind == "choice" else {"ref": value.kind, "name": value.name}
    if isinstance(value, File):
        return {"file": value.source}
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value
