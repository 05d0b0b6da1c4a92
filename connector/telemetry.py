"""What the daemon says: events with stable names, as JSON for machines and as sentences for people.

`EVENTS` is the whole list, with level, sentence and remedy; docs/events.md holds the same and a test holds them together.
Facts are keys, counts, names and reasons, never a customer's data. Everything goes to one stream (standard error), so that
what a command prints stays clean.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson

from connector.secret import redact, trace
from connector.visible import visible

Format = Literal["auto", "json", "text"]
Level = Literal["debug", "info", "warning", "error"]
Tell = Callable[..., None]
"""`tell(event, **facts)`."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that can happen. `text` is the sentence, with facts in braces; `remedy` is for whoever is on duty."""

    name: str
    level: Level
    text: str
    remedy: str = "nothing to do"


_ALL = (
    # the process
    Event("starting", "info", "reading {config}"),
    Event("started", "info", "flows: {flows}, connections: {connections}, /healthz, /readyz and /metrics at: {listen}"),
    Event(
        "flow_disabled",
        "info",
        "{flow} is switched off; its pending rows stay",
        "set `enabled: true` to start it",
    ),
    Event("stopping", "info", "{signal}: finishing what is in flight, at most {grace} s"),
    Event("stopped", "info", "all passes ended after {seconds} s"),
    Event(
        "clock_leapt",
        "warning",
        "the machine's clock was put {way} by {seconds} s, or the machine slept",
        "let this machine keep its time by NTP; nothing is lost: polls go on by their intervals",
    ),
    Event(
        "clock_put_back",
        "info",
        "{flow}: the ledger was {seconds} s ahead of the machine's clock; what waited for a later time is due now",
    ),
    Event(
        "stopped_hard",
        "error",
        "stopped with {flows} still in flight: {why}",
        "nothing is lost: the next start looks such writes up before it repeats them; raise `stop_grace` if this recurs",
    ),
    # polls
    Event(
        "poll",
        "info",
        "{flow}: {read} read, {changed} changed, {done} done, {filtered} filtered, {parked} parked, {waiting} waiting; "
        "{created} created, {updated} updated, {appended} appended in {seconds} s",
    ),
    Event("poll_idle", "debug", "{flow}: nothing new"),
    Event(
        "poll_failed",
        "error",
        "{flow}: the pass ended by itself: {error}",
        "a ledger fault (disk full, read-only) says what to do; anything else is a defect: report it with this line",
    ),
    Event("poll_failed_again", "debug", "{flow}: the same as before: {error}"),
    Event("poll_recovered", "info", "{flow} polls again after {failures} failed passes"),
    Event("poll_busy", "info", "{flow} is held by another process", "wait for the other command to end"),
    Event("misfire", "debug", "{flow} was due while its last pass still ran; it runs again right after"),
    # remote systems
    Event(
        "connection_down",
        "warning",
        "{connection} does not work: {error}: {reason}",
        "see whether the system is there and answers; records wait and burn no attempt; said once until it heals",
    ),
    Event("connection_up", "info", "{connection} works again after {down_s} s"),
    Event(
        "flow_paused",
        "error",
        "{flow} is paused: {reason}",
        "an administrator changes what the reason names; the flow resumes by itself",
    ),
    Event("flow_resumed", "info", "{flow} goes on after {down_s} s"),
    Event("flow_moved", "info", "{flow} has taken over {rows} records of flow id {old}"),
    # records
    Event(
        "parked",
        "warning",
        "{flow}: {rows} parked: {reason}",
        "`connector parked list`, then change what the reason names and `connector parked retry`",
    ),
    Event(
        "brake",
        "warning",
        "{flow} has made its {limit} new objects of this hour: {waiting} wait",
        "if the mapping is right, raise `brake` of the flow; if not, set `enabled: false` and correct it",
    ),
    Event(
        "loop_broken",
        "warning",
        "{flow}: {rows} parked: {field} went back and forth more than {limit}",
        "`connector parked show` has both values; stop one of the two that write there, then `connector parked retry`",
    ),
    Event(
        "lease_lost",
        "warning",
        "{flow}: {rows} rows had passed to another worker when their outcome came; it was not written over theirs",
        "if it recurs, raise `lease`: deliveries take longer than rows are held",
    ),
    # the budget of calls
    Event(
        "budget_held",
        "warning",
        "{connection}: no more calls for {lane} until {until}: {reason}",
        "what waits is delivered later and burns no attempt; said once until it goes on",
    ),
    Event("budget_free", "info", "{connection}: calls for {lane} go on"),
    Event(
        "budget_short",
        "warning",
        "{connection}: with {an_hour} calls an hour, as in the last one, the budget ends at {ends}; {left} of {budget} are left",
        "poll less often, raise `budget`, or find out who else calls; backfills stop first, then sweeps, live flows, write-backs",
    ),
    Event("budget_lasts", "info", "{connection}: with {an_hour} calls an hour the budget lasts"),
    Event(
        "budget_lost",
        "warning",
        "the last calls could not be counted in the ledger: {error}",
        "the message says what to do; at most the calls of the last two seconds are missing from the count of the day",
    ),
    # upkeep
    Event("sweep", "debug", "{flow}: {read} keys compared over {width} s, {found} found"),
    Event("sweep_found", "info", "{flow}: the sweep found {records} records that no poll had shown"),
    Event("pruned", "info", "{records} stored records older than `keep` removed; rows and links stay"),
    Event(
        "rekeyed",
        "info",
        "{records} stored records came under the configured key; {retired} other keys are no longer needed",
        "take the keys out of `keep.encrypt.old_keys`",
    ),
    Event(
        "rekey_failed",
        "error",
        "stored records could not be brought under another key: {error}",
        "the message says what to do",
    ),
    Event(
        "ledger_readable",
        "warning",
        "other users of this machine may read the ledger {store}",
        "make its files the property of the user that runs the connector, with mode 600",
    ),
    Event("prune_failed", "error", "the ledger could not be pruned: {error}", "the message says what to do"),
    Event(
        "flow_unhealthy",
        "error",
        "{flow} has not polled for {seconds} s",
        "/healthz answers 503 now, so that the container is started again; keep the lines before this one",
    ),
    Event("flow_healthy", "info", "{flow} polls again"),
)

EVENTS: Mapping[str, Event] = {event.name: event for event in _ALL}

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LOGGER = logging.getLogger("connector")


def tell(event: str, **facts: object) -> None:
    """Say that `event` happened. A `remedy` among the facts takes the place of the registered one."""
    known = EVENTS.get(event)
    if known is None:  # a name outside the list is a defect (a test finds it), but no reason to stop a delivery
        _LOGGER.warning("unregistered event %s", event, extra={"event": event, "facts": facts, "remedy": ""})
        return
    level = _LEVELS[known.level]
    if not _LOGGER.isEnabledFor(level):
        return
    remedy = str(facts.pop("remedy", None) or (known.remedy if level > logging.INFO else ""))
    text = known.text.format_map(_Facts(facts))
    _LOGGER.log(level, "%s", text, extra={"event": event, "facts": facts, "remedy": remedy})


def set_up(*, format: Format = "auto", level: Level = "info", stream: TextIO | None = None) -> None:  # noqa: A002
    """Send events and the warnings of libraries to `stream` (standard error). `auto`: text on a terminal, else JSON."""
    out = stream or sys.stderr
    as_text = format == "text" or (format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(TextLines() if as_text else JsonLines())
    handler.addFilter(Repeats())
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, (TextLines, JsonLines)):
            root.removeHandler(old)
    root.addHandler(handler)
    # Libraries log URLs and bodies below WARNING: never wanted, whatever our own level is.
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(_LEVELS[level])


class Repeats(logging.Filter):
    """What a library says again and again goes through once in ten minutes, with how often it was said: our own events are told
    once by whoever tells them, but a library may speak a thousand times a second (asyncio without a file handle left)."""

    _PAUSE = 600.0
    _MOST = 200

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now, self._said = now, dict[tuple[str, str], list[float]]()

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "event"):
            return True
        key, now = (record.name, str(record.msg)[:200]), self._now()
        since, times = self._said.get(key, (-self._PAUSE, 0.0))
        if now - since < self._PAUSE:
            self._said[key] = [since, times + 1]
            return False
        if len(self._said) >= self._MOST:
            self._said.clear()
        self._said[key] = [now, 0.0]
        if times:
            record.facts = {"repeated": int(times)}
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, event, text, the facts, remedy."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": _at(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "library"),
            "text": _message(record),
        }
        if line["event"] == "library":
            line["logger"] = record.name
        facts: Mapping[str, object] = getattr(record, "facts", {})
        line.update((name, value) for name, value in facts.items() if name not in line)
        if remedy := getattr(record, "remedy", ""):
            line["remedy"] = remedy
        if record.exc_info:
            line["trace"] = _trace(record)
        try:
            return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:  # a fact that JSON cannot hold: the line matters more than its form
            return orjson.dumps({name: visible(str(value)) for name, value in line.items()}).decode()


class TextLines(logging.Formatter):
    """`10:02:00 INFO  poll  orders-to-cases: 12 read, …`, and the remedy on a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", record.name)
        text = f"{_at(record):%H:%M:%S} {record.levelname:<7} {event:<16} {visible(_message(record))}"
        if remedy := getattr(record, "remedy", ""):
            text += f"\n{' ' * 34}{visible(remedy)}"
        facts: Mapping[str, object] = getattr(record, "facts", {})
        if trace := facts.get("trace"):
            text += f"\n{visible(str(trace), lines=True)}"
        if record.exc_info:
            text += "\n" + visible(_trace(record), lines=True)
        return text


class _Facts(dict[str, object]):
    """Facts for a sentence; one that was not given reads as `?` instead of losing the line."""

    def __missing__(self, name: str) -> str:
        return "?"


def _trace(record: logging.LogRecord) -> str:
    """Of a library's record: where its error came from, without the values that it may quote."""
    error = record.exc_info[1] if record.exc_info else None
    return trace(error) if error else ""


def _message(record: logging.LogRecord) -> str:
    """Our sentences are made of facts; a library's may hold a whole address with its query."""
    text = record.getMessage()
    return text if hasattr(record, "event") else redact(text)


def _at(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
