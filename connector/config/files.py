"""Lines that write files: does the stream take one in that field, and is nothing wanted of the object that it cannot do?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connector.adapter import Stream
from connector.document import Document, did_you_mean
from connector.errors import Fault
from connector.flow import Mapping
from connector.mapping.spec import LineSpec


def file_faults(
    mapping: Mapping, document: Document, stream: Callable[[str], Stream | None], destination: str
) -> Iterator[Fault]:
    """What is wrong with a mapping's files. `stream` finds the facts of a stream as a mapping writes it; `destination` is the
    flow's own one, `connection.stream`. A mapping without files costs nothing."""
    places = {each.get("id"): at for at, each in enumerate(document.data.get("also") or []) if isinstance(each, dict)}
    told = [mapping.told] if mapping.told is not None else []
    for line in (*mapping.lines, *told):
        own = line.to in (None, "main")
        facts = stream(destination if own else line.to or "")
        if facts is None:
            continue
        path: tuple[str | int, ...] = ("also", places[line.id]) if line.id in places else ()
        if mapping.told is not None and line is mapping.told:
            path = ("refused",)
        for name in sorted(line.files - facts.files):
            remedy = did_you_mean(name, facts.files) if facts.files else "files go to a stream that takes them"
            message = f"'{name}' of {destination if own else line.to} takes no file"
            yield document.fault((*path, "fields", name), message, remedy, key=True)
        if facts.files:
            yield from _made_once(line, document, facts, path)


def _made_once(line: LineSpec, document: Document, facts: Stream, path: tuple[str | int, ...]) -> Iterator[Fault]:
    """A stream that makes objects and never changes them."""
    if "update" in facts.writes:
        return
    for name, policy in line.policies.items():
        if policy not in ("once", "on-create"):
            message = f"'{name}' would be changed later, and {facts.name} can only be made"
            remedy = "write: once for the whole line (a later value parks), or on-create (it is left alone)"
            yield document.fault((*path, "fields", name), message, remedy, key=True)
