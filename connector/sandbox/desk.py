"""The shop's own code for orders: refunds and credits what it may, and carries out accepted changes before an order leaves."""

from __future__ import annotations

from typing import Any

from connector.sandbox.clock import iso
from connector.sandbox.gate import World
from connector.sandbox.sfcc.shop import Shop

Document = dict[str, Any]
_ADDRESS = {
    "c_firstName": "first_name", "c_lastName": "last_name", "c_address1": "address1", "c_address2": "address2",
    "c_postalCode": "postal_code", "c_city": "city", "c_stateCode": "state_code", "c_countryCode": "country_code",
}  # fmt: skip


class OrderDesk:
    """Looks at the order itself before it moves money or goods."""

    def __init__(self, world: World, shop: Shop) -> None:
        self.world = world
        self.shop = shop
        self.changed: dict[str, str] = {}
        """What became of accepted changes, by key."""
        self._paid: dict[str, float] = {}
        self._seen = -1

    # refunds
    def refund(self, key: str, request: Document) -> Document:
        """What is written to a RefundRequest that is executed now, or that cannot be."""
        amount, failure = self._amount(request)
        if failure:
            return {"c_status": "FAILED", "c_failure": failure}
        now = iso(self.shop.clock.now())
        return {"c_status": "EXECUTED", "c_executedKey": key, "c_executedAmount": amount, "c_executedAt": now}

    def _amount(self, request: Document) -> tuple[float, str]:
        """How much, or why not. A request without a kind names an amount that somebody has checked before."""
        if not request.get("c_kind"):
            return float(request.get("c_amount") or 0), ""
        number = str(request.get("c_orderNo"))
        order = self._order(number)
        if order is None:
            return 0, "there is no such order"
        if order["payment_status"] == "not_paid":
            return 0, "the order has not been paid"
        amount = float(request.get("c_amount") or 0)
        if request["c_kind"] == "LINES":
            prices = {line["item_id"]: line["price"] for line in order["product_items"]}
            wanted = [part.strip() for part in str(request.get("c_lines") or "").split(";") if part.strip()]
            if not wanted or any(one not in prices for one in wanted):
                return 0, "the order has no such line"
            amount = sum(prices[one] for one in dict.fromkeys(wanted))
        if round(self._paid.get(number, 0) + amount, 2) > order["order_total"]:
            return 0, "more than is left of the order's total"
        self._paid[number] = self._paid.get(number, 0) + amount
        return amount, ""

    # credits
    def credit(self, key: str, request: Document) -> Document:
        """What is written to a CreditRequest: goodwill is never more than the order was worth."""
        order = self._order(str(request.get("c_orderNo")))
        amount = float(request.get("c_amount") or 0)
        if order is not None and amount > order["order_total"]:
            return {"c_status": "FAILED", "c_failure": "it is more than the order's total"}
        now = iso(self.shop.clock.now())
        return {"c_status": "EXECUTED", "c_executedKey": key, "c_executedAmount": amount, "c_executedAt": now}

    # changes
    def change(self) -> int:
        """Carries out what was accepted and not yet looked at; returns how many."""
        docs = self.shop.objects.types.get("OrderChange")
        if docs is None or docs.writes == self._seen:
            return 0
        self._seen = docs.writes
        done = 0
        for wish in self.shop.objects.shown("OrderChange"):
            key = wish["key_value_string"]
            if "ACCEPTED" in (wish.get("c_decision"), wish.get("c_straight")) and not wish.get("c_result"):
                result, why = self._carry_out(wish)
                self.changed[key] = result
                says = {"c_result": result, **({"c_resultText": why} if why else {})}
                self.shop.objects.patch(wish["site_id"], "OrderChange", key, says, "")
                done += 1
        return done

    def _carry_out(self, wish: Document) -> tuple[str, str]:
        number = str(wish.get("c_orderNo"))
        order = self._order(number)
        if order is None:
            return "FAILED", "there is no such order"
        if order["shipping_status"] != "not_shipped" or order["status"] in ("completed", "cancelled", "replaced"):
            return "TOO_LATE", ""
        shipment = order["shipments"][0]
        if wish["c_kind"] == "ADDRESS":
            new = {name: wish[given] for given, name in _ADDRESS.items() if wish.get(given)}
            shipment["shipping_address"] = {**shipment["shipping_address"], **new}
        elif wish["c_kind"] == "SHIPPING":
            shipment["shipping_method"] = {"_type": "shipping_method", "id": wish.get("c_shippingMethod") or "001"}
        else:
            lines = order["product_items"]
            lines.append({**lines[0], "item_id": f"i{len(lines) + 1}", "product_id": wish.get("c_productId"),
                          "quantity": wish.get("c_quantity") or 1})  # fmt: skip
        self.shop.orders.save(order["site_id"], order)
        return "DONE", ""

    def _order(self, number: str) -> Document | None:
        for docs in self.shop.orders.sites.values():
            doc = docs.get(number)
            if doc is not None:
                return doc.document()
        return None
