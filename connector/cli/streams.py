"""What commands print: whatever is in a record's key or a vendor's message, a terminal shows it and obeys none of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from connector.visible import visible


class _Shown:
    """A text stream on which only our own line ends and tabs act. `plain` is what it writes to."""

    def __init__(self, plain: TextIO) -> None:
        self.plain = plain

    def write(self, text: str) -> int:
        self.plain.write(visible(text, lines=True))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


@contextmanager
def shown_streams() -> Iterator[None]:
    """Standard output and standard error, until the block ends."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast("TextIO", _Shown(before[0])), cast("TextIO", _Shown(before[1]))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def drawn_on(stream: TextIO) -> TextIO:
    """The stream for what draws on a terminal by itself, such as a progress bar."""
    return stream.plain if isinstance(stream, _Shown) else stream
