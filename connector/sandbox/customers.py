"""Customers after they have bought: what they add to a request of theirs, and how they answer when they are asked for more."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.clock import iso
from connector.sandbox.data import claims

if TYPE_CHECKING:
    from connector.sandbox.world import World

ASKED = ("ReturnRequest", "WarrantyClaim", "Dispute")
"""Types whose customers may be asked for evidence: c_evidenceAskedAt names the question, c_evidenceAnswered the one answered."""
_ANSWERS = (
    "Here is the receipt, I found it.",
    "Photo attached — see the crack on the left side.",
    "Je n'ai plus la facture, mais voici le relevé.",
    "レシートです。",
)


class Customers:
    """They write to custom objects as the storefront's code does: whole correspondence, documents as links."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = Random(world.options.seed + 7)
        self.answered = self.claims = self.disputes = 0

    def start(self) -> None:
        """Answers by themselves, as long as the option `customers` says how often they look."""
        if self.world.options.customers > 0:
            self.world.clock.after(self.world.options.customers, self._tick)

    def _tick(self) -> None:
        for kind in ASKED:
            for one in self.world.shop.objects.shown(kind):
                if one.get("c_evidenceAskedAt") and one["c_evidenceAskedAt"] != one.get("c_evidenceAnswered"):
                    text = _ANSWERS[int(self.random.random() * len(_ANSWERS))]
                    self.answer(kind, one["key_value_string"], text, document=self.random.random() < 0.5)
        self.start()

    def claim(self, number: str | None = None, **changes: Any) -> dict[str, Any]:
        """A customer claims warranty for a line of an order, or of any at RefArch; returns the object."""
        site = self.world.site_of(number) if number else "RefArch"
        (order,) = self._orders(site, [number] if number else None, 1)
        self.claims += 1
        key, attributes = claims.claim(self.random, self.claims, order, self.world.shop.url)
        return self._place(site, "WarrantyClaim", key, attributes | changes)

    def dispute(self, numbers: Sequence[str] | None = None, **changes: Any) -> dict[str, Any]:
        """A customer disputes orders of one site, or any two at RefArch; returns the object."""
        site = self.world.site_of(numbers[0]) if numbers else "RefArch"
        self.disputes += 1
        key, attributes = claims.dispute(self.random, self.disputes, self._orders(site, numbers, 2))
        return self._place(site, "Dispute", key, attributes | changes)

    def _orders(self, site: str, numbers: Sequence[str] | None, count: int) -> list[dict[str, Any]]:
        docs = self.world.shop.orders.sites[site]
        chosen = numbers or self.random.sample(sorted(docs.docs), min(count, len(docs.docs)))
        found = [docs.get(number) for number in chosen]
        return [doc.document() for doc in found if doc is not None]

    def _place(self, site: str, kind: str, key: str, attributes: dict[str, Any]) -> dict[str, Any]:
        key = attributes.pop("key", key)
        self.world.shop.objects.put(site, kind, key, attributes, "")
        return {"key": key, "site": site, **attributes}

    def say(self, kind: str, key: str, text: str, sender: str = "customer", **more: Any) -> list[dict[str, Any]]:
        """Somebody adds to the correspondence of an object; returns it so far."""
        found = self._found(kind, key)
        so_far, changes = self._said(found, text, sender, more)
        self.world.shop.objects.patch(found["site_id"], kind, key, changes, "")
        return so_far

    def answer(self, kind: str, key: str, text: str, *, document: bool = False, **more: Any) -> list[dict[str, Any]]:
        """The customer answers the question that is shown to them, in one save; returns the correspondence so far."""
        found = self._found(kind, key)
        asked = found.get("c_evidenceAskedAt")
        if asked is None:
            raise ValueError(f"nobody has asked the customer of {kind} {key!r}")
        so_far, changes = self._said(found, text, "customer", more)
        changes["c_evidenceAnswered"] = asked
        if document:
            papers = orjson.loads(found.get("c_documents") or "[]")
            number = len(papers) + 1
            papers.append({"id": f"d{number}", "name": f"evidence-{number}.jpg",
                           "url": f"{self.world.shop.url}/on/demandware.static/{key}/evidence-{number}.jpg"})  # fmt: skip
            changes["c_documents"] = orjson.dumps(papers).decode()
        self.world.shop.objects.patch(found["site_id"], kind, key, changes, "")
        self.answered += 1
        return so_far

    def _said(
        self, found: dict[str, Any], text: str, sender: str, more: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        so_far: list[dict[str, Any]] = orjson.loads(found.get("c_messages") or "[]")
        now = iso(self.world.shop.clock.now())
        so_far.append({"id": f"m{len(so_far) + 1}", "at": now, "from": sender, "text": text, **more})
        return so_far, {"c_messages": orjson.dumps(so_far).decode()}

    def _found(self, kind: str, key: str) -> dict[str, Any]:
        found = next((one for one in self.world.shop.objects.shown(kind) if one["key_value_string"] == key), None)
        if found is None:
            raise KeyError(f"no {kind} {key!r}")
        return found
