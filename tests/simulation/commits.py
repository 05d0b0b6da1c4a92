"""How writes take effect at the systems: what each refuses, and the book of what was done, for the invariants."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connector.adapter import Stream
from connector.errors import Changed, Gone, RecordFault, Rejected
from connector.model import Result, Write
from tests.simulation.flows import CONDITIONS
from tests.simulation.history import Effect
from tests.simulation.systems import GOES, US, System, Thing, claimed, refuses, written

if TYPE_CHECKING:
    from tests.simulation.world import World


class Commits:
    """What one process writes to one system."""

    def __init__(self, world: World, system: System, streams: Mapping[str, Stream], process: str) -> None:
        self._world, self._system, self._streams, self._process = world, system, streams, process
        self._looks: dict[tuple[str, str], list[float]] = {}

    def saw(self, stream: str, thing: Thing) -> None:
        """The process looked at a thing: from now on it may know what it holds."""
        self._looks.setdefault((stream, thing.id), []).append(self._world.scheduler.now)

    def _looked(self, stream: str, target: str, sent: float) -> float:
        """When it saw a thing last, before it sent: a later look knows nothing of what is on its way."""
        looks = self._looks.get((stream, target), [])
        before = bisect_right(looks, sent)
        return looks[before - 1] if before else 0.0

    def refuse_chunk(self, stream: str, batch: Sequence[Write]) -> None:
        """A whole call refused for one row's sake."""
        for write in batch:
            refused = refuses(stream, _plain(write))
            if refused is not None and refused[1] == "chunk":
                self._world.tell(self._system.name, f"refuses a call to {stream}", key=write.key)
                raise Rejected(f"{stream}: no such field", field=refused[0], code="INVALID_FIELD", remedy="correct it")

    def commit(self, stream: str, write: Write, sent: float) -> Result:
        """One row takes effect, or is refused."""
        fields = _plain(write)
        refused = refuses(stream, fields)
        if refused is not None:
            return self._said(stream, write, fields, sent, "refused", error=Rejected(
                f"{stream}: a bad value", field=refused[0], code="INVALID", remedy="correct it"))  # fmt: skip
        if write.op == "create":
            return self._create(stream, write, fields, sent)
        if write.op == "append":
            return self._append(stream, write, fields, sent)
        if write.op == "delete":
            return self._delete(stream, write, sent)
        return self._update(stream, write, fields, sent)

    def _create(self, stream: str, write: Write, fields: dict[str, Any], sent: float) -> Result:
        system = self._system
        held = system.by_key(stream, write.key)
        if held is not None and self._streams[stream].create == "exclusive":
            return self._said(stream, write, fields, sent, "existed", target=held.id, existed=True)
        buried = [thing.id for thing in system.bin if thing.key == write.key and thing.id not in write.forgotten]
        if held is None and write.uncertain and buried:
            error = Gone(f"{stream}: deleted", code="deleted")
            return self._said(stream, write, fields, sent, "gone", target=buried[-1], error=error)
        thing = system.make(stream, fields, key=write.key, by=US, lag=self._lag(stream))
        return self._said(stream, write, fields, sent, "made", target=thing.id)

    def _append(self, stream: str, write: Write, fields: dict[str, Any], sent: float) -> Result:
        of, target = self._streams[stream].object or "", write.target or ""
        if target not in self._system.all(of):
            return self._said(stream, write, fields, sent, "gone", error=Gone(f"{of}: deleted", code="404"))
        thing = self._system.make(stream, {**fields, "IsPublished": True}, by=US)
        thing.mark, thing.parent = write.key, target
        return self._said(stream, write, fields, sent, "appended", target=target)

    def _update(self, stream: str, write: Write, fields: dict[str, Any], sent: float) -> Result:
        of, target = self._streams[stream].object or stream, write.target or ""
        thing = self._system.all(of).get(target)
        if thing is None:
            return self._said(stream, write, fields, sent, "gone", error=Gone(f"{of}: deleted", code="404"))
        if self._changed(thing, write):
            return self._said(stream, write, fields, sent, "changed", target=target, error=Changed("412", code="412"))
        if self._streams[stream].conditions:
            wanted = fields["status"]
            if wanted == thing.fields["status"]:
                return self._said(stream, write, fields, sent, "already", target=target)
            if wanted not in GOES[thing.fields["status"]]:
                error: RecordFault = Rejected(f"{stream}: may not follow", code="409", remedy="decide anew")
                return self._said(stream, write, fields, sent, "refused", target=target, error=error)
        before = {name: thing.fields.get(name) for name in fields}
        taken, taken_at = claimed(thing) if self._streams[of].claims else None, thing.claimed_at
        self._system.save(of, target, fields, by=US, lag=self._lag(of))
        return self._said(stream, write, fields, sent, "updated", target=target, before=before, taken=(taken, taken_at))

    def _delete(self, stream: str, write: Write, sent: float) -> Result:
        target = write.target or ""
        thing = self._system.all(stream).get(target)
        if thing is None:
            return self._said(stream, write, {}, sent, "gone", error=Gone(f"{stream}: deleted", code="404"))
        if self._changed(thing, write):
            return self._said(stream, write, {}, sent, "changed", target=target, error=Changed("412", code="412"))
        held = dict(thing.fields)
        self._system.remove(stream, target, by=US)
        return self._said(stream, write, {}, sent, "deleted", target=target, before=held)

    def _changed(self, thing: Thing, write: Write) -> bool:
        if write.unless_changed is None or int(thing.saved) <= int(write.unless_changed):
            return False
        self._world.record_faults.add(write.key)
        return True

    def _said(
        self, stream: str, write: Write, fields: Mapping[str, Any], sent: float, outcome: str, *, target: str = "",
        error: RecordFault | None = None, existed: bool = False, before: Mapping[str, Any] | None = None,
        taken: tuple[str | None, float] = (None, 0.0),
    ) -> Result:  # fmt: skip
        world, full = self._world, f"{self._system.name}.{stream}"
        effects = world.history.effects
        effects.append(
            Effect(
                len(effects), world.scheduler.now, sent, self._process, full, write.op, write.key,
                target or write.target or "", dict(fields), outcome, dict(before or {}), *taken,
                looked=self._looked(stream, target or write.target or "", sent),
                guarded=write.unless_changed is not None,
            )
        )  # fmt: skip
        shown = {name: value for name, value in fields.items() if name not in ("ParentId",)}
        world.tell(self._system.name, f"{outcome}: {write.op} {full}", by=self._process, key=write.key,
                   target=target or write.target, fields=shown)  # fmt: skip
        world.watch(effects[-1], write)
        if outcome in ("made", "updated"):
            world.people.react(full, effects[-1].target, fields)
        return Result(target or None, error, existed)

    def _lag(self, stream: str) -> float:
        return float(self._world.plan.settings["lag"]) if self._system.name == "shop" else 0.0

    # -- looks -----------------------------------------------------------------------------------------------------------

    def standing(self, stream: str, looking: Sequence[Write]) -> set[tuple[str | None, str]]:
        """What stands already under these keys."""
        marks = {(thing.parent, thing.mark) for thing in self._system.all(stream).values()}
        return {(write.target, write.key) for write in looking if (write.target, write.key) in marks}

    def look_at(self, stream: str, write: Write) -> Result | None:
        """A guarded step before it is sent: done already, refused, or None: may go."""
        thing = self._system.all(self._streams[stream].object or "").get(write.target or "")
        fields = _plain(write)
        now = self._world.scheduler.now
        if thing is None:
            return self._said(stream, write, fields, now, "gone", error=Gone("deleted", code="404"))
        self.saw(stream, thing)
        is_now, wanted = thing.fields["status"], fields["status"]
        if is_now == wanted or is_now in _names(write.fields.get("or_already")):
            return self._said(stream, write, fields, now, "already", target=thing.id)
        if is_now not in _names(write.fields.get("only_from")):
            error = Rejected(f"{stream} is {is_now}", field="status", code="ONLY_FROM", remedy="decide anew")
            return self._said(stream, write, fields, now, "refused", target=thing.id, error=error)
        return None


def _plain(write: Write) -> dict[str, Any]:
    return {name: written(value) for name, value in write.fields.items() if name not in CONDITIONS}


def _names(text: Any) -> list[str]:
    return [name.strip() for name in str(text or "").split(",")]
