"""What SCAPI can never do of what the flows ask for, and the way round: said by `check` without asking the shop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from connector.adapters.sfcc.scapi import scopes
from connector.adapters.sfcc.scapi.streams import FILTERS, LISTED, OWN
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.streams import CUSTOMERS, ORDERS, PRODUCTS, object_type
from connector.model import Problem, StreamUse

_OCAPI = "read the orders over another connection that has api: ocapi"


def limits(settings: SfccSettings, uses: Sequence[StreamUse]) -> list[Problem]:
    """All of them."""
    found: list[Problem] = []
    for use in uses:
        found += _scopes(settings, use)
        if use.stream == ORDERS:
            for name, values in use.selects.items():
                found += _filters(use, name, values)
            found += _unlisted(use)
        if use.stream in OWN:
            found += _open(use)
    return found


def _scopes(settings: SfccSettings, use: StreamUse) -> Iterator[Problem]:
    """The token holds what `scopes` asks for, and no more."""
    api = api_of(use.stream, settings)
    for does, writes in (("reads", False), ("writes", True)):
        if writes == bool(use.writes) and not api.granted(settings.scopes, writes=writes):
            needed = api.needed(writes=writes)
            yield Problem(
                f"a flow {does} {use.stream}, for which a client of SCAPI needs the scope {needed}",
                f"add {needed} to scopes of the connection, and give it to the client in Account Manager",
                use.stream,
                value=needed,
                setting="scopes",
            )


def api_of(stream: str, settings: SfccSettings) -> scopes.Api:
    """The API that a stream is read and written by."""
    if object_type(stream) is not None:
        return scopes.OBJECTS
    if stream == CUSTOMERS:
        return scopes.customers_api(settings.customers_scope)
    return scopes.PRODUCTS if stream == PRODUCTS else scopes.ORDERS


def _filters(use: StreamUse, name: str, values: Sequence[Any]) -> Iterator[Problem]:
    """`where:` of a flow becomes a parameter of the list, which has few."""
    known = FILTERS.get(name)
    if known is None:
        yield Problem(
            f"SCAPI's list of orders does not filter by {name}",
            f"say it in when: of the mapping; where: takes {', '.join(FILTERS)}. Or {_OCAPI}",
            use.stream,
            name,
            ("selects", values[0]),
        )
        return
    _, takes, most = known
    for value in values:
        if value is None or (takes and value not in takes):
            remedy = f"it takes {', '.join(takes) or 'a text'}. Or {_OCAPI}"
            message = f"SCAPI lists no orders whose {name} is {'null' if value is None else value}"
            yield Problem(message, remedy, use.stream, name, ("selects", value))
    if len(values) > most and not (takes and set(takes) <= set(values)):
        remedy = f"say it in when: of the mapping, or {_OCAPI}"
        message = f"SCAPI's list takes {most} values of {name} at most"
        yield Problem(message, remedy, use.stream, name, ("selects", values[0]))


def _unlisted(use: StreamUse) -> Iterator[Problem]:
    hidden = [value for value in use.awaits.get("status", ()) if value not in LISTED]
    if hidden:
        yield Problem(
            f"SCAPI lists no orders that are {' or '.join(map(str, hidden))}, so this lets none in",
            f"to do without them, say where: {{status: [{', '.join(LISTED)}]}} at the flow; else {_OCAPI}",
            use.stream,
            "status",
            ("awaits", hidden[0]),
            flow={"where": {"status": list(LISTED)}},
        )


def _open(use: StreamUse) -> Iterator[Problem]:
    field = use.fields.get("status")
    if field is not None and "open" in field.values:
        remedy = "write new, or set the status over another connection that has api: ocapi"
        yield Problem("SCAPI sets no order to open", remedy, use.stream, "status", "open")
