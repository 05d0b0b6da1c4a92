"""Opaque tokens: states, note ids, parts of access tokens. Never the same twice in a process."""

from __future__ import annotations

from itertools import count

_numbers = count(1)


def new_state() -> str:
    """The next one: 16 hexadecimal digits that do not look counted."""
    return f"{next(_numbers) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF:016x}"
