"""Our key: made once from flow, site and record, carried by every remote object that we make. docs/keys.md has examples.

`<flow id>:<site>:<record id>[:<line id>[:<line key>]]`. Each part is written over lower-case letters, digits, `-` and `_`,
because a remote system's uniqueness may ignore case: an upper-case letter becomes `_` and its lower case, `_` becomes `__`,
any other byte of the UTF-8 text `_0` and two hex digits. A key too long for its field keeps a readable beginning and ends
in `_9` and 32 hex digits of the whole key's hash, a mark that no escape can make. Keys live for ever: this scheme never changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

_PLAIN = re.compile(r"[a-z0-9-]*\Z")
_HASHED = re.compile(r"(?<!_)(?:__)*_9[0-9a-f]{32}\Z")  # after whole escapes: `__9` is an underscore and a nine
SHORTENED = 34
"""Characters of `_9` and the hash."""
_TOKEN = re.compile(r"_0([0-9a-f]{2})|_([a-z_])|([a-z0-9-])")


@dataclass(frozen=True, slots=True)
class Key:
    """The parts of a key, unescaped. `line` is "" for the main line."""

    flow: str
    site: str
    record: str
    line: str = ""
    line_key: str = ""


def escape(part: str) -> str:
    """One part of a key over `[a-z0-9_-]`."""
    if _PLAIN.match(part):
        return part
    out = []
    for char in part:
        if _PLAIN.match(char):
            out.append(char)
        elif char == "_":
            out.append("__")
        elif "A" <= char <= "Z":
            out.append("_" + char.lower())
        else:
            out.extend(f"_0{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
    return "".join(out)


def unescape(part: str) -> str:
    """The part that `escape` was given; ValueError if it is not one of ours."""
    out = bytearray()
    at = 0
    while at < len(part):
        match = _TOKEN.match(part, at)
        if not match:
            raise ValueError(f"not a part of a key: {part!r}")
        byte, shifted, plain = match.groups()
        if byte:
            out.append(int(byte, 16))
        elif shifted:
            out += (shifted if shifted == "_" else shifted.upper()).encode()
        else:
            out += plain.encode()
        at = match.end()
    return out.decode("utf-8", "surrogatepass")


@lru_cache(maxsize=256)
def prefix(flow: str, site: str | None = None) -> str:
    """How every key of this flow (and site) begins, colon included."""
    return escape(flow) + ":" if site is None else f"{escape(flow)}:{escape(site)}:"


def make(flow: str, site: str, record: str, line: str = "", line_key: str = "", *, longest: int = 255) -> str:
    """The key of a record's main object, or of one of its lines; at most `longest` characters."""
    key = prefix(flow, site) + escape(record)
    if line:
        key += ":" + escape(line)
        if line_key:
            key += ":" + escape(line_key)
    return key if len(key) <= longest else shorten(key, longest)


def shorten(key: str, longest: int) -> str:
    """A key cut to at most `longest` characters: its beginning, never ending in half of `__`, and the hash of the whole."""
    if longest <= SHORTENED:
        raise ValueError(f"a field of {longest} characters cannot carry our keys, which need more than {SHORTENED}")
    kept = key[: longest - SHORTENED]
    if (len(kept) - len(kept.rstrip("_"))) % 2:
        kept = kept[:-1]
    return kept + "_9" + blake2b(key.encode(), digest_size=16).hexdigest()


def answered(line_key: str) -> tuple[str, str, str]:
    """Site, record and line key of a line whose row answers several records: its key in the ledger begins with their name."""
    site, _, rest = line_key.partition(":")
    record, _, key = rest.partition(":")
    return unescape(site), unescape(record), key


def hashed(key: str) -> bool:
    """Whether the key was cut: its record is then found by trying, not by reading."""
    return _HASHED.search(key) is not None


def beginning(key: str, flow: str) -> tuple[str, str] | None:
    """Site and the beginning of the record id of a cut key of this flow, as far as they are left; None: another flow's."""
    cut, begin = key[:-SHORTENED], prefix(flow)
    if not cut.startswith(begin):
        return ("", "") if begin.startswith(cut) else None
    site, _, rest = cut.removeprefix(begin).partition(":")
    return _readable(site), _readable(rest.partition(":")[0])


def _readable(part: str) -> str:
    """The longest beginning that can be unescaped: the cut may stand within an escape or a UTF-8 sequence."""
    for end in range(len(part), 0, -1):
        try:
            return unescape(part[:end])
        except ValueError:
            continue
    return ""


def parse(key: str) -> Key | None:
    """The parts of a key of ours, or None: somebody else's text, or cut (`hashed`)."""
    parts = key.lower().split(":")
    if not 3 <= len(parts) <= 5 or hashed(key):
        return None
    try:
        flow, site, record, *rest = (unescape(part) for part in parts)
    except ValueError:
        return None
    return Key(flow, site, record, *rest)
