"""How this process takes memory: few cycles are looked for, and threads share what they have let go of."""

from __future__ import annotations

import ctypes
import gc
import os

_M_ARENA_MAX = -8
_ARENAS = 2


def frugal() -> None:
    """Before threads start. Pages are decoded into hundreds of thousands of objects that hold no cycles and go by themselves:
    looking through them every 700 allocations costs a tenth of the CPU time.

    And glibc gives threads arenas of their own, up to eight a core. What a delivery has let go of in one serves no other: in a
    daemon of thirty flows that was more than half of its memory. Source: mallopt(3), M_ARENA_MAX. Whoever sets
    MALLOC_ARENA_MAX has decided; other C libraries have nothing of the kind."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 100)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(_M_ARENA_MAX, _ARENAS)
