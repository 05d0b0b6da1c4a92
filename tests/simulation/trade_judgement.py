"""What must stand in the end where lines come and go, worked out from what people did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tests.simulation.flows import key_of
from tests.simulation.history import Effect
from tests.simulation.systems import US, Thing, claimed
from tests.simulation.trade import MEMBERS, box_wish, names
from tests.simulation.trade_watch import RECALLED

if TYPE_CHECKING:
    from tests.simulation.world import World

Row = tuple[str, str]
Rows = Mapping[tuple[str, str], Row]
State = Callable[[str, str, Callable[[], str]], bool]
Differs = Callable[[str, Mapping[str, Any], Thing, str, tuple[str, str, str]], None]


class TradeJudgement:
    """Of one world, once. `state`: whether a row is done; `differs`: compares what is there with a wish."""

    def __init__(
        self, world: World, broken: Callable[[str, str], None], rows: Rows, state: State, differs: Differs
    ) -> None:
        self._world, self._broken, self._rows, self._state, self._differs = world, broken, rows, state, differs
        self._shop, self._desk = world.systems["shop"], world.systems["desk"]
        self._gone = world.plan.settings["gone"]
        self._doubts = world.doubts

    def judge(self) -> None:
        flows = self._world.plan.flows
        if "recalls" in flows:
            self._recalls()
        if "baskets" in flows:
            for basket in self._shop.all("baskets").values():
                self._basket(basket)
        if "parcels" in flows:
            for parcel in self._shop.all("parcels").values():
                self._parcel(parcel)
        if "claims" in flows:
            self._claims()

    def _standing(self, stream: str, key: str) -> list[Thing]:
        found = [thing for thing in self._desk.all(stream).values() if thing.key == key]
        if len(found) > 1:
            self._broken("nothing is made twice", f"{key}: {[thing.id for thing in found]}")
        return found

    def _by_hand(self, *keys: str) -> bool:
        """Whether a person deleted an object under one of these keys."""
        return any(thing.key in keys and thing.removed_by != US for thing in self._desk.bin)

    # -- recalls ---------------------------------------------------------------------------------------------------------

    def _recalls(self) -> None:
        products = self._shop.all("products")

        def may_park(recall: Thing) -> str:
            for fields, (at, _) in zip(recall.versions, recall.saves, strict=True):
                if any(one not in products or products[one].saves[0][0] > at for one in fields["products"]):
                    return ""  # it was not there when it was asked for
            return "its products are there"

        for recall in self._desk.all("Recall").values():
            state = self._rows.get(("recalls", recall.id), ("", ""))[0]
            self._state("recalls", recall.id, lambda recall=recall: may_park(recall))  # type: ignore[misc]
            if state == "filtered" and not recall.fields["lifted"] and recall.fields["products"]:
                self._broken("nothing is lost", f"recall {recall.id} was left out")
        if self._world.people.dropped or any(thing.id.startswith("c") for thing in self._desk.bin):
            return  # a recall whose case is gone puts nothing back
        for product in products.values():
            for name in RECALLED:
                self._product(product, name)

    def _product(self, product: Thing, name: str) -> None:
        open_ = []
        for recall in self._desk.all("Recall").values():
            if names(recall.fields, product.id):
                open_.append(recall.fields)
                if product.saves[0][0] > recall.saves[0][0] and self._rows["recalls", recall.id][0] == "parked":
                    return  # it may have been named before it was there
        wishes = [False if name == "online" else fields["notice"] for fields in open_]
        saved, at = self._last_saved(product, name)
        ours = [one for one in self._world.history.effects
                if one.stream == "shop.products" and one.target == product.id and one.outcome == "updated"
                and name in one.fields]  # fmt: skip
        held = product.fields[name]
        before, after = [one for one in ours if one.at <= at], [one for one in ours if one.at > at]
        if open_:
            touched = self._last_changed(product, name) != US and (
                bool(before) or any(one.looked < at for one in after)
            )
            late = [one for one in ours[:-1] if one.sent > ours[-1].sent and one.fields[name] != held]
            if late and held in wishes and late[-1].fields[name] in wishes:
                self._broken(
                    "the newest wins", f"{name} of {product.id}: {held!r} came after {late[-1].fields[name]!r}"
                )
            if held in wishes or (held == saved and touched):
                return
            self._broken("what is wanted for a while stands there", f"{name} of {product.id}: {held!r}, {wishes}")
            return
        if held == saved:
            return
        recalls = self._desk.all("Recall").values()
        saves = [save for recall in recalls for save in zip(recall.versions, recall.saves, strict=True)]
        wished = [when for fields, (when, _) in saves if names(fields, product.id)]
        alike = saved in [one.fields[name] for one in before]
        if name == "online" and saved is False and wished:
            alike = alike or at > min(wished)
        if after and (before or alike or after[0].looked < at):
            # saved while it was held, or while the first write was on its way: what stood before may be back,
            # where a recall wrote over it, or where nobody could tell it from a recall's own
            known = [fields[name] for fields, (_, by) in zip(product.versions, product.saves, strict=True) if by != US]
            unseen = self._world.plan.settings["guarded"] == "none" and any(one.looked <= at for one in after)
            if held in known and (unseen or alike or self._written_over(after, name)):
                return
        self._broken("what stood there before is put back", f"{name} of {product.id} is {held!r}, it was {saved!r}")

    @staticmethod
    def _written_over(after: Sequence[Effect], name: str) -> bool:
        """Whether a recall wrote its own wish over what a person had saved."""
        return any(one.fields[name] is False or str(one.fields[name]).startswith("by ") for one in after)

    @staticmethod
    def _last_saved(product: Thing, name: str) -> tuple[Any, float]:
        """What a person saved last in a field, and when; others' saves leave it as it is."""
        value, when, last = product.versions[0][name], product.saves[0][0], product.versions[0][name]
        for fields, (at, by) in zip(product.versions, product.saves, strict=True):
            if by != US and fields[name] != last:
                value, when = fields[name], at
            last = fields[name]
        return value, when

    @staticmethod
    def _last_changed(product: Thing, name: str) -> str:
        """Who gave a field the value that it holds."""
        by, last = "", object()
        for fields, (_, who) in zip(product.versions, product.saves, strict=True):
            by, last = (by if fields[name] == last else who), fields[name]
        return by

    # -- baskets ---------------------------------------------------------------------------------------------------------

    def _basket(self, basket: Thing) -> None:
        key, fields = key_of("baskets", basket.id), basket.fields
        ever = sorted({part["id"] for version in basket.versions for part in version["parts"]})
        parts = {one: key_of("baskets", basket.id, "parts", one) for one in ever}
        tickets = self._standing("Ticket", key)
        standing = {one: self._standing("Part", part) for one, part in parts.items()}
        by_hand = self._by_hand(key, *parts.values())
        state = self._rows.get(("baskets", basket.id), ("", ""))[0]
        if state == "filtered":
            entered = [one for one in self._world.history.effects if one.key == key and one.outcome == "made"]
            kept = entered and not self._by_hand(key)  # a person deleted it: nothing is left to keep
            if kept or (fields["care"] and not fields["shut"]):
                self._broken("nothing is lost", f"basket {basket.id} was left out")
        if not self._state("baskets", basket.id, lambda: "" if by_hand else "nothing about it is refused"):
            return
        if self._by_hand(key):
            return
        if not tickets:  # one that was shut before anything was made of it needs none
            if not fields["shut"] or self._of(key, "made"):
                self._broken("nothing is lost", f"basket {basket.id} is done and has no ticket")
            return
        (ticket,) = tickets
        if fields["shut"]:
            self._left(basket, ticket)
            return
        self._differs(f"ticket of {basket.id}", {"Subject": f"Basket {basket.id}: {fields['word']}"}, ticket,
                      "the newest wins", ("baskets", basket.id, "desk.Ticket"))  # fmt: skip
        wanted = {part["id"]: part["qty"] for part in fields["parts"]}
        for one, key in parts.items():
            wish = {"Quantity": wanted[one], "Ticket": ticket.id} if one in wanted else None
            self._member(key, standing[one], wish)
        if fields["complete"] and not self._of(key_of("baskets", basket.id, "submit"), "updated"):
            self._broken("nothing is lost", f"basket {basket.id} is complete, and was not submitted")

    def _left(self, basket: Thing, ticket: Thing) -> None:
        """It is under care no more: its last words stand there, unless a person has changed them since."""
        outcomes = [fields["outcome"] for fields in basket.versions if fields["shut"]]
        if ticket.fields.get("Outcome") not in outcomes:
            self._broken("what is left is written", f"ticket of {basket.id}: {ticket.fields.get('Outcome')}")
        if ticket.fields.get("Status") != "Closed" and not self._changed_since(ticket, "Status", "Closed"):
            self._broken("what is left is written", f"ticket of {basket.id} is {ticket.fields.get('Status')}")

    def _changed_since(self, thing: Thing, name: str, value: Any) -> bool:
        """Whether a person changed a field after it had this value."""
        had = False
        for fields, (_, by) in zip(thing.versions, thing.saves, strict=True):
            if had and by != US and fields.get(name) != value:
                return True
            had = had or fields.get(name) == value
        return False

    def _of(self, key: str, *outcomes: str) -> list[Effect]:
        return [one for one in self._world.history.effects if one.key == key and one.outcome in outcomes]

    def _member(self, key: str, standing: Sequence[Thing], wish: Mapping[str, Any] | None) -> None:
        """An object for each line that is asked for, and what `gone` says of each that is not."""
        if wish is not None:
            if self._by_hand(key):
                return  # it may be missing, or have come back by an early request that committed late
            if standing:
                flow, _, record, *_ = key.split(":")
                stream = next(stream for stream, (of, _) in MEMBERS.items() if of == flow)
                self._differs(key, wish, standing[0], "the newest wins", (flow, record, stream))
            else:
                self._broken("nothing is lost", f"{key} is asked for, and is not there")
            return
        if self._by_hand(key):
            return
        if not standing:
            if self._gone == "write" and self._of(key, "made"):
                self._broken("what is gone is left as it says", f"{key} was deleted")
            return
        (thing,) = standing
        state = thing.fields["State"]
        worked = any(by != US and fields["State"] not in ("Draft", "Cancelled")
                     for fields, (_, by) in zip(thing.versions, thing.saves, strict=True))  # fmt: skip
        cancelled = state == "Cancelled" or self._changed_since(thing, "State", "Cancelled")
        if self._gone == "delete" or not cancelled or (self._gone == "choose" and not worked):
            self._broken("what is gone is left as it says", f"{key}: {thing.id} is {state}, gone: {self._gone}")

    # -- parcels ---------------------------------------------------------------------------------------------------------

    def _parcel(self, parcel: Thing) -> None:
        fields = parcel.fields
        depots = {name: depot.fields for name, depot in self._shop.all("depots").items()}
        ever = sorted({piece for version in parcel.versions for piece in version["pieces"]})
        boxes = {piece: key_of("parcels", parcel.id, "main", piece) for piece in ever}
        standing = {piece: self._standing("Box", key) for piece, key in boxes.items()}

        def may_park() -> str:
            missing = fields["depot_no"] and fields["depot_no"] not in depots
            waits = self._world.plan.settings["then"] == "park" and missing
            return "" if waits or self._by_hand(*boxes.values()) else "what it looks up is there"

        state = self._rows.get(("parcels", parcel.id), ("", ""))[0]
        if not self._state("parcels", parcel.id, may_park):
            if state == "filtered":
                self._broken("nothing is lost", f"parcel {parcel.id} was left out")
            return
        for piece, key in boxes.items():
            wanted = piece in fields["pieces"]
            self._member(key, standing[piece], box_wish(piece, fields, depots) if wanted else None)

    # -- claims ----------------------------------------------------------------------------------------------------------

    def _claims(self) -> None:
        orders: dict[str, list[Thing]] = {}
        for claim in self._shop.all("claims").values():
            orders.setdefault(claim.fields["order_no"], []).append(claim)
        for number, claims in orders.items():
            key = key_of("claims", number)
            folders, by_hand = self._standing("Folder", key), self._by_hand(key)
            done = [claim for claim in claims
                    if self._state("claims", claim.id, lambda: "" if by_hand else "nothing is refused")]  # noqa: B023  # fmt: skip
            if by_hand:
                continue
            if done and not folders:
                self._broken("nothing is lost", f"{key} has no folder")
                continue
            for claim in done:
                self._entry(claim, folders[0])
            if folders:
                self._priority(folders[0], claims)
                self._verdict(folders[0], done)

    def _entry(self, claim: Thing, folder: Thing) -> None:
        key = key_of("claims", claim.id, "entry")
        entries = self._standing("Entry", key)
        if not entries:
            self._broken("nothing is lost", f"{key} is not there")
            return
        wish = {"Folder": folder.id, "Text": f"{claim.id}: {claim.fields['word']}"}
        self._differs(key, wish, entries[0], "the newest wins", ("claims", claim.id, "desk.Entry"))

    def _priority(self, folder: Thing, claims: Sequence[Thing]) -> None:
        """While nobody has taken it, one of those that its records asked for."""
        wishes = {fields["priority"] for claim in claims for fields in claim.versions}
        if not claimed(folder) and not folder.claimed_at and folder.fields.get("Priority") not in wishes:
            self._broken("the newest wins", f"priority of {folder.key}: {folder.fields.get('Priority')}")

    def _verdict(self, folder: Thing, claims: Sequence[Thing]) -> None:
        if "verdicts" not in self._world.plan.flows:
            return
        if not self._state("verdicts", folder.id, lambda: "nothing is refused"):
            self._broken(
                "nothing is lost", f"what was decided in {folder.id} is {self._rows.get(('verdicts', folder.id))}"
            )
            return
        for claim in claims:
            wish, by = {"c_verdict": folder.fields.get("Verdict")}, ("verdicts", folder.id, "shop.claims")
            self._differs(f"claim {claim.id}", wish, claim, "the newest wins", by)
