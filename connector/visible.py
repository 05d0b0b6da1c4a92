"""Texts of others on a terminal or in a log: no character of theirs moves the cursor, hides what follows or begins a line.

An order number, a case id or a vendor's message may hold anything: escape sequences of terminals, line ends, marks that turn
the direction of writing, half of a surrogate pair (which no terminal takes). They are shown as escapes.
"""

from __future__ import annotations

import re

_ACTS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")
_ACTS_IN_LINES = re.compile(_ACTS.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))


def visible(text: str, *, lines: bool = False) -> str:
    """The text with such characters as `\\n`, `\\x1b`, `\\u202e`; with `lines`, line ends and tabs are ours and stay."""
    return text if text.isprintable() else (_ACTS_IN_LINES if lines else _ACTS).sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("ascii", "backslashreplace").decode() if ord(match[0]) > 0x9F else _short(ord(match[0]))


def _short(code: int) -> str:
    return {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}.get(code, f"\\x{code:02x}")
