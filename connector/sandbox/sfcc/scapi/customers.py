"""Customers over SCAPI (customer/customers/v1): read and patched by list and number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from connector.sandbox.gate import json_reply
from connector.sandbox.server import Reply
from connector.sandbox.sfcc.scapi.names import camel, snake
from connector.sandbox.sfcc.scapi.problem import Problem

if TYPE_CHECKING:
    from connector.sandbox.sfcc.scapi.gateway import Call
    from connector.sandbox.sfcc.shop import Shop


class Customers:
    """All customers of the instance, as this API shows them."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def handle(self, call: Call) -> Reply:
        customers = self.shop.customers
        match (call.method, call.rest):
            case ("GET", ["customer-lists", of, "customers", number]):
                pass
            case ("PATCH", ["customer-lists", of, "customers", number]):
                body = call.body()
                if isinstance(body, dict):
                    body = {snake(name): value for name, value in body.items() if not name.startswith("_")}
                customers.patch(of, number, body, "")
            case _:
                raise Problem(404, "", "There is nothing here.")
        shown = orjson.loads(customers.read(of, number, "1"))
        return json_reply(200, {camel(name): value for name, value in shown.items() if not name.startswith("_")})
