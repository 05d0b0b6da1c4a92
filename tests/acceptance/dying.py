"""The connector's own command in a process that ends itself at a given place: `python -m tests.acceptance.dying PLACE ARGS`.

PLACE is `-`, or `before:VERB:N` or `after:VERB:N`: SIGKILL before or after the N-th call of a verb of the ledger. The process
waits for a line on standard input before it begins, so that a test can tell the sandbox whom to end.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from connector.cli import main
from connector.store.sqlite import SqliteStore


def die_at(moment: str, verb: str, nth: int) -> None:
    """Make the ledger's verb end this process."""
    real = getattr(SqliteStore, verb)
    seen = 0

    def dying(*given: Any, **named: Any) -> Any:
        nonlocal seen
        seen += 1
        mine = seen  # other threads count on
        if mine == nth and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        out = real(*given, **named)
        if mine == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return out

    setattr(SqliteStore, verb, dying)


if __name__ == "__main__":
    place = sys.argv[1]
    if place != "-":
        moment, verb, nth = place.split(":")
        die_at(moment, verb, int(nth))
    sys.stdin.readline()
    sys.argv = ["connector", *sys.argv[2:]]
    sys.exit(main())
