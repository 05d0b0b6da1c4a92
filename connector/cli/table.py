"""Plain tables: the same on a terminal, in a file and in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from connector.visible import visible


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, indent: str = "") -> Iterator[str]:
    """Lines with aligned columns, numbers to the right."""
    body = [[text(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [list(head), *body]) for at in range(len(head))]
    right = [bool(body) and all(_number(row[at]) for row in body) for at in range(len(head))]
    for row in [list(head), *body]:
        cells = [
            cell.rjust(width) if on_right else cell.ljust(width)
            for cell, width, on_right in zip(row, widths, right, strict=True)
        ]
        yield (indent + "  ".join(cells)).rstrip()


def text(value: object) -> str:
    """A cell: `-` for nothing, times to the second in UTC, numbers with separators."""
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else visible(str(value))


def plural(count: int, word: str) -> str:
    """`1 record`, `2 records`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _number(cell: str) -> bool:
    return cell == "-" or cell.replace(",", "").replace(".", "").isdigit()
