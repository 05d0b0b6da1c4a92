"""Real processes for acceptance tests: one command to its end, and the daemon with what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 120.0
"""Longest wait for something that another process does; reached only when the test fails."""
COMMAND = (sys.executable, "-m", "connector.cli")


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended: its exit code, and what it printed and said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without our own variables."""
    mine = {
        name: value for name, value in os.environ.items() if not name.startswith(("CONNECTOR_", "SFCC_", "SALESFORCE_"))
    }
    return {**mine, "PYTHONWARNINGS": "error", **(more or {})}


def run(
    folder: Path,
    *arguments: str,
    env: Mapping[str, str] | None = None,
    within: float = 60,
    command: Sequence[str] = COMMAND,
) -> Ended:
    """One command in `folder`, to its end."""
    ended = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


class Daemon:
    """`connector run` in `folder`; killed at the end if it is still there."""

    def __init__(self, folder: Path, *, env: Mapping[str, str] | None = None, command: Sequence[str] = COMMAND) -> None:
        self.folder, self.env, self.command = folder, env, command
        self.lines: list[str] = []
        self._events: list[dict[str, Any]] = []
        self._parsed = 0
        self._some = threading.Condition()

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [*self.command, "run"], cwd=self.folder, env=environment(self.env), stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._some:
                self.lines.append(line.rstrip("\n"))
                self._some.notify_all()
        with self._some:
            self._some.notify_all()

    def events(self) -> list[dict[str, Any]]:
        with self._some:
            self._events.extend(json.loads(line) for line in self.lines[self._parsed :] if line.startswith("{"))
            self._parsed = len(self.lines)
            return list(self._events)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events() if each["event"] == event]

    def wait_for(self, event: str, **facts: object) -> dict[str, Any]:
        """The first such event with these facts."""

        def found() -> dict[str, Any] | None:
            matching = (each for each in self.named(event) if facts.items() <= each.items())
            return next(matching, None)

        with self._some:
            self._some.wait_for(lambda: found() or self.process.poll() is not None, PATIENCE)
            event_found = found()
        assert event_found, f"no {event} {facts}; it said:\n" + "\n".join(self.lines)
        return event_found

    def wait_for_more(self, event: str, count: int) -> None:
        """So many more of these events than there are now."""
        wanted = len(self.named(event)) + count
        with self._some:
            self._some.wait_for(lambda: len(self.named(event)) >= wanted or self.process.poll() is not None, PATIENCE)
        assert len(self.named(event)) >= wanted, f"no {count} more {event}; it said:\n" + "\n".join(self.lines[-50:])

    def idle_polls(self, since: int = 0) -> Counter[str]:
        """Polls by flow, beyond the first `since` events, that found nothing new although they looked: one that fails, or is left
        out for a connection that is down, is idle too, so counting begins anew with every outage and when it is over."""
        polls, down = Counter[str](), set[str]()
        for place, each in enumerate(self.events()):
            if each["event"] == "connection_down":
                down.add(each["connection"])
                polls.clear()
            elif each["event"] == "connection_up":
                down.discard(each["connection"])
            elif each["event"] == "poll_idle" and not down and place >= since:
                polls[each["flow"]] += 1
        return polls

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ended(self, within: float = PATIENCE) -> int:
        """The exit code, once it has ended."""
        code = self.process.wait(within)
        self._reader.join(PATIENCE)
        return code

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """One of its pages."""
        connection = HTTPConnection(self.wait_for("started")["listen"], timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()
