"""What must not be printed: `Secret`, a text that cannot be shown by accident, and `redact` for texts of others."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

MASK = "***"


class Secret:
    """A password, key or token. Shown as `***` everywhere; `reveal()` is the one way to the text.

    As a pydantic field it is made from a text; a dump keeps it, a JSON dump shows the mask.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; call it where it is sent, never where it is stored or shown."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: pass its reference (${ENV} or ${file:…}) instead")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.no_info_before_validator_function(
            lambda given: given.reveal() if isinstance(given, cls) else given, core_schema.str_schema(min_length=1)
        )
        return core_schema.no_info_after_validator_function(
            cls,
            text,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda secret, info: MASK if info.mode == "json" else secret, info_arg=True
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "format": "password", "writeOnly": True}


def key_bytes(text: str) -> bytes:
    """The 32 bytes of a key written in base64 or hex. ValueError says how to make one, and nothing of the text."""
    text = "".join(text.split())
    try:
        if len(text) == 64:
            key = bytes.fromhex(text)
        else:
            key = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ValueError("not a key of 32 bytes in base64 or hex; make one with: openssl rand -base64 32")
    if len(set(key)) < 8:
        raise ValueError("not a key: its bytes repeat; make one with: openssl rand -base64 32")
    return key


@dataclass(frozen=True, slots=True)
class RecordKeys:
    """Keys of stored records: the one that is used, and those that are still read. `lost`: what no key opens is forgotten."""

    key: Secret | None = None
    old: Sequence[Secret] = ()
    lost: bool = False

    def first(self) -> bytes | None:
        return None if self.key is None else key_bytes(self.key.reveal())

    def all(self) -> Iterator[bytes]:
        """Each once, the one in use first."""
        seen = dict.fromkeys(key_bytes(each.reveal()) for each in (self.key, *self.old) if each is not None)
        return iter(seen)


def said(error: BaseException) -> str:
    """An error's class and message. Messages of ours, of the system and of Python's own checks are kept; those of errors that
    quote the value which they are about (`invalid literal for int(): …`) may be a customer's, and are left out."""
    name = type(error).__name__
    if isinstance(error, ValueError | LookupError) and not type(error).__module__.startswith("connector"):
        return f"{name} (its message is left out: it may quote a record)"
    return f"{name}: {redact(str(error), longest=1000)}" if str(error) else name


def trace(error: BaseException) -> str:
    """Where an error came from, and the errors behind it, first cause first. Never their values."""
    parts: list[str] = []
    one: BaseException | None = error
    while one is not None and len(parts) < 10:
        frames = "".join(traceback.format_list(traceback.extract_tb(one.__traceback__)))
        parts.append(f"Traceback (most recent call last):\n{frames}{said(one)}")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n\nwhich led to:\n\n".join(reversed(parts))


_SECRETS = re.compile(
    r"""
      (?P<scheme>\b(?:Bearer|Basic|OAuth)\s+)[A-Za-z0-9._~+/=!-]{6,}
    | (?P<name>["']?\b(?:client_secret|client_assertion|assertion|access_token|refresh_token|id_token|signature
        |password|passwd|secret|token|api_?key|sessionId|session_id|authorization)["']?\s*[:=]\s*["']?(?:(?:Bearer|Basic|OAuth)\s+)?)(?!\*\*\*)[^\s"'&,;<>}]+
    | \beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){0,2}
    | \b00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{8,}
    | -----BEGIN[^-]*-----.*?(?:-----END[^-]*-----|\Z)
    | (?P<url>://)[^/\s:@]+:[^/\s@]+@
    | [A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def redact(text: str, *, longest: int = 300) -> str:
    """The text of a remote system or library without tokens, passwords, keys and mail addresses, on one line, cut."""

    def mask(match: re.Match[str]) -> str:
        return (match["scheme"] or match["name"] or match["url"] or "") + MASK

    text = " ".join(_SECRETS.sub(mask, text[: 20 * longest]).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
