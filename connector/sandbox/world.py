"""Both systems, the people and the shop's own code, as one state that lives on one thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

import orjson

from connector.sandbox.agent import Agents
from connector.sandbox.buyers import Buyers
from connector.sandbox.clock import Clock, iso
from connector.sandbox.customers import Customers
from connector.sandbox.data import complaints, returns
from connector.sandbox.data.orders import OrderMaker
from connector.sandbox.faults import Faults
from connector.sandbox.journal import Journal
from connector.sandbox.options import Options
from connector.sandbox.recalls import Recalls
from connector.sandbox.salesforce.org import Org
from connector.sandbox.sfcc.documents import Documents
from connector.sandbox.sfcc.shop import Shop
from connector.sandbox.shopcode import ShopCode
from connector.sandbox.traffic import Traffic


class World:
    """Everything that is simulated. Its methods must be called on the loop's thread."""

    def __init__(self, options: Options, sfcc_url: str, salesforce_url: str, clock: Clock | None = None) -> None:
        self.first = self.options = options
        self.clock = clock or Clock(options.clock_skew)
        self.faults = Faults()
        self.journal = Journal()
        self.shop = Shop(self, sfcc_url)
        self.org = Org(self, salesforce_url)
        self.fill()

    def fill(self) -> None:
        """Makes the shop's data and puts people to work."""
        options = self.options
        self.maker = OrderMaker(options, self.shop.url)
        self.random = Random(options.seed + 3)
        self.stirring = Random(options.seed + 6)
        loaded: dict[str, list[tuple[str, str, str, bytes]]] = {site: [] for site in self.shop.orders.sites}
        for number, site, at, body in self.maker.all(self.shop.clock.now()):
            body = orjson.dumps(self._declared(orjson.loads(body))) if options.bare else body
            loaded[site].append((number, site, at, body))
        for site, docs in self.shop.orders.sites.items():
            docs.load(loaded[site])
        self.returns = 0
        bodies = [o[3] for orders in loaded.values() for o in orders]
        made = () if options.bare else returns.all_returns(options, bodies, self.shop.clock.now())
        for site, key, at, attributes in made:
            self.returns += 1
            self.shop.objects.put(site, "ReturnRequest", key, attributes, "", at=at)
        self.complaints = 0
        complained = () if options.bare else complaints.all_complaints(options, bodies, self.shop.clock.now())
        for site, key, at, attributes in complained:
            self.complaints += 1
            self.shop.objects.put(site, "Complaint", key, attributes, "", at=at)
        self.shop_code = ShopCode(self, self.shop)
        self.customers = Customers(self)
        self.buyers = Buyers(self)
        self.buyers.fill()
        for _ in range(0 if options.bare else options.claims):
            self.customers.claim()
        for _ in range(0 if options.bare else options.disputes):
            self.customers.dispute()
        self.agents = Agents(self, self.org)
        self.recalls = Recalls(self)
        self.traffic = Traffic(self)
        for rule in options.faults:
            self.faults.add(**rule)

    def start(self) -> None:
        """Starts what happens by itself; called once the loop runs."""
        self.shop_code.start()
        self.customers.start()
        self.recalls.start()
        if self.options.agents:
            self.agents.start()
        self.traffic.run(self.options.traffic)

    def reset(self) -> None:
        """Back to the start: data, knobs, faults, journal, time. Tokens stay good."""
        self.clock.forget()
        self.clock.offset = self.first.clock_skew
        self.options = self.first
        self.faults = Faults()
        self.journal = Journal()
        self.shop.start()
        self.org.calls = 0
        self.org.start()
        self.fill()
        self.start()

    def set(self, **knobs: Any) -> None:
        """Changes knobs of Options while everything runs."""
        self.options = replace(self.options, **knobs)
        self.org.secure()

    def act(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """A person does something: a control verb by name."""
        from connector.sandbox.control import Control, call  # it knows us

        call(Control(self), verb, dict(arguments))

    def stir(self, system: str, count: int, path: str) -> None:
        """Somebody saves so many records of the kind that the path reads."""
        if system == "salesforce":
            rows = list(islice(self.org.cases, 2000))
            for row in self.stirring.sample(rows, min(count, len(rows))):
                self.agents.touch(row.values["Id"])
            return
        kind = path.rpartition("/")[2]
        docs = self.shop.objects.types.get(kind) or self.shop.orders.sites["RefArch"]
        keys = [key for key in islice(docs.docs, 2000) if docs.get(key)]
        for key in self.stirring.sample(keys, min(count, len(keys))):
            if kind in self.shop.objects.types:
                name, _, site = key.partition("\x1f")
                self.shop.objects.patch(site, kind, name, {}, "")
            else:
                self.change_order(key, "RefArch")

    # the shop's life
    def place_order(self, site: str = "RefArch", *, exception: bool | None = True, **changes: Any) -> dict[str, Any]:
        """A new order; `changes` overwrite its attributes."""
        order = self.maker.make(site, self.shop.clock.now(), exception=exception)
        order = self._declared(order)
        order["creation_date"] = iso(self.shop.clock.now())
        order.update(changes)
        self.shop.orders.save(site, order)
        return order

    def _declared(self, order: dict[str, Any]) -> dict[str, Any]:
        """An order with no other custom attributes than the shop has declared."""
        declared = self.shop.declared.orders
        return {name: value for name, value in order.items() if not name.startswith("c_") or name in declared}

    def change_order(self, number: str, site: str | None = None, **changes: Any) -> dict[str, Any]:
        """The shop changes an order; null removes an attribute."""
        where = site or self.site_of(number)
        doc = self.shop.orders.sites[where].get(number)
        if doc is None:
            raise KeyError(f"no order {number!r} at {where}")
        document = doc.document()
        for name, value in changes.items():
            if value is None:
                document.pop(name, None)
            else:
                document[name] = value
        self.shop.orders.save(where, document)
        return document

    def site_of(self, number: str) -> str:
        for site, docs in self.shop.orders.sites.items():
            if docs.get(number) is not None:
                return site
        raise KeyError(f"no order {number!r}")

    def place_return(self, number: str | None = None, **changes: Any) -> dict[str, Any]:
        """A customer asks to send something of an order back; returns the object."""
        site, order = self.an_order(number)
        self.returns += 1
        key, attributes = returns.make(self.random, self.returns, order)
        key = changes.pop("key", key)
        self.shop.objects.put(site, "ReturnRequest", key, {**attributes, **changes}, "")
        return {"key": key, "site": site, **attributes, **changes}

    def place_complaint(self, number: str | None = None, **changes: Any) -> dict[str, Any]:
        """A customer complains about an order; returns the object."""
        site, order = self.an_order(number)
        self.complaints += 1
        key, attributes = complaints.make(self.random, self.complaints, order, self.shop.clock.now())
        key = changes.pop("key", key)
        self.shop.objects.put(site, "Complaint", key, {**attributes, **changes}, "")
        return {"key": key, "site": site, **attributes, **changes}

    def complaint_message(self, key: str, text: str, sender: str = "customer", **more: Any) -> list[dict[str, Any]]:
        """Somebody adds to a complaint; returns the correspondence so far."""
        return self.customers.say("Complaint", key, text, sender, **more)

    def an_order(self, number: str | None) -> tuple[str, dict[str, Any]]:
        """Site and document of an order; any one of RefArch if none is named."""
        site = self.site_of(number) if number else "RefArch"
        docs: Documents = self.shop.orders.sites[site]
        doc = docs.get(number) if number else docs.docs[self.random.choice(list(docs.docs))]
        assert doc is not None
        return site, doc.document()
