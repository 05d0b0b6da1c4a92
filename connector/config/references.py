"""`${NAME}` and `${file:/path}`, resolved on parsed values and never in the text of a file.

So a value with a quote or a colon in it cannot break the file, and every fault keeps its place. `$${` stands for `${`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector.document import Document, did_you_mean
from connector.errors import Fault

_REFERENCE = re.compile(r"\$(\$\{)|\$\{([^}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LARGEST = 100_000

Path_ = tuple[str | int, ...]


@dataclass(slots=True)
class Resolved:
    """The data with its references filled in, what could not be filled in, and where (`unknown`, `referred`).

    `referred` holds the text as written, for messages: what a reference stands for is never repeated in one.
    """

    data: Any
    faults: list[Fault] = field(default_factory=list)
    unknown: set[Path_] = field(default_factory=set)
    referred: dict[Path_, str] = field(default_factory=dict)


class _MissingError(Exception):
    def __init__(self, message: str, remedy: str) -> None:
        self.message, self.remedy = message, remedy
        super().__init__(message)


def resolve(document: Document, environ: Mapping[str, str]) -> Resolved:
    """A copy of the document's data with every reference filled in."""
    out = Resolved(None)
    base = Path(document.file).parent

    def copy(value: Any, path: Path_) -> Any:
        if isinstance(value, dict):
            return {key: copy(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [copy(each, (*path, at)) for at, each in enumerate(value)]
        return text(value, path) if isinstance(value, str) and "${" in value else value

    def text(value: str, path: Path_) -> str:
        out.referred[path] = value
        parts = []
        for part in _parts(value):
            try:
                parts.append(part if isinstance(part, str) else _look_up(part[0], environ, base))
            except _MissingError as missing:
                out.unknown.add(path)
                out.faults.append(document.fault(path, missing.message, missing.remedy))
                return value
        return "".join(parts)

    out.data = copy(document.data, ())
    return out


def _parts(value: str) -> Iterator[str | tuple[str]]:
    """Plain text as str, references as one-tuples."""
    at = 0
    for match in _REFERENCE.finditer(value):
        yield value[at : match.start()]
        at = match.end()
        if match[1]:
            yield "${"
        else:
            yield (match[2] or "",)  # an unclosed `${` is the reference without a name
    yield value[at:]


def _look_up(name: str, environ: Mapping[str, str], base: Path) -> str:
    if name.startswith("file:"):
        return _file(name.removeprefix("file:"), base)
    if not _NAME.match(name):
        raise _MissingError(f"'${{{name}}}' is no reference", "write ${NAME}, ${file:/path}, or $${ for the text")
    value = environ.get(name)
    if value is None:
        near = did_you_mean(name, [each for each in environ if each[:2] == name[:2]])
        hint = near.split("? ")[0] + "? " if near.startswith("did you mean") else ""
        raise _MissingError(f"the environment variable {name} is not set", f"{hint}set {name} where the command runs")
    if not value:
        raise _MissingError(f"the environment variable {name} is empty", f"give {name} a value")
    return value


def _file(name: str, base: Path) -> str:
    path = base / name
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST + 1)
        value = raw.decode()
    except OSError as error:
        remedy = "mount the secret there, readable by the user that runs the connector"
        raise _MissingError(f"the file {name} cannot be read: {error.strerror}", remedy) from error
    except UnicodeDecodeError as error:
        raise _MissingError(f"the file {name} is not UTF-8 text", "store the secret as plain text") from error
    if len(raw) > _LARGEST:
        raise _MissingError(f"the file {name} is larger than {_LARGEST:,} bytes", "name the file of one secret")
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise _MissingError(f"the file {name} is empty", "write the secret into it")
    return value
