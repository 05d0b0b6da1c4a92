"""What SCAPI can never do of what the flows ask for, and the way round: said by `check` without asking the shop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.adapters.sfcc.scapi import scopes
from connector.adapters.sfcc.scapi.streams import FILTERS, LISTED, OWN
from connector.adapters.sfcc.settings import SfccSettings
from connector.adapters.sfcc.streams import ORDERS, PRODUCTS, object_type
from connector.model import FieldUse, Problem, StreamUse

_OCAPI = "read the orders over another connection that has api: ocapi"


def limits(settings: SfccSettings, uses: Sequence[StreamUse]) -> list[Problem]:
    """All of them."""
    found: list[Problem] = []
    for use in uses:
        found += _scopes(settings, use)
        if use.stream == ORDERS:
            for field in use.fields.values():
                found += _filters(use, field)
                found += _unlisted(use, field)
        if use.stream in OWN:
            found += _open(use)
    return found


def _scopes(settings: SfccSettings, use: StreamUse) -> Iterator[Problem]:
    """The token holds what `scopes` asks for, and no more."""
    of_objects = object_type(use.stream) is not None
    api = scopes.OBJECTS if of_objects else scopes.PRODUCTS if use.stream == PRODUCTS else scopes.ORDERS
    for does, writes in (("reads", False), ("writes", True)):
        if writes == bool(use.writes) and not api.granted(settings.scopes, writes=writes):
            needed = api.needed(writes=writes)
            yield Problem(
                f"a flow {does} {use.stream}, for which a client of SCAPI needs the scope {needed}",
                f"add {needed} to scopes of the connection, and give it to the client in Account Manager",
                use.stream,
                setting="scopes",
            )


def _filters(use: StreamUse, field: FieldUse) -> Iterator[Problem]:
    """`where:` of a flow becomes a parameter of the list, which has few."""
    if not field.selects:
        return
    known = FILTERS.get(field.name)
    if known is None:
        yield Problem(
            f"SCAPI's list of orders does not filter by {field.name}",
            f"say it in when: of the mapping; where: takes {', '.join(FILTERS)}. Or {_OCAPI}",
            use.stream,
            field.name,
        )
        return
    _, takes, most = known
    for value in field.selects:
        if value is None or (takes and value not in takes):
            remedy = f"it takes {', '.join(takes) or 'a text'}. Or {_OCAPI}"
            yield Problem(f"SCAPI lists no orders whose {field.name} is {value}", remedy, use.stream, field.name)
    if takes and len(set(field.selects)) > most and not set(takes) <= set(field.selects):
        remedy = f"say it in when: of the mapping, or {_OCAPI}"
        yield Problem(f"SCAPI's list takes {most} values of {field.name} at most", remedy, use.stream, field.name)


def _unlisted(use: StreamUse, field: FieldUse) -> Iterator[Problem]:
    if field.name != "status":
        return
    for value in field.awaits:
        if value not in LISTED:
            yield Problem(
                f"SCAPI lists no {value} orders, so this never lets one in",
                f"to do without, say where: {{status: [{', '.join(LISTED)}]}} at the flow; else {_OCAPI}",
                use.stream,
                field.name,
                value,
            )


def _open(use: StreamUse) -> Iterator[Problem]:
    field = use.fields.get("status")
    if field is not None and "open" in field.values:
        remedy = "write new, or set the status over another connection that has api: ocapi"
        yield Problem("SCAPI sets no order to open", remedy, use.stream, "status", "open")
