"""Files in, files out: the adapter to copy. Stream `orders` of this connection is the file `orders.jsonl` in its folder.

Every line is one whole version of one record; the last one counts:

    {"key": "00001301", "stamp": "2026-11-20T10:02:00.000Z", "order_total": 59.9}

`key` is required; `stamp`, `site`, `claimed_by` and `deleted` may stand beside the record's own fields. What we create
also carries `our_key`, what we append `target`. Somebody else may append to the same file at any time. Read top-down: the
settings, the four verbs, then the file itself. Three questions decide every adapter: where does a read begin again (the
cursor), what makes a second create harmless (our key), and whose fault is an error (the classes of connector.errors).
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from connector import stamps
from connector.adapter import Clock, Stream
from connector.errors import Gone, Misconfigured, Unavailable
from connector.model import Cursor, Page, Problem, Record, Ref, Report, Result, Select, StreamUse, Write

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*([./][A-Za-z0-9][A-Za-z0-9_-]*)*\Z")
_OURS = ("key", "stamp", "site", "claimed_by", "deleted", "our_key", "target")


class JsonlSettings(BaseModel):
    """What stands under the connection in config.yaml. Unknown keys are refused, so that a typo is found at start."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(description="the folder of the files; relative paths begin where the command runs")
    page: int = Field(default=500, ge=1, le=10_000, description="records in one page")


class Streams(Mapping[str, Stream]):
    """Any sensible name is a stream: a file that does not exist yet is an empty one."""

    def __getitem__(self, name: str) -> Stream:
        if not _NAME.match(name):
            raise KeyError(name)
        owner = name.rpartition(".")[0]  # `orders.notes` appends to `orders`
        return Stream(
            name,
            key="key",
            writes=frozenset({"append"}) if owner else frozenset({"create", "update"}),
            batch=500,
            create="exclusive",  # the file is locked while we look and write
            settle_after=0.0,  # a write has happened or not when the call returns
            claims=True,
            object=owner or None,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Jsonl:
    """One folder of files."""

    Settings: ClassVar[type[BaseModel]] = JsonlSettings
    streams: Mapping[str, Stream] = Streams()

    def __init__(self, name: str, settings: JsonlSettings, *, clock: Clock) -> None:
        self.name, self.settings, self.clock = name, settings, clock
        self._lock = threading.Lock()  # adapters are called from several threads
        self._files: dict[str, _File] = {}
        self._calls = 0

    def check(self, uses: Sequence[StreamUse] = ()) -> Report:
        """Whether the folder is there and every file can be read; a missing file is an empty stream."""
        folder = self.settings.folder
        if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK):
            return Report(problems=(Problem(f"cannot use the folder {folder}", "create it, readable and writable"),))
        problems = []
        for name in (use.stream for use in uses):
            try:
                self.fetch(name, [], select=Select())
            except Misconfigured as error:
                problems.append(Problem(str(error), error.remedy, name))
        return Report({"folder": str(folder)}, tuple(problems))

    def read(
        self, stream: str, since: Cursor | datetime | None, *, select: Select, overlap: float = 60.0
    ) -> Iterator[Page]:
        """Lines after the cursor, which is the file's identity and a position: nothing surfaces late in a file that only
        grows, so no overlap is needed then. A file that was replaced is read from its beginning; the ledger knows repeats.
        """
        if select.where:
            raise Misconfigured("a file cannot select by `where:`", remedy="write the condition as `when:`")
        oldest = stamps.stamp(since - timedelta(seconds=overlap)) if isinstance(since, datetime) else ""
        file, position = self._file(stream), since if isinstance(since, str) else None
        while True:
            read_at = self.clock.now()
            with self._lock, file:
                self._calls += 1
                lines, position = file.after(position, self.settings.page)
            records = [_record(line, select) for line in lines if (line.get("stamp") or oldest) >= oldest]
            prefix = select.key_prefix
            wanted = [each for each in records if prefix is None or (each.our_key or "").startswith(prefix)]
            yield Page(wanted, position, read_at)
            if len(lines) < self.settings.page:
                return

    def fetch(
        self, stream: str, keys: Sequence[str], *, by: Literal["key", "our_key"] = "key", select: Select
    ) -> Mapping[str, Record]:
        """The last version of each."""
        file = self._file(stream)
        with self._lock, file:
            self._calls += 1
            file.catch_up()
            names = {key: key if by == "key" else file.ours.get(key) for key in keys}
            lines = {key: file.latest[name] for key, name in names.items() if name in file.latest}
        return {key: _record(line, select) for key, line in lines.items() if not line.get("deleted")}

    def write(self, stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        """All lines of the batch in one write, on the disk before we answer."""
        file = self._file(stream)
        with self._lock, file:
            if batch and batch[0].until is not None and self.clock.now() > batch[0].until:
                raise Unavailable(f"{stream}: the call's time was over before anything was written")
            self._calls += 1
            file.catch_up()
            lines: list[dict[str, Any]] = []
            results = [self._write(file, write, lines) for write in batch]
            file.append(lines)
        return results

    def calls(self) -> int:
        return self._calls

    def longest_call(self) -> float:
        return 30.0

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _write(self, file: _File, write: Write, lines: list[dict[str, Any]]) -> Result:
        stamp = stamps.stamp(self.clock.now())
        if write.op in ("create", "append"):
            known = file.ours.get(write.key)
            if known is not None:  # our key is the proof that it was done: a repetition writes nothing
                return Result(known, existed=True)
            line = {"key": write.key, "our_key": write.key, "stamp": stamp, **_plain(write.fields)}
            if write.op == "append":
                line["target"] = write.target
        else:
            last = file.latest.get(write.target or "")
            if last is None or last.get("deleted"):
                return Result(error=Gone(f"{write.target} is not there any more"))
            changed = _plain(write.fields)
            line = {key: value for key, value in {**last, **changed}.items() if value is not None} | {"stamp": stamp}
        lines.append(line)
        file.learn(line)
        return Result(str(line["key"]))

    def _file(self, stream: str) -> _File:
        self.streams[stream]  # a name that cannot be one is a KeyError here, before it becomes a path
        with self._lock:
            return self._files.setdefault(stream, _File(self.settings.folder / f"{stream}.jsonl"))


def _record(line: Mapping[str, Any], select: Select) -> Record:
    fields = {name: value for name, value in line.items() if name not in _OURS}
    if select.keys_only:
        fields = {}
    elif select.fields:
        fields = {name: value for name, value in fields.items() if name in select.fields}
    return Record(
        key=line["key"],
        fields=fields,
        stamp=stamps.normal(line.get("stamp")),
        site=line.get("site", ""),
        our_key=line.get("our_key"),
        claimed_by=line.get("claimed_by"),
        own="target" in line,  # what we appended comes back to us and is never mapped
        deleted=bool(line.get("deleted")),
    )


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values: a Ref by its name, a Decimal as a number."""
    out = {}
    for name, value in fields.items():
        out[name] = value.name if isinstance(value, Ref) else float(value) if isinstance(value, Decimal) else value
    return out


class _File:
    """One file, locked while it is used as a context manager, with the last version of every record in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.latest: dict[str, dict[str, Any]] = {}
        self.ours: dict[str, str] = {}
        self._position: Cursor | None = None
        self._open: BinaryIO | None = None

    def __enter__(self) -> _File:
        try:
            self.path.parent.mkdir(exist_ok=True)  # `custom_objects/ReturnRequest`: one folder down
            self._open = self.path.open("a+b")
            fcntl.flock(self._open, fcntl.LOCK_EX)
        except FileNotFoundError as error:
            raise Misconfigured(f"the folder {self.path.parent} is missing", remedy="create it") from error
        except OSError as error:
            raise Unavailable(f"cannot open {self.path}: {error.strerror}") from error
        return self

    def __exit__(self, *error: object) -> None:
        if self._open is not None:
            self._open.close()  # gives the lock back

    def after(self, position: Cursor | None, limit: int) -> tuple[list[dict[str, Any]], Cursor]:
        """Up to `limit` lines after the position, and the position behind them. A last line without its end waits."""
        stream = self._stream()
        status = os.fstat(stream.fileno())
        identity, _, offset = (position or "0:0").partition(":")
        start = int(offset) if identity == str(status.st_ino) and int(offset) <= status.st_size else 0
        stream.seek(start)
        lines: list[dict[str, Any]] = []
        while len(lines) < limit and (raw := stream.readline()).endswith(b"\n"):
            lines.append(self._decoded(raw, start))
            start += len(raw)
        return lines, f"{status.st_ino}:{start}"

    def catch_up(self) -> None:
        """Learn the lines that came since the last time, ours or somebody else's."""
        while True:
            lines, self._position = self.after(self._position, 1000)
            for line in lines:
                self.learn(line)
            if len(lines) < 1000:
                return

    def learn(self, line: dict[str, Any]) -> None:
        self.latest[line["key"]] = line
        if "our_key" in line:
            self.ours[line["our_key"]] = line["key"]

    def append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        stream = self._stream()
        try:
            stream.write(b"".join(orjson.dumps(line) + b"\n" for line in lines))
            stream.flush()
            os.fsync(stream.fileno())
        except OSError as error:
            self.latest, self.ours, self._position = {}, {}, None  # what is on the disk counts
            raise Unavailable(f"cannot write to {self.path}: {error.strerror}", uncertain=True) from error

    def _decoded(self, raw: bytes, offset: int) -> dict[str, Any]:
        try:
            line = orjson.loads(raw)
            if isinstance(line, dict) and isinstance(line.get("key"), str) and line["key"]:
                stamps.normal(line.get("stamp"))
                return line
            problem = "not an object with a text under `key`"
        except (orjson.JSONDecodeError, ValueError, TypeError, AttributeError) as error:
            problem = "not JSON" if isinstance(error, orjson.JSONDecodeError) else "its stamp is not a date"
        raise Misconfigured(f"{self.path}, byte {offset}: {problem}", remedy="correct or remove that line")

    def _stream(self) -> BinaryIO:
        if self._open is None:
            raise ValueError("used outside its `with` block")
        return self._open
