"""What many threads let go of serves all of them."""

from __future__ import annotations

import os
import subprocess
import sys

SIXTEEN_THREADS = """
import sys, threading
from connector.runner.memory import frugal
if "frugal" in sys.argv:
    frugal()
together = threading.Barrier(17)
def work():
    kept = [bytes(70_000) for _ in range(20)]  # by malloc, and too small for a mapping of its own
    together.wait()
    together.wait()
    del kept
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads:
    thread.start()
together.wait()
maps = [line.split()[:2] for line in open("/proc/self/maps")]
spans = [(*(int(end, 16) for end in span.split("-")), kind) for span, kind in maps]
whole = 64 << 20
print(sum(
    one[0] % whole == 0 and one[2][:2] == "rw" and one[1] == rest[0] and rest[2] == "---p" and rest[1] == one[0] + whole
    for one, rest in zip(spans, spans[1:])
))
together.wait()
"""


def arenas(*arguments: str, **environment: str) -> int:
    """Arenas beside the main one: 64 MiB of addresses from a multiple of that, of which the first part is in use."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", SIXTEEN_THREADS, *arguments],
        env=plain | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_threads_share_two_arenas_unless_the_operator_says_otherwise() -> None:
    assert arenas() > 1, "without it each thread has its own"
    assert arenas("frugal") == 1
    assert arenas("frugal", MALLOC_ARENA_MAX="4") == 3
