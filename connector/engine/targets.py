"""Objects that some delivery writes to right now: another flow's line on the same object waits."""

from __future__ import annotations

import threading

from connector.engine.places import Place


class Targets:
    """Held per (connection, stream of the object, id) within this process, across all its flows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, str, str], object] = {}

    def take(self, holder: object, place: Place, target: str) -> bool:
        """Hold an object until `give_back`; False when another delivery has it."""
        name = (place.connection, place.stream.object or place.name, target)
        with self._lock:
            return self._held.setdefault(name, holder) is holder

    def give_back(self, holder: object) -> None:
        """Let go of everything this delivery holds."""
        with self._lock:
            for name in [name for name, other in self._held.items() if other is holder]:
                del self._held[name]
