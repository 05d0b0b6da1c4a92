"""People whose work comes and goes: recalls and products, baskets and parts, parcels and depots, claims and folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.simulation.course import Act, one_of
from tests.simulation.systems import Thing, claimed

if TYPE_CHECKING:
    from tests.simulation.world import World

PRODUCTS = ("p0", "p1", "p2")
RECALLED = (("p0",), ("p1",), ("p0", "p1"), ("p1", "p0"), ("p0", "p2"), ())
PARTS = ("a", "b", "ab", "ba", "abc", "", "c", "ac")
DEPOTS = ("d0", "d1", "d2", None)
HUBS = ((), ("d0",), ("d1", "d0"), ("d0", "d2"))
TOWNS = ("Ulm", "Bern", "Graz", "Ulm")
AGENTS = ("agent Ada", "agent Bo")
OWN = 4
"""From this number on, parcels, depots and claims have nothing to do with others."""


class Traders:
    """What they do to a world; `said` tells the history of it, `following` gives words that nobody said before."""

    def __init__(self, world: World, said: Callable[..., None], following: Callable[[str], str]) -> None:
        self._world, self._said, self._following = world, said, following
        self._shop, self._desk = world.systems["shop"], world.systems["desk"]
        self.kinds: Mapping[str, Callable[[Act, str], None]] = {
            "recall": self._recall,
            "product": self._product,
            "basket": self._basket,
            "part": self._part,
            "ticket": self._ticket,
            "parcel": self._parcel,
            "depot": self._depot,
            "box": self._box,
            "claim": self._claim,
            "folder": self._folder,
        }

    def do(self, act: Act, kind: str, what: str) -> None:
        self.kinds[kind](act, what)

    def _save(self, system: str, stream: str, name: str, act: Act, fields: Mapping[str, Any], *, who: str) -> None:
        """Nothing when it is there no more, or nothing of it changes."""
        thing = self._world.systems[system].all(stream).get(name)
        if thing is None or not fields or all(thing.fields.get(n) == v for n, v in fields.items()):
            return
        lag = self._world.plan.settings["lag"] if system == "shop" else 0.0
        self._world.systems[system].save(stream, name, fields, lag=lag)
        self._said(who, act.what, key=name, fields=fields)

    def _make(self, system: str, stream: str, name: str, act: Act, fields: Mapping[str, Any], *, who: str) -> None:
        known = self._world.systems[system]
        if name in known.all(stream) or any(thing.id == name for thing in known.bin):
            return
        known.make(stream, fields, name=name, lag=self._world.plan.settings["lag"] if system == "shop" else 0.0)
        self._said(who, act.what, key=name, fields=fields)

    def _delete(self, stream: str, thing: Thing | None, act: Act) -> None:
        if thing is not None:
            self._desk.remove(stream, thing.id)
            self._said("agent", act.what, target=thing.id)

    def _one(self, stream: str, act: Act) -> Thing | None:
        things = list(self._desk.all(stream).values())
        return things[(act.who + int(act.x * 7)) % len(things)] if things else None

    # -- recalls ---------------------------------------------------------------------------------------------------------

    def _recall(self, act: Act, what: str) -> None:
        key, x = f"c{act.who % 3}", act.x
        recall = self._desk.all("Recall").get(key)
        fields: dict[str, Any] = {}
        match what:
            case "new":
                fields = {"products": list(one_of(RECALLED[:5], x)), "lifted": False,
                          "notice": f"by {key} {self._following('n')}"}  # fmt: skip
                self._make("desk", "Recall", key, act, fields, who="agent")
                return
            case "lift":
                fields = {"lifted": True}
            case "reopen":
                fields = {"lifted": False}
            case "turn":
                fields = {"lifted": not recall.fields["lifted"]} if recall else {}
            case "products":
                fields = {"products": list(one_of(RECALLED, x))}
            case "notice":
                fields = {"notice": f"by {key} {self._following('n')}"}
            case "delete" if x < 0.3:
                self._delete("Recall", recall, act)
        self._save("desk", "Recall", key, act, fields, who="agent")

    def _product(self, act: Act, what: str) -> None:
        key, x = PRODUCTS[act.who % 3], act.x
        fields = {"online": x < 0.7, "notice": None if x < 0.5 else self._following("sold out ")}
        if what == "new":
            self._make("shop", "products", key, act, fields, who="shop")
            return
        kept = "notice" if x < 0.6 else "online"
        product = self._shop.all("products").get(key)
        if product is not None:
            turned = {
                "online": not product.fields["online"],
                "notice": one_of((None, self._following("say ")), x * 2 % 1),
            }
            self._save("shop", "products", key, act, {kept: turned[kept]}, who="shop")

    # -- baskets ---------------------------------------------------------------------------------------------------------

    def _basket(self, act: Act, what: str) -> None:
        key, x = f"b{act.who % 2}", act.x
        parts = [{"id": one, "qty": 1 + int(x * 30) % 3} for one in one_of(PARTS, x)]
        basket = self._shop.all("baskets").get(key)
        if what == "new" or basket is None:
            fields = {"care": x < 0.9, "shut": False, "word": "new", "outcome": None, "parts": parts, "complete": False}
            self._make("shop", "baskets", key, act, fields, who="shop")
            return
        changed: dict[str, Any] = {}
        held = basket.fields["parts"]
        match what:
            case "parts":
                changed = {"parts": parts}
            case "one":  # the first one goes, or comes back
                rest = [part for part in held if part["id"] != "a"]
                changed = {"parts": rest if len(rest) < len(held) else [{"id": "a", "qty": 1 + int(x * 30) % 3}, *held]}
            case "word":
                changed = {"word": self._following("w")}
            case "shut":
                changed = {"shut": not basket.fields["shut"], "outcome": self._following("o")}
            case "complete":
                changed = {"complete": True}
        self._save("shop", "baskets", key, act, changed, who="shop")

    def _part(self, act: Act, what: str) -> None:
        part = self._one("Part", act)
        if what == "delete":
            self._delete("Part", part, act)
        elif part is not None:
            state = "Ordered" if part.fields["State"] != "Ordered" or what == "order" else "Draft"
            self._save("desk", "Part", part.id, act, {"State": state}, who="agent")

    def _ticket(self, act: Act, what: str) -> None:
        ticket = self._one("Ticket", act)
        if what == "delete" and act.x < 0.4:
            self._delete("Ticket", ticket, act)
        elif what == "work" and ticket is not None:
            fields = one_of(({"Stage": "Working"}, {"Status": "Working"}, {"Seen": self._following("s")}), act.x)
            self._save("desk", "Ticket", ticket.id, act, fields, who="agent")

    # -- parcels ---------------------------------------------------------------------------------------------------------

    def _parcel(self, act: Act, what: str) -> None:
        key, x = f"q{act.who % 2}", act.x
        pieces, depot, hubs = list(one_of(PARTS, x)), one_of(DEPOTS, x * 5 % 1), list(one_of(HUBS, x * 3 % 1))
        if act.who >= OWN:  # a course of its own
            key, depot, hubs = f"q{act.who}", f"d{act.who}" if x >= 0.5 else None, []
        if what == "new" or key not in self._shop.all("parcels"):
            fields = {"pieces": pieces, "depot_no": depot, "hub_nos": hubs}
            self._make("shop", "parcels", key, act, fields, who="shop")
            return
        changed: dict[str, Any] = {"pieces": pieces} if what == "pieces" else {"depot_no": depot, "hub_nos": hubs}
        if what == "one":
            held = self._shop.all("parcels")[key].fields["pieces"]
            changed = {"pieces": [one for one in held if one != "a"] if "a" in held else ["a", *held]}
        self._save("shop", "parcels", key, act, changed, who="shop")

    def _depot(self, act: Act, what: str) -> None:
        key = f"d{act.who % 3 if act.who < OWN else act.who}"
        if what == "new":
            self._make("shop", "depots", key, act, {"town": one_of(TOWNS, act.x)}, who="shop")
        else:
            self._save("shop", "depots", key, act, {"town": self._following("town ")}, who="shop")

    def _box(self, act: Act, what: str) -> None:
        box = self._one("Box", act)
        if what == "delete":
            self._delete("Box", box, act)
        elif box is not None:
            self._save("desk", "Box", box.id, act, {"State": "Packed"}, who="agent")

    # -- claims ----------------------------------------------------------------------------------------------------------

    def _claim(self, act: Act, what: str) -> None:
        own, x = act.who >= OWN, act.x
        key = f"k{act.who if own else act.who % 4}"
        order = str(act.who // 2 + 5) if own else one_of(("7", "8"), act.who % 4 / 3.9)
        priority = one_of(("High", "Low", "Medium"), x * 3 % 1)
        if what == "new":
            fields = {"order_no": order, "word": self._following("w"),
                      "priority": priority, "c_verdict": None}  # fmt: skip
            self._make("shop", "claims", key, act, fields, who="shop")
            return
        changed = {"priority": priority} if what == "priority" else {"word": self._following("w")}
        self._save("shop", "claims", key, act, changed, who="shop")

    def _folder(self, act: Act, what: str) -> None:
        folder, x = self._one("Folder", act), act.x
        if folder is None:
            return
        agent = one_of(AGENTS, x)
        match what:
            case "delete":
                self._delete("Folder", folder if x < 0.3 else None, act)
                return
            case "take":
                fields: dict[str, Any] = {"OwnerId": agent, **({"Priority": "Urgent"} if x > 0.5 else {})}
            case "release":
                fields = {"OwnerId": "Claims"} if claimed(folder) else {}
            case "verdict":
                fields = {"Verdict": one_of((self._following("v"), None, "granted"), x)}
            case _:
                fields = {"Seen": self._following("s")}
        self._save("desk", "Folder", folder.id, act, fields, who="agent")
