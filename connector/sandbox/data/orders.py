"""Orders as an OCAPI order document: addresses, lines, shipments, payments, and the attributes of the sample shop."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import orjson

from connector.sandbox.clock import iso
from connector.sandbox.data.names import PAYMENT_ERRORS, PEOPLE, PLACES, PRODUCTS
from connector.sandbox.data.troubles import detail
from connector.sandbox.opaque import new_state
from connector.sandbox.options import Options
from connector.sandbox.sfcc.schema import SITES

Loaded = tuple[str, str, str, bytes]
"""order_no, site, last_modified, encoded document"""

_METHODS = ("CREDIT_CARD", "CREDIT_CARD", "CREDIT_CARD", "PayPal", "KLARNA", "GIFT_CERTIFICATE")
_CARDS = ("Visa", "Master Card", "Amex")


class OrderMaker:
    """Makes orders one by one from a seed. `link` is where the notes of an order live."""

    def __init__(self, options: Options, url: str) -> None:
        self.options = options
        self.url = url
        self.random = Random(options.seed)
        self.number = 1300

    def make(self, site: str, at: float, *, exception: bool | None = None) -> dict[str, Any]:
        """An order placed some time before `at` (epoch seconds) and last changed then."""
        r = self.random
        chance = r.random
        self.number += 1
        no = f"{self.number:08d}"
        currency = SITES[site][int(chance() * len(SITES[site]))]
        first, last = PEOPLE[int(chance() * len(PEOPLE))]
        who = f"{first} {last}"
        guest = chance() < 0.4
        stamp = iso(at)
        address = _address(first, last, PLACES[currency][int(chance() * len(PLACES[currency]))], no)
        lines, total = self._lines(currency)
        shipping = 0 if total > 100 else 9.95 if currency != "JPY" else 990
        amount = _money(total + shipping, currency)
        customer = {"_type": "customer_info", "customer_id": f"ab{no}Q", "customer_name": who,
                    "email": f"customer.{no}@example.org"}  # fmt: skip
        if not guest:
            customer["customer_no"] = f"C{int(chance() * 90000) + 10000:08d}"
        shipped = chance() < 0.5
        order = {
            "_type": "order", "_resource_state": new_state(), "order_no": no, "site_id": site,
            "creation_date": iso(at - 60 - chance() * 7200), "last_modified": stamp, "created_by": "Customer",
            "status": "completed" if shipped else "new" if chance() < 0.7 else "open",
            "confirmation_status": "confirmed", "export_status": "ready", "payment_status": "paid",
            "shipping_status": "shipped" if shipped else "not_shipped", "channel_type": "storefront",
            "currency": currency, "taxation": "gross", "order_total": amount, "product_total": _money(total, currency),
            "shipping_total": shipping, "tax_total": _money(amount / 6, currency), "customer_name": who,
            "customer_info": customer, "billing_address": address, "product_items": lines,
            "shipments": [self._shipment(no, address, shipped)],
            "payment_instruments": [self._payment(who, amount)],
            "notes": {"_type": "simple_link", "link": f"{self.url}/s/{site}/dw/shop/v24_5/orders/{no}/notes"},
            "c_addressMismatch": False, "c_fulfillmentStatus": "COMPLETE", "c_riskScore": int(chance() * 60),
        }  # fmt: skip
        if exception if exception is not None else chance() < self.options.exceptions:
            self._break(order)
        return order

    def _lines(self, currency: str) -> tuple[list[dict[str, Any]], float]:
        chance = self.random.random
        longest = max(self.options.longest_order, 1)
        many = 1 + int(chance() * 3) if chance() < 0.96 else 1 + int(chance() * longest)
        lines, total = [], 0.0
        factor = 150 if currency == "JPY" else 1
        for i in range(min(many, longest)):
            product, name, base = PRODUCTS[int(chance() * len(PRODUCTS))]
            quantity = 1 if chance() < 0.8 else 1 + int(chance() * 4)
            each = _money(base * factor, currency)
            price = _money(each * quantity, currency)
            total += price
            lines.append({"_type": "product_item", "item_id": f"i{i + 1}", "product_id": product, "product_name": name,
                          "item_text": name, "quantity": quantity, "base_price": each, "price": price,
                          "price_after_item_discount": price, "tax": _money(price / 6, currency),
                          "shipment_id": "me", "gift": False})  # fmt: skip
        return lines, total

    def _shipment(self, no: str, address: dict[str, Any], shipped: bool) -> dict[str, Any]:
        shipment = {"_type": "shipment", "shipment_id": "me", "shipment_no": "S" + no, "shipping_address": address,
                    "shipping_method": {"_type": "shipping_method", "id": "001", "name": "Ground"},
                    "shipping_status": "shipped" if shipped else "not_shipped", "gift": False}  # fmt: skip
        if shipped:
            shipment["tracking_number"] = f"1Z{int(self.random.random() * 10**10):010d}"
        return shipment

    def _payment(self, who: str, amount: float) -> dict[str, Any]:
        chance = self.random.random
        method = _METHODS[int(chance() * len(_METHODS))]
        payment: dict[str, Any] = {"_type": "order_payment_instrument", "payment_instrument_id": new_state(),
                                   "payment_method_id": method, "amount": amount}  # fmt: skip
        if method == "CREDIT_CARD":
            payment["payment_card"] = {"_type": "payment_card", "card_type": _CARDS[int(chance() * 3)], "holder": who,
                                       "masked_number": "************1111", "number_last_digits": "1111",
                                       "expiration_month": 1 + int(chance() * 12), "expiration_year": 2029}  # fmt: skip
        return payment

    def _break(self, order: dict[str, Any]) -> None:
        """Makes it an order that needs a person."""
        kind = int(self.random.random() * 4)
        if kind == 0:
            order["payment_status"] = "not_paid"
            if order["status"] != "completed":
                order["status"], order["confirmation_status"] = "failed", "not_confirmed"
            order["c_paymentError"] = PAYMENT_ERRORS[int(self.random.random() * len(PAYMENT_ERRORS))]
        elif kind == 1:
            order["c_addressMismatch"] = True
            order["confirmation_status"] = "not_confirmed"
        elif kind == 2:
            order["c_fulfillmentStatus"] = ("PARTIAL", "DELAYED", "NO_CONFIRMATION")[int(self.random.random() * 3)]
            order["shipping_status"] = "part_shipped"
        else:
            order["c_riskScore"] = 75 + int(self.random.random() * 26)
        detail(order)

    def all(self, now: float) -> Iterator[Loaded]:
        """The shop's orders at the start: last_modified ascending per site, with runs of equal stamps."""
        for site, wanted in (("RefArch", self.options.orders), ("RefArchGlobal", self.options.orders // 10)):
            for at in self._times(wanted, now):
                order = self.make(site, at)
                body = bytes(memoryview(orjson.dumps(order)))  # a tight copy: the encoder's buffer is twice as large
                yield order["order_no"], site, order["last_modified"], body

    def _times(self, wanted: int, now: float) -> list[float]:
        r = self.random
        span = self.options.days * 86400
        out: list[float] = []
        while len(out) < wanted:
            at = now - 30 - r.random() * span
            run = 1 if r.random() < 0.95 else 1 + int(r.random() * max(self.options.equal_run, 1))
            out.extend([at] * min(run, wanted - len(out)))
        return out


def _money(value: float, currency: str) -> float:
    return round(value) if currency == "JPY" else round(value, 2)


def _address(first: str, last: str, place: tuple[str, str, str, str, str], no: str) -> dict[str, Any]:
    street, city, code, state, country = place
    address = {"_type": "order_address", "id": f"a{no}", "first_name": first, "last_name": last,
               "full_name": f"{first} {last}", "address1": street, "city": city, "postal_code": code,
               "country_code": country, "phone": "+43 1 0000000"}  # fmt: skip
    if state:
        address["state_code"] = state
    return address
