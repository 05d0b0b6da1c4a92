"""A remote system in memory that behaves: it keeps what is written, refuses what a real one refuses, and fails by script.

Streams are declared by their facts (`connector.adapter.Stream`), so one class plays an exclusive case system, a shop with
plain creates, and an append stream. `fail` scripts faults, before or after the commit; `during` lets a person act while a
write is under way, `meanwhile` before or after any call.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from connector.adapter import Clock, Stream
from connector.errors import Changed, Gone, RecordFault, RemoteError, Unavailable
from connector.model import Cursor, Page, Record, Report, Result, Select, Stay, StreamUse, Write
from connector.stamps import parse, stamp

_NEVER = "9999"


class NoSettings(BaseModel):
    """A scripted system needs none."""


@dataclass(slots=True)
class _Script:
    verb: str
    error: RemoteError
    times: int
    committed: bool
    when: Callable[[Write], bool] | None


class ScriptedAdapter:
    """Satisfies connector.adapter.Adapter.

    `objects[stream][key]` are the Records held; `log` lists (verb, stream, count) of every call that was made;
    `appended[stream][target]` lists (our key, fields) in order; `created[our key]` counts creates that were committed.
    """

    Settings: ClassVar[type[BaseModel]] = NoSettings

    def __init__(self, clock: Clock, streams: Sequence[Stream], *, page: int = 200, site: str = "") -> None:
        self.clock, self.page, self.site = clock, page, site
        self.here = clock
        """The clock of our own machine; `clock` is the remote system's."""
        self.streams: Mapping[str, Stream] = {stream.name: stream for stream in streams}
        self.objects: dict[str, dict[str, Record]] = defaultdict(dict)
        self.appended: dict[str, dict[str, list[tuple[str, dict[str, Any]]]]] = defaultdict(lambda: defaultdict(list))
        self.created: dict[str, int] = defaultdict(int)
        self.log: list[tuple[str, str, int]] = []
        self.sent: list[tuple[str, Write]] = []
        self.deadline = 10.0
        self.hidden: set[str] = set()
        """Fields that no reader may see any more: a permission that was taken away."""
        self.histories: dict[str, dict[str, list[Stay]]] = defaultdict(dict)
        """By stream and key who had a record, where the system remembers it; without an entry it does not."""
        self.activity: dict[str, dict[str, str]] = defaultdict(dict)
        """By stream and key when somebody did something with a record, as a stamp."""
        self._ours: set[tuple[str, str]] = set()
        """Objects that we saved last."""
        self._scripts: list[_Script] = []
        self._during: list[Callable[[str, Sequence[Write]], None]] = []
        self._meanwhile: dict[tuple[int, bool], list[Callable[[], None]]] = defaultdict(list)
        self._versions: dict[tuple[str, str], int] = defaultdict(int)
        self._bin: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._number = 0
        self._lock = threading.RLock()

    # -- what tests do -------------------------------------------------------------------------------------------------

    def put(self, stream: str, key: str, *, at: datetime | None = None, **fields: Any) -> Record:
        """A person or the shop saves a record: fields merge over those it has, its stamp is now."""
        with self._lock:
            old = self.objects[stream].get(key)
            merged = {**(old.fields if old else {}), **fields}
            moment = stamp(at or self.clock.now()) if self.streams[stream].order == "stamp" else None
            record = Record(
                key,
                merged,
                moment,
                self.site,
                old.our_key if old else None,
                merged.get("claimed_by") or None,
            )
            self.objects[stream][key] = record
            self._ours.discard((stream, key))
            self._versions[stream, key] += 1
            return record

    def remove(self, stream: str, key: str) -> None:
        """A person deletes an object; under our key it lies in a recycle bin."""
        with self._lock:
            record = self.objects[stream].pop(key)
            if record.our_key:
                self._bin[stream, record.our_key].append(key)

    def by_our_key(self, stream: str) -> dict[str, Record]:
        """Objects that bear a key of ours, by that key."""
        return {record.our_key: record for record in self.objects[stream].values() if record.our_key}

    def fail(
        self,
        verb: Literal["check", "read", "fetch", "write"],
        error: RemoteError,
        *,
        times: int = 1,
        committed: bool = False,
        when: Callable[[Write], bool] | None = None,
    ) -> None:
        """Raise `error` for the next `times` calls of a verb; `committed`: after the write took effect.

        With `when` the call succeeds and the error is returned for the rows that it picks.
        """
        self._scripts.append(_Script(verb, error, times, committed, when))

    def during(self, act: Callable[[str, Sequence[Write]], None]) -> None:
        """Call `act(stream, batch)` once, in the middle of the next write, after it was committed."""
        self._during.append(act)

    def meanwhile(self, act: Callable[[], None], *, call: int = 1, after: bool = False) -> None:
        """A person acts right before the `call`-th call from now takes effect, or right after: before its answer is read."""
        self._meanwhile[len(self.log) + call, after].append(act)

    def count(self, verb: str) -> int:
        """Calls of one verb so far."""
        return sum(1 for name, _, _ in self.log if name == verb)

    # -- the four verbs ------------------------------------------------------------------------------------------------

    def check(self, uses: Sequence[StreamUse] = ()) -> Report:
        self._begin_call("check", "", 0)
        self._maybe_raise("check", committed=False)
        self._people(after=True)
        return Report({"system": "scripted"})

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
        begin, place, bound = self._since(since, overlap), ("", ""), _NEVER
        while True:
            self._begin_call("read", stream, 0)
            self._maybe_raise("read", committed=False)
            asked = self.clock.now()
            with self._lock:
                found = sorted(
                    (record.stamp or "", record.key)
                    for record in self.objects[stream].values()
                    if (record.stamp or "") >= begin
                    and (record.stamp or "", record.key) > place
                    and (select.key_prefix is None or (record.our_key or "").startswith(select.key_prefix))
                    and select.where.get("open") in (None, not record.fields.get("closed"))
                    and select.where.get("claimed") in (None, bool(record.claimed_by))
                )
                here = found[: self.page]
                records = [self._shown(stream, self.objects[stream][key], select) for _, key in here]
            self._people(after=True)
            place = here[-1] if here else place
            cursor = place[0] or begin or stamp(asked)
            if cursor > stamp(asked - timedelta(seconds=overlap)):  # later pages do not look behind this one again
                bound = min(bound, stamp(asked))
            yield Page(records, json.dumps([min(cursor, bound)]), self.clock.now(), len(found))
            if len(found) <= self.page:
                return

    @staticmethod
    def _since(since: Cursor | datetime | None, overlap: float) -> str:
        if since is None:
            return ""
        at = parse(json.loads(since)[0]) if isinstance(since, str) else since
        return stamp(at - timedelta(seconds=overlap))

    def _shown(self, stream: str, record: Record, select: Select) -> Record:
        if self.hidden:
            record = replace(record, fields={k: v for k, v in record.fields.items() if k not in self.hidden})
        if select.keys_only:
            return replace(record, fields={})
        if not select.fields:
            return record
        if self.streams[stream].parts:
            return replace(record, fields=_parts(record.fields, [path.split(".") for path in select.fields]))
        return replace(record, fields={name: record.fields[name] for name in select.fields if name in record.fields})

    def fetch(
        self, stream: str, keys: Sequence[str], *, by: Literal["key", "our_key"] = "key", select: Select
    ) -> Mapping[str, Record]:
        self._begin_call("fetch", stream, len(keys))
        self._maybe_raise("fetch", committed=False)
        with self._lock:
            held = self.by_our_key(stream) if by == "our_key" else self.objects[stream]
            found = {
                key: replace(self._shown(stream, held[key], select), guard=self._guard(stream, held[key]))
                for key in keys
                if key in held
            }
        self._people(after=True)
        return found

    def _guard(self, stream: str, record: Record) -> str | None:
        """The condition "as it is now"; None when a change within the same second could hide behind it."""
        match self.streams[stream].conditional:
            case "exact":
                return str(self._versions[stream, record.key])
            case "1s" if record.stamp is not None and record.stamp[:19] < stamp(self.clock.now())[:19]:
                return record.stamp[:19]
        return None

    def _changed(self, stream: str, write: Write, record: Record) -> bool:
        """Whether a condition fails, as exactly as the system can tell."""
        if write.unless_changed is None:
            return False
        kind = self.streams[stream].conditional
        assert kind != "none", f"{stream} takes no conditional writes"
        now = str(self._versions[stream, record.key]) if kind == "exact" else (record.stamp or "")[:19]
        return now != write.unless_changed

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        assert len({write.op for write in batch}) == 1, "a batch is of one kind"
        assert len(batch) <= self.streams[stream].batch, "the engine keeps to the stream's batch"
        if batch[0].until is not None and self.here.now() > batch[0].until:
            raise Unavailable(f"{stream}: the call's time was over before anything was sent")
        self._begin_call("write", stream, len(batch))
        named = [write.target if write.op == "update" else write.key for write in batch]
        assert len(set(named)) == len(named), f"{stream}: an object stands twice in one call, which real systems refuse"
        self._maybe_raise("write", committed=False)
        with self._lock:
            results = [self._row_fault(write) or self._commit(stream, write) for write in batch]
            self.sent.extend((stream, write) for write in batch)
        for act in [self._during.pop(0)] if self._during else []:
            act(stream, batch)
        self._people(after=True)
        self._maybe_raise("write", committed=True)
        return results

    # -- who has a record (connector.adapter.Attended) -----------------------------------------------------------------

    def owner(self, stream: str, record: Record) -> Stay:
        """Who has claimed it, else the queue in `OwnerId`; the field `closed` ends its stay."""
        person, queue = record.claimed_by, record.fields.get("OwnerId")
        name = str(person or getattr(queue, "name", queue) or "")
        since = record.stamp or stamp(self.clock.now())
        closed, ours = record.fields.get("closed"), (stream, record.key) in self._ours
        return Stay(name, name, bool(person), since, since if closed else None, ours)

    def stays(self, stream: str, records: Sequence[Record]) -> Mapping[str, Sequence[Stay]]:
        self._begin_call("stays", stream, len(records))
        known = self.histories[stream]
        return {record.key: known[record.key] for record in records if record.key in known}

    def active(self, stream: str, records: Sequence[Record]) -> Mapping[str, str]:
        self._begin_call("active", stream, len(records))
        known = self.activity[stream]
        return {record.key: known[record.key] for record in records if record.key in known}

    def calls(self) -> int:
        return len(self.log)

    def longest_call(self) -> float:
        return self.deadline

    def close(self) -> None:
        """Nothing is held."""

    # -- how writes take effect ----------------------------------------------------------------------------------------

    def _commit(self, stream: str, write: Write) -> Result:
        if write.op == "append":
            assert write.target is not None
            notes = self.appended[stream][write.target]
            assert not write.fresh or all(key != write.key for key, _ in notes), (
                "nothing of ours stands at a new object"
            )
            if any(key == write.key for key, _ in notes) and write.uncertain:
                return Result(write.key, existed=True)
            notes.append((write.key, dict(write.fields)))
            return Result(f"{write.target}/{len(notes)}")
        if write.op == "create":
            return self._create(stream, write)
        if write.op == "delete":
            return self._delete(stream, write)
        conditions = self.streams[stream].conditions
        stream = self.streams[stream].object or stream
        if write.target is None or write.target not in self.objects[stream]:
            return Result(write.target, Gone(f"{stream} {write.target} is gone", code="404"))
        if self._changed(stream, write, self.objects[stream][write.target]):
            return Result(write.target, Changed(f"{stream} {write.target} was changed meanwhile", code="412"))
        record = self.put(stream, write.target, **{k: v for k, v in write.fields.items() if k not in conditions})
        self._ours.add((stream, record.key))
        return Result(record.key)

    def _delete(self, stream: str, write: Write) -> Result:
        held = self.objects[stream].get(write.target or "")
        if held is None:
            return Result(write.target, Gone(f"{stream} {write.target} is gone", code="404"))
        if self._changed(stream, write, held):
            return Result(write.target, Changed(f"{stream} {write.target} was changed meanwhile", code="412"))
        self.remove(stream, held.key)
        return Result(held.key)

    def _create(self, stream: str, write: Write) -> Result:
        held = self.by_our_key(stream).get(write.key)
        if held is not None and self.streams[stream].create == "exclusive":
            return Result(held.key, existed=True)
        buried = [key for key in self._bin[stream, write.key] if key not in write.forgotten]
        if write.uncertain and held is None and buried:
            return Result(buried[-1], Gone(f"{stream} {buried[-1]} was deleted", code="deleted"))
        self._number += 1
        key = f"{stream}-{self._number}" if self.streams[stream].create == "exclusive" else write.key
        self.created[write.key] += 1
        record = self.put(stream, key, **write.fields)
        self.objects[stream][key] = replace(record, our_key=write.key)
        return Result(key)

    # -- people and scripted faults ------------------------------------------------------------------------------------

    def _begin_call(self, verb: str, stream: str, count: int) -> None:
        self.log.append((verb, stream, count))
        self._people(after=False)

    def _people(self, *, after: bool) -> None:
        for act in self._meanwhile.pop((len(self.log), after), ()):
            act()

    def _maybe_raise(self, verb: str, *, committed: bool) -> None:
        with self._lock:
            for script in self._scripts:
                if script.verb == verb and script.when is None and script.committed == committed and script.times > 0:
                    script.times -= 1
                    raise script.error

    def _row_fault(self, write: Write) -> Result | None:
        for script in self._scripts:
            if script.verb == "write" and script.when is not None and script.times > 0 and script.when(write):
                script.times -= 1
                assert isinstance(script.error, RecordFault), "only faults of a record are returned for a row"
                return Result(write.target, script.error)
        return None


def _parts(value: Any, paths: Sequence[Sequence[str]]) -> Any:
    """A value cut down to these parts of it; of a list, each element is."""
    if isinstance(value, list):
        return [_parts(each, paths) for each in value]
    if not isinstance(value, dict) or [] in paths:
        return value
    below = {name: [list(path[1:]) for path in paths if path[0] == name] for name in value}
    return {name: _parts(each, below[name]) for name, each in value.items() if below[name]}
