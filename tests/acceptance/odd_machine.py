"""The connector's own command on a machine whose clock leaps and whose DNS goes: `python -m tests.acceptance.odd_machine ARGS`.

What is wrong with the machine stands in a file that CONNECTOR_TEST_ODDITIES names, as JSON: `leap` (seconds by which its clock
was put forward or back) and `deaf` (names do not resolve). It is read anew each time.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import apscheduler.schedulers.base
import apscheduler.triggers.interval

import connector.runner.embedded
from connector.cli import main
from connector.config.clock import SystemClock
from connector.runner.leaps import Leaps

ODDITIES = "CONNECTOR_TEST_ODDITIES"
_resolve = socket.getaddrinfo


def odd(name: str, well: Any) -> Any:
    try:
        return json.loads(Path(os.environ[ODDITIES]).read_text()).get(name, well)
    except FileNotFoundError:
        return well


def wall() -> float:
    return time.time() + float(odd("leap", 0.0))


class Leaping(datetime):
    """What the scheduler takes for the time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.fromtimestamp(wall(), tz)


def getaddrinfo(*given: Any, **named: Any) -> Any:
    if odd("deaf", False):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return _resolve(*given, **named)


if __name__ == "__main__":
    for module in (apscheduler.schedulers.base, apscheduler.triggers.interval, connector.runner.embedded):
        vars(module)["datetime"] = Leaping
    for kind in (SystemClock, Leaps):
        kind.__init__.__defaults__ = (wall, time.monotonic)
    socket.getaddrinfo = getaddrinfo
    sys.exit(main())
