"""`orders.status` and its kin: guarded changes of an order, which is read directly before each (never from the index).

Source: Data API 25.6, PUT /sites/{site}/orders/{no}/{status, export_status, …} with {"status": …}; it answers 204.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.adapters.sfcc import resources
from connector.adapters.sfcc.client import Client, addressable, segment, unaddressable
from connector.adapters.sfcc.documents import order_record
from connector.adapters.sfcc.faults import MALFORMED, MISSING, fault_of
from connector.adapters.sfcc.streams import EXTERNAL, ONLY_FROM, OR_ALREADY, ORDERS, Status
from connector.errors import Misconfigured, RecordFault, Rejected, RemoteError
from connector.http import Response
from connector.model import Record, Result, Write

NOT_FROM = "ONLY_FROM"
"""The code of what we refused ourselves, for what the order shows: `ONLY_FROM/completed`."""
_REMEDY = "decide anew, or change the order in the shop, then retry"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an order shall show. `only_from` None: whatever it shows now; `already`: what is as good, the value itself too."""

    value: str
    only_from: tuple[str, ...] | None
    already: tuple[str, ...]


class Statuses:
    """One status of the orders of the connection's site."""

    def __init__(self, client: Client, status: Status) -> None:
        self._client, self._status, self._settings = client, status, client.settings
        self._stream = f"{client.http.name}.{ORDERS}.{status.name}"
        self.resource = resources.status_of(status.name)

    def update(self, write: Write) -> Result:
        """Look, then write if that is still needed and right. Never sent twice on one look: a retry looks again."""
        number = write.target or ""
        if not addressable(number):
            return Result(error=unaddressable(number))
        wish = wish_of(write.fields, self._status, may_export=self._settings.may_export)
        if isinstance(wish, Rejected):
            return Result(error=wish)
        now = self._look(number)
        if isinstance(now, RecordFault):
            return Result(error=now)
        if now in wish.already:
            return Result(target=number)
        if wish.only_from is not None and now not in wish.only_from:
            return Result(error=self._not_from(wish, now))
        response = self.put(number, wish.value)
        if response.status in (200, 204):
            return Result(target=number)
        error = self._fault(response, "PUT")
        if isinstance(error, Rejected):
            return self._refused(number, wish, error) if response.status == 409 else Result(error=error)
        return Result(error=_as_record(error))

    def fetch(self, keys: Sequence[str]) -> Mapping[str, Record]:
        """The status of orders by number, read directly, under the name that a mapping writes."""
        records = {}
        for key in keys:
            response = self._read(key) if addressable(key) else None
            if response is not None and response.status == 200:
                found = order_record(self._document(response), self._settings.site)
                fields = {self._status.name: found.fields.get(self._status.shown)}
                records[key] = Record(found.key, fields, found.stamp, found.site)
            elif response is not None and not self._missing(response):
                raise self._fault(response, "GET", writing=False)
        return records

    def put(self, number: str, value: str) -> Response:
        """The call itself. A lost answer is not tried again within it: what happened is read first."""
        path = f"/sites/{segment(self._client.settings.site)}/orders/{segment(number)}/{self._status.name}"
        return self._client.data("PUT", self.resource, path, intent="once", payload={"status": value})

    def _read(self, number: str) -> Response:
        return self._client.shop("GET", resources.ORDER, f"/orders/{segment(number)}", intent="read")

    def _document(self, response: Response) -> dict[str, Any]:
        """The order that was answered, in the words of the stream."""
        document: dict[str, Any] = response.json()
        return document

    def _missing(self, response: Response) -> bool:
        """Whether the answer proves that there is no such order."""
        return fault_of(response).type in (*MISSING, MALFORMED)

    def _fault(self, response: Response, method: str, *, writing: bool = True) -> RemoteError:
        api, resource = ("Shop", resources.ORDER) if method == "GET" else ("Data", self.resource)
        return self._client.fault(response, api, resource, method, writing=writing)

    def _look(self, number: str) -> str | RecordFault:
        """What the order shows now; "" for an external status that was never set. Raises Misconfigured."""
        response = self._read(number)
        if response.status != 200:
            return _as_record(self._fault(response, "GET"))
        now = self._document(response).get(self._status.shown)
        if now is None and self._status.takes:
            raise Misconfigured(
                f"{self._stream}: the shop does not show {self._status.shown} of orders",
                remedy=f'let "read_attributes" of {resources.ORDER} hold {self._status.shown}, or "(**)"',
            )
        return "" if now is None else str(now)

    def _refused(self, number: str, wish: Wish, error: Rejected) -> Result:
        """The shop said no. Another look tells whether somebody was faster with the same, and from where it would have gone."""
        now = self._look(number)
        if isinstance(now, RecordFault):
            return Result(error=now)
        if now in wish.already:
            return Result(target=number)
        text = f"{error}, {now} → {wish.value}" if self._status.takes else str(error)
        return Result(error=Rejected(text, field=self._status.name, code=error.code, remedy=error.remedy))

    def _not_from(self, wish: Wish, now: str) -> Rejected:
        """Nothing was sent. An external status may be anybody's text, so it is not shown."""
        shown = (now or "nothing") if self._status.takes or not now else "another text"
        code = f"{NOT_FROM}/{now}" if self._status.takes and now else NOT_FROM
        places = ", ".join(wish.only_from or ()) if self._status.takes else "what only_from names"
        return Rejected(
            f"{self._stream} is {shown}; {wish.value if self._status.takes else 'the wanted text'} may follow {places} only",
            field=self._status.name,
            code=code,
            remedy=_REMEDY,
        )


def wish_of(fields: Mapping[str, Any], status: Status, *, may_export: bool) -> Wish | Rejected:
    """What these fields ask for, or why nobody should be asked."""
    for name in fields:
        if name not in (status.name, ONLY_FROM, OR_ALREADY):
            remedy = f"this stream takes {status.name}, and beside it {ONLY_FROM} and {OR_ALREADY}"
            return Rejected(f"{name} cannot be written to orders.{status.name}", field=name, remedy=remedy)
    value = fields.get(status.name)
    if value is None:
        remedy = "a status cannot be cleared: leave the line out with `when`, or map the value to go back to"
        return Rejected(f"{status.name} is null", field=status.name, remedy=remedy)
    refused = _wrong_value(value, status, status.takes) or _wrong_export(value, status, may_export)
    if refused is not None:
        return refused
    only_from, already = _names(fields.get(ONLY_FROM)), _names(fields.get(OR_ALREADY)) or ()
    for name, given in ((ONLY_FROM, only_from or ()), (OR_ALREADY, already)):
        for one in given:
            if (refused := _wrong_value(one, status, status.values, field=name)) is not None:
                return refused
    shown = "failed" if value == "failed_with_reopen" else value  # it says how, and shows as failed
    return Wish(value, only_from, (shown, *already))


def _wrong_value(value: Any, status: Status, known: Sequence[str], *, field: str = "") -> Rejected | None:
    field = field or status.name
    if not isinstance(value, str):
        return Rejected(f"{field} of orders.{status.name} must be text", field=field, remedy="send a plain text")
    if known and value not in known:
        text = f"{field} of orders.{status.name} holds a value that no order can have"
        return Rejected(text, field=field, remedy=f"known: {', '.join(known)}")
    if not known and not 1 <= len(value) <= EXTERNAL:
        text = f"{field} of orders.{status.name} must have 1 to {EXTERNAL} characters"
        return Rejected(text, field=field, remedy="cut it with the filter truncate")
    return None


def _wrong_export(value: str, status: Status, may_export: bool) -> Rejected | None:
    if status.name != "export_status" or value != "exported" or may_export:
        return None
    remedy = "mark orders by an attribute or external_status; if it is meant, set may_export: true on the connection"
    return Rejected("exported finalises the inventory of an order", field=status.name, remedy=remedy)


def _names(given: Any) -> tuple[Any, ...] | None:
    """Several values: a list, or text with commas between them; None where nothing is said."""
    if given is None:
        return None
    if isinstance(given, str):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _as_record(error: RemoteError) -> RecordFault:
    if isinstance(error, RecordFault):
        return error
    raise error
