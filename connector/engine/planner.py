"""From a mapped record to steps: which stream, which key, which object each line writes to."""

from __future__ import annotations

from datetime import datetime

from connector import keys
from connector.engine.endings import returned
from connector.engine.late import lasting
from connector.engine.places import Place, Places
from connector.engine.plan import DELETING, RefusedBefore, Step, Work
from connector.errors import MappingFault
from connector.flow import Flow
from connector.mapping.spec import LineSpec, Wanted
from connector.model import Line
from connector.states import record_key


class Planner:
    """Plans rows of one flow. `answered` is the flow that it answers, if any; `now` tells which doubts have ended."""

    def __init__(self, flow: Flow, answered: Flow | None, places: Places, now: datetime) -> None:
        self._flow, self._answered, self._places, self._now = flow, answered, places, now
        self._placed: dict[str | None, Place] = {}

    def place(self, to: str | None) -> Place:
        known = self._placed.get(to)
        if known is None:
            known = self._placed[to] = self._places.named(self._flow, to)
        return known

    def map(self, work: Work) -> None:
        """Map one row and lay out its steps; sets `settle` when the mapping leaves it out. Raises MappingFault."""
        leased, record = work.leased, work.record
        assert record is not None, "enrichment gives every row a record or an outcome"
        answers = self._answered is not None
        under_care = leased.entered or bool(work.held)  # held: its process died before it could say that it had entered
        work.mapped = self._flow.mapping.map(
            record,
            lookups=work.lookups,
            origin=work.origin,
            entered=not answers and under_care,
            size=leased.size if record is leased.record else None,
        )
        if work.mapped.filtered is not None and (work.mapped.care or not under_care):
            work.ends("filtered", work.mapped.filtered, route=work.mapped.route, keep_record=leased.entered)
            return
        seen: set[tuple[str, str]] = set()
        for wanted in work.mapped.lines:
            step = self._step(work, wanted)
            if step.name in seen:
                raise MappingFault(
                    f"line {wanted.spec.id!r} is asked for twice under the key {wanted.key!r}",
                    remedy="give each element a key of its own",
                )
            seen.add(step.name)
            work.steps.append(step)
        if self._flow.mapping.ends:
            self._endings(work, seen)

    def _endings(self, work: Work, seen: set[tuple[str, str]]) -> None:
        """Steps for lines that were sent, or may have been, and that the record asks for no longer."""
        leased, care = work.leased, work.mapped is None or work.mapped.care
        for step in work.steps:
            if step.before is not None and DELETING in step.before.digests:
                returned(step, self._now)
        specs = {spec.id: spec for spec in self._flow.mapping.lines if spec.ends}
        known = dict.fromkeys([*leased.lines, *work.held])
        if (
            not care and leased.uncertain is not None and not work.scope
        ):  # its object may stand although no settle has told of it
            known.setdefault(("main", ""))
        for name in known:
            spec = specs.get(name[0])
            if spec is None or name in seen or work.own(name[1]) is None:
                continue
            if spec.ends != "leave" if care else (spec.id == "main" and spec.ends in ("undo", "leave")):
                self._ending(work, spec, name)

    def _ending(self, work: Work, spec: LineSpec, name: tuple[str, str]) -> None:
        leased, held, record = work.leased, work.held.get(name, ()), work.record
        before = leased.lines.get(name)
        assert record is not None, "it was mapped a moment ago"
        if before is not None and (before.gone or (before.state == "ended" and not held)):
            return
        target = before.target if before is not None and before.target else held[0].target if held else None
        if target is None and (spec.has_target or (leased.uncertain is None and not (before and before.uncertain))):
            return  # nothing was made
        if spec.ends == "undo" and not held and not (before and before.digests):
            return  # nothing was written
        main, key = leased.lines.get(("main", work.scope)), work.own(name[1]) or ""
        ending = self._flow.mapping.ending(
            name[0], key, record, lookups=work.lookups, origin=work.origin, main_id=main.target if main else None
        )
        if ending is None:
            return
        place, wanted = self.place(spec.to), Wanted(spec, key, target, {})
        step = Step(work, wanted, place, self._key(work, wanted, place), before, target, "ready")
        step.makes, step.ending = not spec.has_target, ending
        step.digests = dict(before.digests) if before else {}
        step.uncertain = _doubt(step, leased.uncertain, self._now)
        if before is not None and before.state == "rejected" and leased.attempts > 0:
            step.state, step.error = "failed", _refused_before(before)
        work.steps.append(step)

    def may_have_entered(self, work: Work) -> bool:
        """Left out now, but an earlier version may have made an object before its process died: worth a look."""
        leased = work.leased
        return (
            work.settle is not None
            and work.settle.state == "filtered"
            and leased.uncertain is not None
            and not leased.entered
            and self._answered is None
            and any(
                spec.id == "main" and not (spec.has_key or spec.has_target or spec.each)
                for spec in self._flow.mapping.lines
            )
        )

    def main_key(self, work: Work) -> str:
        """The key of a row's own main object."""
        longest = self.place(None).stream.key_length
        return keys.make(self._flow.id, work.leased.site, work.leased.key, longest=longest)

    def told(self, work: Work, wanted: Wanted) -> Step:
        """The step that tells the source of a refusal: its own record, unless the mapping names another object.
        Raises MappingFault."""
        source, place = self._places.source(self._flow), self.place(wanted.spec.to)
        own = place.connection == source.connection and place.stream.object == source.name
        if wanted.target is None and own:
            wanted.target = record_key(work.leased.key) if self._flow.by_state else work.leased.key
        return self._step(work, wanted)

    def _step(self, work: Work, wanted: Wanted) -> Step:
        place = self.place(wanted.spec.to)
        step = Step(work, wanted, place, self._key(work, wanted, place), None, None)
        before = step.before = work.leased.lines.get(step.name)
        step.append = "append" in place.stream.writes
        named = self._target(work, step)
        step.makes = named is None and not step.append and wanted.spec.to != "main"
        step.target = named or (before.target if before and not step.append else None)
        if wanted.values is not None:
            self._check_target(step)
        step.uncertain = _doubt(step, work.leased.uncertain, self._now)
        if before is not None and before.state == "rejected" and work.leased.attempts > 0:
            # its other lines are tried again; this one was refused for good in this same version
            step.state, step.error = "failed", _refused_before(before)
        return step

    @staticmethod
    def _check_target(step: Step) -> None:
        """A line that names its object must have one: without it an update would become a create."""
        spec = step.wanted.spec
        lesser = step.append or step.place.stream.object is not None
        if step.target is None and (spec.has_target or lesser) and spec.to != "main":
            what = "its target is null" if spec.has_target else "nothing says to which object"
            raise MappingFault(
                f"line {spec.id!r} writes to {step.place.full}, but {what}",
                remedy="give the line a `target:` that is set",
            )

    def _target(self, work: Work, step: Step) -> str | None:
        wanted, place = step.wanted, step.place
        named = _named(step)
        if named is not None:
            return named
        if self._answered is None or work.origin is None or (wanted.spec.has_key and wanted.spec.id == "main"):
            return None
        source = self._places.source(self._answered)
        of = place.stream.object or place.name
        if place.connection == source.connection and of == source.name:
            return work.origin.key
        return None

    def _key(self, work: Work, wanted: Wanted, place: Place) -> str:
        leased, spec = work.leased, wanted.spec
        site, record = (work.origin.site, work.origin.key) if work.origin else (leased.site, leased.key)
        longest = place.stream.key_length
        if work.element and spec.id != "main":
            line_key = f"{keys.escape(work.element)}:{keys.escape(wanted.key)}" if wanted.key else work.element
            return keys.make(self._flow.id, site, record, spec.id, line_key, longest=longest)
        if spec.id == "main" and not spec.each:
            return keys.make(self._flow.id, site, wanted.key if spec.has_key else record, longest=longest)
        return keys.make(self._flow.id, site, record, spec.id, wanted.key, longest=longest)

    def complete(self, step: Step) -> None:
        """Values of a line that waited for its main object. Raises MappingFault."""
        if step.wanted.values is not None and step.wanted.spec.to != "main":
            self._check_target(step)
            return
        work = step.work
        main = next((other for other in work.steps if other.wanted.spec.id == "main"), None)
        if main is None or main.target is None:
            raise MappingFault(f"line {step.wanted.spec.id!r} uses main.id, but there is no main object")
        if step.wanted.spec.to == "main":
            step.target = main.target
        if step.wanted.values is None:
            assert work.record is not None, "a record whose lines are not all worked out yet is kept"
            again = self._flow.mapping.map(
                work.record, lookups=work.lookups, origin=work.origin, entered=True, main_id=main.target
            )
            known = {(wanted.spec.id, wanted.key): wanted for wanted in again.lines}
            for other in work.steps:  # at once: a hundred comments need not map their record a hundred times
                name = (other.wanted.spec.id, other.wanted.key)
                if other.wanted.values is None and name in known:
                    other.wanted = known[name]
                    other.target = _named(other) or other.target
            if step.wanted.values is None:
                raise MappingFault(f"line {step.wanted.spec.id!r} vanished once main.id was known")
            self._check_target(step)


def _named(step: Step) -> str | None:
    """The object that a line names: by its `target:`, or by the field that names it on an append stream."""
    wanted, field = step.wanted, step.place.stream.names_object
    if wanted.target is not None or field is None or not wanted.values:
        return wanted.target
    named = wanted.values.get(field)
    return named if isinstance(named, str) and named else None


def _doubt(step: Step, cut_off: datetime | None, now: datetime) -> datetime | None:
    """Since when this line may have been sent without our knowing: its own lost reply, or a delivery of its row that was
    cut off (`cut_off`, which stays with the row: which lines it sent, nobody knows) and after which it was not sent yet."""
    before = step.before
    if before is None:
        return cut_off
    own = lasting(step, now) if before.uncertain is not None else None
    if cut_off is None or _over(step) or (before.sent_at is not None and before.sent_at >= cut_off):
        return own
    return cut_off if own is None else max(own, cut_off)  # what was cut off may have been its second try


def _over(step: Step) -> bool:
    """Whether what was sent stays sent, whatever happened to later deliveries: an append, and a guarded line's episode. That
    one, sent again for a doubt about other lines, would undo what others did since, or be refused for it."""
    episode = bool(step.place.stream.conditions and step.wanted.key)
    return step.before is not None and step.before.state == "sent" and (step.append or episode)


def _refused_before(line: Line) -> RefusedBefore:
    return RefusedBefore(line.reason or "refused before", field=line.field, remedy=line.remedy, code=line.code)
