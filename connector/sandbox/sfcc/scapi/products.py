"""Products over SCAPI (product/products/v1): read and patched by id. Entries of their maps keep their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.gate import json_reply
from connector.sandbox.server import Reply
from connector.sandbox.sfcc.scapi.names import camel, snake
from connector.sandbox.sfcc.scapi.problem import Problem

if TYPE_CHECKING:
    from connector.sandbox.sfcc.scapi.gateway import Call
    from connector.sandbox.sfcc.shop import Shop


class Products:
    """All products of the instance, as this API shows them."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def handle(self, call: Call) -> Reply:
        products = self.shop.products
        match (call.method, call.rest):
            case ("GET", ["products", number]):
                pass
            case ("PATCH", ["products", number]):
                body = call.body()
                if isinstance(body, dict):
                    body = {snake(name): value for name, value in body.items() if not name.startswith("_")}
                products.patch(number, body, "")
            case _:
                raise Problem(404 if call.rest[0] != "products" else 405, "", f"{call.method} is not possible here.")
        return json_reply(200, _shown(products.read(number, "1")))


def _shown(body: bytes) -> dict[str, Any]:
    return {camel(name): value for name, value in orjson.loads(body).items() if not name.startswith("_")}
