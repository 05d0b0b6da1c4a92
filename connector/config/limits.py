"""What a system can never do of what the flows ask of it, where its adapter knows that without asking (`Limited`)."""

from __future__ import annotations

from collections.abc import Mapping

from connector.adapter import Adapter, Limited
from connector.config.uses import collect
from connector.document import Document
from connector.errors import Fault
from connector.flow import Flow


def limit_faults(document: Document, flows: Mapping[str, Flow], adapters: Mapping[str, Adapter]) -> list[Fault]:
    """A fault for each, at the place that needs it. Costs nothing where no adapter has limits."""
    limited = {name: adapter for name, adapter in adapters.items() if isinstance(adapter, Limited)}
    if not limited:
        return []
    uses = collect(
        flows,
        adapters,
        lambda flow: document.place(("flows", flow, "mapping")),
        lambda flow, end: document.place(("flows", flow, end)),
        where=lambda flow, name: document.place(("flows", flow, "where", name)),
    )
    faults = []
    for name, adapter in limited.items():
        for problem in adapter.limits(uses.of(name)):
            places = uses.about(name, problem, document)
            also = f"also at {', '.join(map(str, places[1:]))}" if len(places) > 1 else ""
            remedy = "\n".join(text for text in (problem.remedy, also) if text)
            faults.append(Fault(places[0], problem.message, remedy))
    return faults
