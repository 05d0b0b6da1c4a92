"""For tests, ours and adapter authors': a clock that stands still, a remote system by script, and the suites per seam."""

from connector.testing.clock import FrozenClock
from connector.testing.scripted import ScriptedAdapter

__all__ = ["FrozenClock", "ScriptedAdapter"]
