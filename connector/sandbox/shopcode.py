"""The shop's own code: executes refund requests exactly once a key, records the executed key itself, and sends mails."""

from __future__ import annotations

from typing import Any

from connector.sandbox.desk import OrderDesk
from connector.sandbox.gate import World
from connector.sandbox.sfcc.shop import Shop

_NOTICE = ("c_kind", "c_orderNo", "c_subject", "c_text", "c_email", "c_caseNumber")


class ShopCode:
    """Looks for RefundRequest objects with status REQUESTED and CustomerNotice objects with status NEW every so often, or when
    told to."""

    def __init__(self, world: World, shop: Shop) -> None:
        self.world = world
        self.shop = shop
        self.desk = OrderDesk(world, shop)
        self.executed: dict[str, dict[str, Any]] = {}
        self.refused: list[str] = []
        self.mailed: dict[str, dict[str, Any]] = {}
        self.mailed_before: list[str] = []
        self._seen: dict[str, int] = {}

    def start(self) -> None:
        if self.world.options.shop_code > 0:
            self.world.clock.after(self.world.options.shop_code, self._tick)

    def _tick(self) -> None:
        self.run()
        self.start()

    def run(self) -> int:
        """Does what is wanted; returns how much. A key that was executed or sent before never is again."""
        return self._refund() + self._mail() + self.desk.change()

    def _refund(self) -> int:
        done = 0
        for request in self._new("RefundRequest", "REQUESTED"):
            key, site = request["key_value_string"], request["site_id"]
            answer = {"c_status": "EXECUTED", "c_executedKey": key}
            if key in self.executed:
                self.refused.append(key)
            elif (answer := self.desk.refund(key, request))["c_status"] == "EXECUTED":
                self.executed[key] = {n: request.get(n) for n in ("c_returnId", "c_orderNo", "c_amount", "c_currency")}
                self.world.journal.executed[key] += 1
                done += 1
            self.shop.objects.patch(site, "RefundRequest", key, answer, "")
        return done

    def _mail(self) -> int:
        sent = 0
        for notice in self._new("CustomerNotice", "NEW"):
            key, site = notice["key_value_string"], notice["site_id"]
            if key in self.mailed:
                self.mailed_before.append(key)
            else:
                self.mailed[key] = {name: notice.get(name) for name in _NOTICE}
                sent += 1
            self.shop.objects.patch(site, "CustomerNotice", key, {"c_status": "SENT"}, "")
        return sent

    def _new(self, kind: str, status: str) -> list[dict[str, Any]]:
        """Objects of a type in this status; none where nothing was written since the last look."""
        docs = self.shop.objects.types.get(kind)
        if docs is None or docs.writes == self._seen.get(kind):
            return []
        self._seen[kind] = docs.writes
        return [one for one in self.shop.objects.shown(kind) if one.get("c_status") == status]
