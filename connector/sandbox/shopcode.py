"""The shop's own code: executes refunds, credits and corrections exactly once a key, records the key itself, sends mails."""

from __future__ import annotations

from typing import Any

import orjson

from connector.sandbox.clock import iso
from connector.sandbox.desk import OrderDesk
from connector.sandbox.gate import World
from connector.sandbox.sfcc.objects import SEPARATOR
from connector.sandbox.sfcc.shop import Shop

_EXECUTES = {
    "RefundRequest": ("c_returnId", "c_orderNo", "c_amount", "c_currency"),
    "CreditRequest": ("c_kind", "c_recordId", "c_orderNo", "c_customerNo", "c_amount", "c_currency", "c_points"),
    "AccountCorrection": ("c_recordId", "c_customerNo", "c_correction"),
}
"""What the shop carries out once a key, and what it goes by."""
_NOTICE = ("c_kind", "c_orderNo", "c_subject", "c_text", "c_email", "c_caseNumber")


class ShopCode:
    """Looks every so often, or when told to, for what is REQUESTED and executes it, and for NEW CustomerNotices."""

    def __init__(self, world: World, shop: Shop) -> None:
        self.world = world
        self.shop = shop
        self.desk = OrderDesk(world, shop)
        self.done: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in _EXECUTES}
        self.refused: list[str] = []
        """Keys of refunds that came again; of credits and corrections: `again`."""
        self.again: list[str] = []
        self.mailed: dict[str, dict[str, Any]] = {}
        self.mailed_before: list[str] = []
        self._seen: dict[str, int] = {}

    @property
    def executed(self) -> dict[str, dict[str, Any]]:
        """Refunds by key."""
        return self.done["RefundRequest"]

    def start(self) -> None:
        if self.world.options.shop_code > 0:
            self.world.clock.after(self.world.options.shop_code, self._tick)

    def _tick(self) -> None:
        self.run()
        self.start()

    def run(self) -> int:
        """Does what is wanted; returns how much. A key that was executed or sent before never is again."""
        return sum(self._execute(kind) for kind in _EXECUTES) + self._mail() + self.desk.change()

    def _execute(self, kind: str) -> int:
        done = 0
        for request in self._new(kind, "REQUESTED"):
            key, site = request["key_value_string"], request["site_id"]
            refund = kind == "RefundRequest"
            answer = {"c_status": "EXECUTED", "c_executedKey": key}
            if key in self.done[kind]:
                (self.refused if refund else self.again).append(key)
                self.shop.objects.patch(site, kind, key, answer, "")
                continue
            if refund:
                answer = self.desk.refund(key, request)
            elif kind == "CreditRequest":
                answer = self.desk.credit(key, request)
            if answer["c_status"] == "EXECUTED":
                self.done[kind][key] = {name: request.get(name) for name in _EXECUTES[kind]}
                self._tell(kind, site, request)
                if refund:
                    self.world.journal.executed[key] += 1
                done += 1
            self.shop.objects.patch(site, kind, key, answer, "")
        return done

    def _tell(self, kind: str, site: str, request: dict[str, Any]) -> None:
        """A dispute shows what was carried out for it."""
        key = str(request.get("c_recordId"))
        docs = self.shop.objects.types.get("Dispute", None)
        doc = docs.get(key + SEPARATOR + site) if docs else None
        if doc is None:
            return
        so_far = orjson.loads(doc.document().get("c_events") or "[]")
        gave = [f"{request['c_amount']} {request.get('c_currency')}"] if request.get("c_amount") else []
        gave += [f"{request['c_points']:g} points"] if request.get("c_points") else []
        text = (
            f"corrected: {request['c_correction']}" if kind == "AccountCorrection" else f"credited {' and '.join(gave)}"
        )
        so_far.append({"id": f"e{len(so_far) + 1}", "at": iso(self.shop.clock.now()), "text": text})
        self.shop.objects.patch(site, "Dispute", key, {"c_events": orjson.dumps(so_far).decode()}, "")

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
