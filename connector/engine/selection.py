"""Which fields, or which parts of them, a read must bring, and whether what was read has them."""

from __future__ import annotations

from collections.abc import Iterable

from connector.adapter import Stream
from connector.flow import Mapping

Paths = frozenset[str] | None
"""Fields, or parts of them by paths with dots (`customer_info.email`); None: everything."""


def read_by(mapping: Mapping, stream: Stream) -> Paths:
    """What a mapping reads of this stream's records: in parts where the stream can be asked for parts."""
    return mapping.paths if stream.parts else mapping.fields


def both(one: Paths, other: Paths) -> Paths:
    """Two selections together."""
    return None if one is None or other is None else one | other


def covers(read: Paths, needs: Paths) -> bool:
    """Whether a record read under one selection has what another needs: what was not read is not null."""
    if read is None or needs is None:
        return read is None
    return needs <= read or all(_stands_in(read, each) for each in needs - read)


def fields_of(paths: Iterable[str]) -> list[str]:
    """The fields that these are parts of, each once."""
    return list(dict.fromkeys(each.partition(".")[0] for each in paths))


def _stands_in(read: frozenset[str], path: str) -> bool:
    names = path.split(".")
    return any(".".join(names[:end]) in read for end in range(1, len(names)))
