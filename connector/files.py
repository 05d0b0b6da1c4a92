"""Types of files that a mapping may name: by which bytes each is known, and by which name it goes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Bytes = bytes | bytearray
Looks = Callable[[Bytes], bool]


@dataclass(frozen=True, slots=True)
class Kind:
    """One type. `is_one` looks at the whole content."""

    extension: str
    is_one: Looks


def _begins(*heads: bytes) -> Looks:
    return lambda content: content.startswith(heads)


def _riff(kind: bytes) -> Looks:
    return lambda content: content[:4] == b"RIFF" and content[8:12] == kind


def _ftyp(*brands: bytes) -> Looks:
    return lambda content: content[4:8] == b"ftyp" and content[8:12] in brands


_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MARKUP = re.compile(
    r"\s*<(?:!--|!doctype|html|svg|script|\?xml|head|body|(?:iframe|h1|div|font|table|a|style|title|b|br|p)[\s/>])",
    re.IGNORECASE,
)
"""By what browsers take a text for a page (MIME Sniffing, "Identifying a resource with an unknown MIME type"), and drawings."""


def _text(content: Bytes) -> bool:
    """Text in UTF-8 without control characters, and no page or drawing that a browser would run."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(content) and not _MARKUP.match(text)


_ZIP = _begins(b"PK\x03\x04")
_OFFICE = "application/vnd.openxmlformats-officedocument"
TYPES: Mapping[str, Kind] = {
    "application/pdf": Kind("pdf", _begins(b"%PDF-")),
    "image/jpeg": Kind("jpg", _begins(b"\xff\xd8\xff")),
    "image/png": Kind("png", _begins(b"\x89PNG\r\n\x1a\n")),
    "image/gif": Kind("gif", _begins(b"GIF87a", b"GIF89a")),
    "image/webp": Kind("webp", _riff(b"WEBP")),
    "image/heic": Kind("heic", _ftyp(b"heic", b"heix", b"mif1", b"msf1")),
    "image/tiff": Kind("tif", _begins(b"II*\x00", b"MM\x00*")),
    "video/mp4": Kind("mp4", _ftyp(b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"dash")),
    "video/quicktime": Kind("mov", _ftyp(b"qt  ")),
    "application/zip": Kind("zip", _ZIP),
    f"{_OFFICE}.wordprocessingml.document": Kind("docx", _ZIP),
    f"{_OFFICE}.spreadsheetml.sheet": Kind("xlsx", _ZIP),
    "application/msword": Kind("doc", _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    "application/vnd.ms-excel": Kind("xls", _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    "text/plain": Kind("txt", _text),
    "text/csv": Kind("csv", _text),
}
"""By media type. What a browser would run (HTML, SVG) is none of them."""

_SAYS_NOTHING = ("", "application/octet-stream", "binary/octet-stream")
_LONGEST_NAME = 200


def type_of(content: Bytes, declared: str, allowed: tuple[str, ...]) -> str | None:
    """The type of a content out of those allowed: the declared one, if the bytes agree; where nothing is declared, the first
    that the bytes agree with. None: it is none of them."""
    said = declared.partition(";")[0].strip().lower()
    said = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/heif": "image/heic"}.get(said, said)
    if said not in _SAYS_NOTHING and said not in allowed:
        return None
    candidates = allowed if said in _SAYS_NOTHING else (said,)
    return next((each for each in candidates if each in TYPES and TYPES[each].is_one(content)), None)


def safe_name(title: str, kind: str) -> str:
    """A file name for a title: no control or direction marks, no path, the extension of its type."""
    kept = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in title)
    stem = re.sub(r'(?:\.*[\\/:*?"<>|])+', "_", kept).strip(" .") or "file"
    extension = TYPES[kind].extension
    if stem.lower().endswith(f".{extension}"):
        stem = stem[: -len(extension) - 1].rstrip(" .") or "file"
    return f"{' '.join(stem.split())[:_LONGEST_NAME].rstrip(' .')}.{extension}"
