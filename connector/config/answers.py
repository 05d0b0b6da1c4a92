"""What a flow answers, checked over all flows: the line whose objects it reads, and the element that it speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.document import Document, did_you_mean
from connector.errors import Fault
from connector.flow import Flow
from connector.mapping.compiled import CompiledMapping


def line_faults(document: Document, flows: Mapping[str, Flow]) -> Iterator[Fault]:
    """A fault for each flow that answers a line which is not there, which writes elsewhere, or that has no element."""
    for flow in flows.values():
        answered = flows.get(flow.answers or "")
        if answered is not None and flow.of_line is not None:
            yield from _line(document, flow, answered, flow.of_line)
        elif flow.answers is not None and flow.mapping.uses_this and isinstance(flow.mapping, CompiledMapping):
            place = flow.mapping.place_read("origin", "this") or document.place(("flows", flow.name, "answers"))
            remedy = "answers: {flow: …, line: …} names the line whose objects this flow reads"
            yield Fault(place, f"'{flow.name}' answers no line, so that origin.this is nothing", remedy)


def _line(document: Document, flow: Flow, answered: Flow, line: str) -> Iterator[Fault]:
    path = ("flows", flow.name, "answers", "line")
    known = [spec.id for spec in answered.mapping.lines]
    spec = next((spec for spec in answered.mapping.lines if spec.id == line), None)
    if spec is None:
        yield document.fault(path, f"'{answered.name}' has no line '{line}'", did_you_mean(line, known))
        return
    if spec.id == "main" and not spec.each:
        yield document.fault(path, "the main line is answered without `line`", f"answers: {answered.name}")
        return
    connection, _, name = (spec.to or "destination.").partition(".")
    ends = {"destination": answered.destination[0], "source": answered.source[0]}
    written = answered.destination if spec.to in (None, "main") else (ends.get(connection, connection), name)
    if written != flow.source:
        message = f"reads {'.'.join(flow.source)}, but line '{line}' of '{answered.name}' writes to {'.'.join(written)}"
        yield document.fault(("flows", flow.name, "from"), message, f"write from: {'.'.join(written)}")
