"""What tests and demos let customers do in the shop: a part of the control verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.sandbox.world import World


class CustomerVerbs:
    """Verbs of customers, before and after they have bought."""

    def __init__(self, world: World) -> None:
        self.world = world

    def place_return(self, number: str | None = None, **changes: Any) -> dict[str, Any]:
        """A customer asks to send something of an order back."""
        return self.world.place_return(number, **changes)

    def place_complaint(self, number: str | None = None, **changes: Any) -> dict[str, Any]:
        """A customer complains about an order."""
        return self.world.place_complaint(number, **changes)

    def complaint_message(self, key: str, text: str, **more: Any) -> list[dict[str, Any]]:
        """The customer adds to a complaint; returns the correspondence so far."""
        return self.world.complaint_message(key, text, **more)

    def place_checkout(self, **changes: Any) -> dict[str, Any]:
        """A checkout fails before any order exists."""
        return self.world.buyers.fail(**changes)

    def place_change(self, number: str | None = None, **changes: Any) -> dict[str, Any]:
        """A customer wants an order changed before it leaves."""
        return self.world.buyers.wish(number, **changes)

    def place_object(self, kind: str, key: str, site: str = "RefArch", **attributes: Any) -> None:
        """The storefront writes a custom object of any type that the shop has declared."""
        self.world.shop.objects.put(site, kind, key, attributes, "")

    def change_object(self, kind: str, key: str, **changes: Any) -> None:
        """The storefront or the shop's own code changes attributes of a custom object; null removes one."""
        self.world.buyers.save(kind, key, changes)

    def place_claim(self, number: str | None = None, **changes: Any) -> dict[str, Any]:
        """A customer claims warranty for a product of an order."""
        return self.world.customers.claim(number, **changes)

    def place_dispute(self, numbers: list[str] | None = None, **changes: Any) -> dict[str, Any]:
        """A customer disputes orders (`numbers`; two of any): charged twice, points missing, wrong profile."""
        return self.world.customers.dispute(numbers, **changes)

    def customer_says(self, kind: str, key: str, text: str, **more: Any) -> list[dict[str, Any]]:
        """The customer adds to a request of this `kind` (ReturnRequest …); returns the correspondence so far."""
        return self.world.customers.say(kind, key, text, **more)

    def customer_answers(self, kind: str, key: str, text: str, **more: Any) -> list[dict[str, Any]]:
        """The customer answers what they were asked for evidence, with a `document` if wanted; returns the correspondence."""
        return self.world.customers.answer(kind, key, text, **more)
