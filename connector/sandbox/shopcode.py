"""The shop's own code: executes refund requests exactly once a key, and records the executed key itself."""

from __future__ import annotations

from typing import Any

from connector.sandbox.gate import World
from connector.sandbox.sfcc.shop import Shop


class ShopCode:
    """Looks for RefundRequest objects with status REQUESTED every so often, or when told to."""

    def __init__(self, world: World, shop: Shop) -> None:
        self.world = world
        self.shop = shop
        self.executed: dict[str, dict[str, Any]] = {}
        self.refused: list[str] = []
        self._seen = 0

    def start(self) -> None:
        if self.world.options.shop_code > 0:
            self.world.clock.after(self.world.options.shop_code, self._tick)

    def _tick(self) -> None:
        self.run()
        self.start()

    def run(self) -> int:
        """Executes what is requested; returns how many. A key that was executed before is never executed again."""
        docs = self.shop.objects.types.get("RefundRequest")
        if docs is None or docs.writes == self._seen:
            return 0
        done = 0
        for request in self.shop.objects.shown("RefundRequest"):
            if request.get("c_status") != "REQUESTED":
                continue
            key, site = request["key_value_string"], request["site_id"]
            if key in self.executed:
                self.refused.append(key)
            else:
                self.executed[key] = {n: request.get(n) for n in ("c_returnId", "c_orderNo", "c_amount", "c_currency")}
                self.world.journal.executed[key] += 1
                done += 1
            executed = {"c_status": "EXECUTED", "c_executedKey": key}
            self.shop.objects.patch(site, "RefundRequest", key, executed, "")
        self._seen = docs.writes
        return done
