"""Orders over SCAPI (checkout/orders/v1): a list with fixed filters, one order, custom attributes, statuses, order events."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.gate import json_reply
from connector.sandbox.server import Reply
from connector.sandbox.sfcc.documents import Documents
from connector.sandbox.sfcc.orders import WRITABLE
from connector.sandbox.sfcc.scapi import names
from connector.sandbox.sfcc.scapi.problem import Problem, violated
from connector.sandbox.sfcc.schema import instant

if TYPE_CHECKING:
    from connector.sandbox.sfcc.scapi.gateway import Call
    from connector.sandbox.sfcc.shop import Shop

LISTED = ("new", "completed", "cancelled")
"""Statuses of orders that the list knows; the others are read by number only."""
MOST, LARGEST, LIMIT = 10_000, 200, 100
_FILTERS = {
    "status": ("status", LISTED, 2),
    "exportStatus": ("export_status", WRITABLE["export_status"], 3),
    "confirmationStatus": ("confirmation_status", WRITABLE["confirmation_status"], 1),
    "paymentStatus": ("payment_status", WRITABLE["payment_status"], 2),
    "shippingStatus": ("shipping_status", WRITABLE["shipping_status"], 2),
}
"""Parameter → field, its values, how many of them at most."""
_DATES = {
    "creationDateFrom": ("creation_date", False),
    "creationDateTo": ("creation_date", True),
    "lastModifiedDateFrom": ("last_modified", False),
    "lastModifiedDateTo": ("last_modified", True),
}
_KNOWN = ("siteId", "sortBy", "sortOrder", "externalStatus", "limit", "offset", *_FILTERS, *_DATES)
_STATUSES = {
    "status": tuple(value for value in WRITABLE["status"] if value != "open"),
    "export-status": WRITABLE["export_status"],
    "external-status": (),
    "confirmation-status": WRITABLE["confirmation_status"],
    "payment-status": WRITABLE["payment_status"],
    "shipping-status": WRITABLE["shipping_status"],
}
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_EVENT = {"adjustment": {"id", "type", "status", "occurredAt"}, "fulfillmentEvent": {"id", "type", "occurredAt"}}
Keep = Callable[[dict[str, Any]], bool]


class Orders:
    """All orders of the instance, as this API shows them."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.events: list[dict[str, Any]] = []
        """What was forwarded to subscribers of order events, each with its order_no."""

    def handle(self, call: Call) -> Reply:
        if call.rest[0] != "orders":
            raise Problem(404, "not-found", "There is nothing here.")
        match (call.method, call.rest[1:]):
            case ("GET", []):
                return self._list(call)
            case ("GET", [number]):
                call.knows("siteId")
                return json_reply(200, names.document(orjson.loads(self._body(call.site, number))))
            case ("PATCH", [number]):
                call.knows("siteId")
                self._patch(call, number)
                return Reply(204)
            case ("PUT", [number, name]) if name in _STATUSES:
                call.knows("siteId")
                self._status(call, number, name)
                return Reply(204)
            case ("POST", [number, "oms-status-events"]):
                call.knows("siteId")
                return self._event(call, number)
        raise Problem(405, "", f"{call.method} is not possible here.")

    # reading
    def _body(self, site: str, number: str) -> bytes:
        doc = self.shop.orders.sites[site].get(number)
        if doc is None or doc.body is None:
            raise Problem(404, "not-found", f"There is no order '{number}'.")
        return doc.body

    def _list(self, call: Call) -> Reply:
        call.knows(*_KNOWN)
        docs, options = self.shop.orders.sites[call.site], self.shop.world.options
        limit, offset = _whole(call, "limit", LIMIT, 1, LARGEST), _whole(call, "offset", 0, 0, MOST)
        if offset + limit > MOST:
            raise violated(f"offset and limit reach at most {MOST} orders.")
        keep = self._kept(call)
        found = self._found(call, docs, keep)
        shown = [names.document(orjson.loads(hit)) for hit in found[offset : offset + limit]]
        page: dict[str, Any] = {"data": shown}
        if options.scapi_total:
            page = {"limit": limit, "offset": offset, "total": len(found), "data": shown}
        return json_reply(200, page)

    def _found(self, call: Call, docs: Documents, keep: list[Keep]) -> list[bytes]:
        """The orders that match, in the order that was asked for, as the index has them."""
        by, order = call.params.get("sortBy", "creation_date"), call.params.get("sortOrder", "desc")
        if by not in ("creation_date", "last_modified_date") or order not in ("asc", "desc"):
            raise violated("sortBy is creation_date or last_modified_date, sortOrder asc or desc.")
        docs.catch_up()
        low, high = 0, len(docs.places)
        for name in ("lastModifiedDateFrom", "lastModifiedDateTo"):
            if name in call.params:
                at = bisect_left(docs.places, self._bound(call.params[name], name))
                low, high = (max(low, at), high) if name.endswith("From") else (low, min(high, at))
        rows = [docs.docs[place[25:]] for place in docs.places[low:high]]
        rows = [row for row in rows if all(test(docs.flat(row)) for test in keep)]
        if by == "creation_date":
            rows.sort(key=lambda row: str(docs.flat(row).get("creation_date") or ""))
        if order == "desc":
            rows.reverse()
        return [row.hit for row in rows if row.hit is not None]

    def _kept(self, call: Call) -> list[Keep]:
        tests: list[Keep] = []
        if self.shop.world.options.scapi_lists == "placed":
            tests.append(lambda flat: flat.get("status") in LISTED)
        for name, (field, known, most) in _FILTERS.items():
            if name in call.params:
                tests.append(_one_of(name, call.params[name], field, known, most))
        if "externalStatus" in call.params:
            wanted = call.params["externalStatus"]
            tests.append(lambda flat: flat.get("external_order_status") == wanted)
        for name, (field, upper) in _DATES.items():
            if name in call.params and field == "creation_date":
                tests.append(_beside(field, self._bound(call.params[name], name), upper=upper))
        return tests

    def _bound(self, text: str, name: str) -> str:
        """An instant. A day begins when it does where the instance stands (`scapi_day_starts` hours after UTC)."""
        options = self.shop.world.options
        if _DAY.match(text):
            try:
                day = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(hours=options.scapi_day_starts)
            except ValueError as error:
                raise violated(f"'{text}' is no date for '{name}'.") from error
            return day.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        at = instant(text) if options.scapi_dates == "instant" else None
        if at is None:
            raise violated(f"'{text}' is no date for '{name}'.")
        return at

    # writing
    def _patch(self, call: Call, number: str) -> None:
        site, body = call.site, call.body()
        self._body(site, number)
        if not isinstance(body, dict):
            raise Problem(400, "", "The body must be an object.")
        for name in body:
            if not name.startswith("c_"):
                raise Problem(400, "constraint-violation", f"Only custom attributes can be changed, not '{name}'.")
        with self.shop.said("orders", site, number, self.shop.orders.sites[site]):
            self.shop.orders.patch(site, number, body, data_api=True)

    def _status(self, call: Call, number: str, name: str) -> None:
        site, body = call.site, call.body()
        self._body(site, number)
        value = body.get("status") if isinstance(body, dict) else None
        known = _STATUSES[name]
        if not isinstance(value, str) or (known and value not in known) or not 1 <= len(value) <= 256:
            raise violated(f"status must be one of {', '.join(known) or 'any text of 1 to 256 characters'}.")
        with self.shop.said("orders", site, number, self.shop.orders.sites[site]):
            self.shop.orders.put_status(site, number, name.replace("-", "_"), {"status": value})

    def _event(self, call: Call, number: str) -> Reply:
        """Forwarded to who subscribes to order events; nothing of the order changes by it."""
        site, body = call.site, call.body()
        self._body(site, number)
        given = [name for name in _EVENT if isinstance(body, dict) and name in body]
        if len(given) != 1 or not isinstance(body[given[0]], dict) or not set(body) <= {"omsOrderId", given[0]}:
            raise Problem(400, "constraint-violation", "exactly one of fulfillmentEvent and adjustment is needed.")
        event = body[given[0]]
        missing = sorted(_EVENT[given[0]] - set(event))
        if missing:
            raise Problem(400, "constraint-violation", f"{given[0]}: {', '.join(missing)} missing.")
        wrong = _adjustment(event) if given[0] == "adjustment" else _fulfilment(event)
        if wrong:
            raise violated(wrong)
        self.events.append({"order_no": number, "site_id": site, **body})
        return Reply(202)


def _adjustment(event: dict[str, Any]) -> str:
    if event["status"] not in ("pending", "completed", "failed"):
        return "status is pending, completed or failed."
    if instant(event["occurredAt"]) is None:
        return "occurredAt is no date-time."
    for total in event.get("totals") or ():
        if type(total.get("amount")) is not int or not isinstance(total.get("type"), str):
            return "totals hold a type and an amount in minor units."
    return ""


def _fulfilment(event: dict[str, Any]) -> str:
    tracked = event.get("trackingNumber") and event.get("trackingUrl")
    if event["type"] != "processing" and not tracked:
        return "trackingNumber and trackingUrl are needed unless the type is processing."
    return "" if len(str(event.get("description") or "")) <= 256 else "description has 256 characters at most."


def _one_of(name: str, text: str, field: str, known: tuple[str, ...], most: int) -> Keep:
    wanted = text.split(",")
    if len(wanted) > most or not set(wanted) <= set(known):
        raise violated(f"'{name}' takes at most {most} of {', '.join(known)}.")
    return lambda flat: flat.get(field) in wanted


def _beside(field: str, bound: str, *, upper: bool) -> Keep:
    if upper:
        return lambda flat: str(flat.get(field) or "") < bound
    return lambda flat: str(flat.get(field) or "") >= bound


def _whole(call: Call, name: str, default: int, least: int, most: int) -> int:
    text = call.params.get(name, str(default))
    if not text.isdigit() or not least <= int(text) <= most:
        raise violated(f"'{name}' must be a whole number from {least} to {most}.")
    return int(text)
