"""Customers while they buy, and shortly after: sessions that fail, and what they want changed before the order leaves."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from connector.sandbox.data import buying

if TYPE_CHECKING:
    from connector.sandbox.world import World


class Buyers:
    """What they do stands in custom objects, as the storefront's code writes them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = Random(world.options.seed + 9)
        self.checkouts = self.changes = 0

    def fill(self) -> None:
        """As many as the options say."""
        if self.world.options.bare:
            return
        for _ in range(self.world.options.checkouts):
            self.fail()
        for _ in range(self.world.options.changes):
            self.wish()

    def fail(self, **changes: Any) -> dict[str, Any]:
        """A checkout that fails; returns the object."""
        self.checkouts += 1
        key, attributes = buying.checkout(self.random, self.checkouts)
        return self._put("CheckoutProblem", "RefArch", key, attributes, changes)

    def wish(self, number: str | None = None, **changes: Any) -> dict[str, Any]:
        """A customer wants an order changed; returns the object."""
        site, order = self.world.an_order(number)
        self.changes += 1
        key, attributes = buying.change(self.random, self.changes, order)
        return self._put("OrderChange", site, key, attributes, changes)

    def save(self, kind: str, key: str, changes: dict[str, Any]) -> None:
        """Somebody in the shop changes a custom object."""
        found = next((one for one in self.world.shop.objects.shown(kind) if one["key_value_string"] == key), None)
        if found is None:
            raise KeyError(f"no {kind} {key!r}")
        self.world.shop.objects.patch(found["site_id"], kind, key, changes, "")

    def _put(
        self, kind: str, site: str, key: str, attributes: dict[str, Any], changes: dict[str, Any]
    ) -> dict[str, Any]:
        key = changes.pop("key", key)
        self.world.shop.objects.put(site, kind, key, {**attributes, **changes}, "")
        return {"key": key, "site": site, **attributes, **changes}
