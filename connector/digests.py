"""Field by field, what a line sent last: keyed digests that tell whether a value changed, and nothing of the value.

They stay for ever, in every ledger, so they are short: 4 bytes for the field's name, 8 for the value, keyed per ledger.
SipHash-2-4 is made for this: a keyed function of short texts, which without the key can be neither undone nor foreseen.
One call a field; the general hashes of the standard library take three, and were an eighth of a record's time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from struct import Struct
from typing import Any

import orjson
from siphashc import siphash

from connector.model import File, Ref

NULL = b"\0" * 8
"""The digest of null, so that "we cleared it" and "we never sent it" differ."""

_SORTED = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS  # a Ref is ours, not a document
_EXACT = 2**53  # beyond it a float no longer holds every integer


def plain(value: Any) -> Any:
    """What orjson cannot write itself: decimals as their shortest text, references by name, files by where they are."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Ref):
        return ["\0ref", value.kind, value.name]
    if isinstance(value, File):
        return ["\0file", value.source]
    raise TypeError(f"{type(value).__name__} has no JSON form")


_NAMES: dict[str, bytes] = {}
"""Digests of fields' names, as many as the mappings have; a look into a dict is what a field of a record may cost."""


def name_digest(name: str) -> bytes:
    """Four bytes for a field's name."""
    found = _NAMES.get(name)
    if found is None:
        found = _NAMES[name] = blake2b(name.encode(), digest_size=4).digest()
    return found


def keyed(key: bytes, content: bytes) -> bytes:
    """Eight bytes for any content under a ledger's key: enough to tell two versions of one thing apart."""
    return siphash(key[:16], content).to_bytes(8, "little")


class Digester:
    """Digests under one ledger's key. Of 48 bytes the last 16 are a key for texts, the usual case: they need no JSON form then to
    be told from numbers. Older ledgers have 32."""

    def __init__(self, key: bytes) -> None:
        self._key, self._texts = key[:16], key[32:48]

    def value(self, value: Any) -> bytes:
        """Eight bytes for a value; NULL for None. 1 and 1.0 and Decimal("1.00") are the same number on the wire."""
        return self._number(value).to_bytes(8, "little")

    def _number(self, value: Any) -> int:
        if value is None:
            return 0
        if type(value) is str and self._texts:
            try:
                return siphash(self._texts, value)
            except UnicodeEncodeError:  # half of a surrogate pair
                return siphash(self._texts, value.encode("utf-8", "surrogatepass"))
        if type(value) is int and -_EXACT < value < _EXACT:
            value = float(value)
        try:
            encoded = orjson.dumps(value, default=plain, option=_SORTED)
        except orjson.JSONEncodeError:  # a number beyond 64 bits, half of a surrogate pair within
            encoded = json.dumps(value, default=plain, sort_keys=True, separators=(",", ":")).encode()
        return siphash(self._key, encoded)

    def fields(self, values: Mapping[str, Any]) -> dict[bytes, bytes]:
        """Digests of a line's values by name digest. Once a record: texts are not sent through `value`."""
        names, value, key = _NAMES, self.value, self._texts
        if not key:
            return {name_digest(name): value(given) for name, given in values.items()}
        try:
            return {
                names[name]: siphash(key, given).to_bytes(8, "little") if given.__class__ is str else value(given)
                for name, given in values.items()
            }
        except (KeyError, UnicodeEncodeError):  # a field's first time, half of a surrogate pair
            return {name_digest(name): value(given) for name, given in values.items()}

    def packed(self, values: Mapping[str, Any]) -> Packed:
        """The same as the ledger keeps it."""
        key, number = self._texts, self._number
        layout, names = _layout(tuple(values))
        given = values.values()
        try:
            digests = [siphash(key, one) if key and one.__class__ is str else number(one) for one in given]
        except UnicodeEncodeError:  # half of a surrogate pair
            digests = [number(one) for one in given]
        parts: list[Any] = [None] * (2 * len(digests))
        parts[::2], parts[1::2] = names, digests
        return Packed(layout.pack(*parts))


@lru_cache(maxsize=1024)
def _layout(fields: tuple[str, ...]) -> tuple[Struct, list[bytes]]:
    """How digests of these fields stand in the ledger, and the digests of their names."""
    return Struct("<" + "4sQ" * len(fields)), [name_digest(name) for name in fields]


class Packed(Mapping[bytes, bytes]):
    """Digests of fields as the ledger keeps them. They are taken apart when somebody asks for one: nobody does before a record
    changes, and most never do."""

    __slots__ = ("_apart", "blob")

    def __init__(self, blob: bytes) -> None:
        self.blob = blob
        self._apart: dict[bytes, bytes] | None = None

    def _all(self) -> dict[bytes, bytes]:
        if self._apart is None:
            self._apart = unpack(self.blob)
        return self._apart

    def __getitem__(self, name: bytes) -> bytes:
        return self._all()[name]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self.blob) // 12

    def __hash__(self) -> int:
        return hash(self.blob)


def pack(digests: Mapping[bytes, bytes]) -> bytes:
    """Twelve bytes a field, for the ledger."""
    if type(digests) is Packed:
        return digests.blob
    return b"".join(chain.from_iterable(digests.items()))


def unpack(blob: bytes) -> dict[bytes, bytes]:
    """The digests that `pack` was given."""
    return {blob[at : at + 4]: blob[at + 4 : at + 12] for at in range(0, len(blob), 12)}
