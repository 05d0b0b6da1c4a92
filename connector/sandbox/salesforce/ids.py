"""18-character record ids: three of the object, twelve that count up, three that check the upper case of the rest."""

from __future__ import annotations

from collections.abc import Iterator

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def suffix(short: str) -> str:
    """The three characters that make a 15-character id safe where case is lost."""
    out = ""
    for part in (short[0:5], short[5:10], short[10:15]):
        out += _CHECK[sum(1 << i for i, c in enumerate(part) if "A" <= c <= "Z")]
    return out


def ids(prefix: str) -> Iterator[str]:
    """Ever larger ids of one object. Their order as text is the order of their making."""
    stem = prefix + "gK00000"  # 3 + 7 characters, then 5 that count
    first, second = (_CHECK[sum(1 << i for i, c in enumerate(stem[a : a + 5]) if "A" <= c <= "Z")] for a in (0, 5))
    for high in range(62**3):
        upper = _DIGITS[high // 3844] + _DIGITS[high // 62 % 62] + _DIGITS[high % 62]
        bits = sum(1 << i for i, c in enumerate(upper) if "A" <= c <= "Z")
        for a in _DIGITS:
            bits_a = bits + (8 if "A" <= a <= "Z" else 0)
            for b in _DIGITS:
                check = _CHECK[bits_a + (16 if "A" <= b <= "Z" else 0)]
                yield stem + upper + a + b + first + second + check


def full(given: str) -> str | None:
    """A 15- or 18-character id in its long form; None when it is malformed."""
    if not given.isalnum() or not given.isascii() or len(given) not in (15, 18):
        return None
    if len(given) == 15:
        return given + suffix(given)
    return given if suffix(given[:15]) == given[15:] else None
