"""Registered customers of the instance's customer lists (Data API 25.6): read and patched by number.

A list is called as its site; its customers are those who have placed orders with a number of theirs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.opaque import new_state
from connector.sandbox.sfcc.fault import Fault, conflict
from connector.sandbox.sfcc.schema import SITES, custom_values

if TYPE_CHECKING:
    from connector.sandbox.sfcc.shop import Shop

_SERVICE = {"_v", "_type", "_resource_state"}
_TEXTS = re.compile(r"(?:first_name|last_name|email|phone_[a-z_]+)\Z")
_CREDENTIALS = {"login": str, "enabled": bool, "locked": bool}


class Customers:
    """All customers, by list and number."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.held: dict[tuple[str, str], dict[str, Any]] = {}

    def get(self, of: str, number: str) -> dict[str, Any]:
        """One customer; 404 when there is none, or no such list."""
        if of not in SITES:
            raise Fault(404, "CustomerListNotFoundException", f"There is no customer list '{of}'.", customerListId=of)
        held = self.held.get((of, number)) or self._placed(of, number)
        if held is None:
            raise Fault(
                404,
                "CustomerListCustomerNotFoundException",
                f"No customer with number '{number}' was found.",
                customerNo=number,
            )
        return held

    def _placed(self, of: str, number: str) -> dict[str, Any] | None:
        """A customer as the orders tell of them."""
        for doc in self.shop.orders.sites[of].docs.values():
            if doc.body is None or number.encode() not in doc.body:
                continue
            known = doc.document().get("customer_info", {})
            if known.get("customer_no") == number:
                first, _, last = str(known.get("customer_name", "")).partition(" ")
                credentials = {"login": known.get("email", ""), "enabled": True, "locked": False}
                made = {"_type": "customer", "_resource_state": new_state(), "customer_no": number,
                        "customer_id": known.get("customer_id", ""), "first_name": first, "last_name": last,
                        "email": known.get("email", ""), "credentials": credentials,
                        "creation_date": self.shop.clock.stamp(), "last_modified": self.shop.clock.stamp()}  # fmt: skip
                self.held[of, number] = made
                return made
        return None

    def read(self, of: str, number: str, version: str) -> bytes:
        return orjson.dumps({"_v": version, **self.get(of, number)})

    def patch(self, of: str, number: str, body: Any, state: str) -> None:
        """Merges what is given; everything is looked at before anything is changed."""
        held = self.get(of, number)
        if not isinstance(body, dict):
            raise Fault(400, "BodyDecodingException", "The request body must be an object.")
        wanted = body.get("_resource_state", state or None)
        if wanted is not None and wanted != held["_resource_state"]:
            raise conflict(f"customer {number}")
        ignore = self.shop.world.options.unknown_attributes == "ignore"
        changed: dict[str, Any] = custom_values(body, self.shop.declared.customers, ignore_unknown=ignore)
        for name, value in body.items():
            if name == "credentials":
                changed[name] = self._credentials(of, number, held, value)
            elif _TEXTS.match(name):
                if value is not None and not isinstance(value, str):
                    raise _mismatch(name, value)
                changed[name] = value
            elif not name.startswith("c_") and name not in _SERVICE:
                raise Fault(400, "UnknownPropertyException", f"Unknown property '{name}'.", property=name)
        news = any(held.get(name) != value for name, value in changed.items())
        made = {**held, **changed, "_resource_state": new_state(), "last_modified": self.shop.clock.stamp()}
        self.held[of, number] = {name: value for name, value in made.items() if value is not None}
        self.shop.world.journal.wrote(f"customers/{of}/{number}", news=news)

    def _credentials(self, of: str, number: str, held: dict[str, Any], given: Any) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise _mismatch("credentials", given)
        for entry, value in given.items():
            if not isinstance(value, _CREDENTIALS.get(entry, type(None))):
                raise _mismatch(f"credentials.{entry}", value)
        login = given.get("login")
        taken = (one for key, one in self.held.items() if key[0] == of and key[1] != number)
        if login is not None and any(one["credentials"]["login"] == login for one in taken):
            raise Fault(400, "LoginAlreadyInUseException", "The login is already in use.", login=str(login))
        return {**held["credentials"], **given}


def _mismatch(name: str, value: Any) -> Fault:
    return Fault(
        400,
        "TypeMissmatchException",  # the vendor's own spelling
        f"The value of '{name}' is of another type.",
        property=name,
        value=str(value),
    )
