"""What the flows read and write of products that no product has, or in another form than it takes."""

from __future__ import annotations

from collections.abc import Iterator

from connector.adapters.sfcc.keyed import parts
from connector.adapters.sfcc.products import SHOWN, TAKES, misnamed
from connector.model import Problem, StreamUse
from connector.nearest import meant


def product_problems(use: StreamUse) -> Iterator[Problem]:
    """Fields by name, and kinds of values; what attributes there are, only the instance knows."""
    for name, field in use.fields.items():
        base, writes = parts(name)[0], field.creates or field.updates
        if writes and (wrong := misnamed(name)) is not None:
            yield Problem(*wrong, use.stream, name)
        elif not base.startswith("c_") and base not in SHOWN:
            remedy = f"{meant(base, SHOWN)}attributes of the shop's own begin with c_"
            yield Problem(f"a product has no field {base}", remedy, use.stream, name)
        elif writes and (other := sorted(field.kinds - TAKES.get(base, field.kinds))):
            message = f"{name} takes {' or '.join(sorted(TAKES[base]))}, and a mapping writes {' and '.join(other)}"
            yield Problem(message, "correct the mapping", use.stream, name)
