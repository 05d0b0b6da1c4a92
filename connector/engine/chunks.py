"""Leased rows cut into chunks that are delivered together."""

from __future__ import annotations

from collections.abc import Sequence

from connector.store import Leased


def alone(leased: Sequence[Leased], chunk: int) -> list[Sequence[Leased]]:
    """Rows that failed before go in chunks of their own, smaller with every attempt, so that one that spoils its chunk
    ends up by itself and the others pass."""
    parts: list[Sequence[Leased]] = []
    by_attempts: dict[int, list[Leased]] = {}
    for one in leased:
        by_attempts.setdefault(one.attempts, []).append(one)
    for attempts, rows in by_attempts.items():
        size = max(1, chunk >> (2 * min(attempts, 8)))
        parts.extend(rows[start : start + size] for start in range(0, len(rows), size))
    return parts
