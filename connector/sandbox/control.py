"""What tests and demos ask of a sandbox beyond the two protocols: verbs, all plain data in and out.

In a process: `box.control.fault(kind="drop_after", …)`. Over HTTP: POST {control}/fault with the arguments as JSON.
`docs/sandbox.md` lists the verbs; a test holds that list and `VERBS` together.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from connector.sandbox.customer_verbs import CustomerVerbs
from connector.sandbox.options import Options
from connector.sandbox.salesforce.deploy import deploy
from connector.sandbox.salesforce.people import INTEGRATION
from connector.sandbox.salesforce.schema import KEY_FIELD
from connector.sandbox.sfcc.tokens import check_settings, read_settings

if TYPE_CHECKING:
    pass

_FIXED = {"sfcc_port", "salesforce_port", "control_port", "host", "seed", "orders", "returns", "complaints", "checkouts",
          "changes", "days", "equal_run", "longest_order", "bare", "clock_skew", "shop_skew", "claims", "disputes", "products",
          "omni_channel", "org_skew", "faults", "agents", "traffic"}  # fmt: skip


class Control(CustomerVerbs):
    """The verbs. They run on the loop's thread; `Sandbox.control` and the control port see to that."""

    # the whole
    def reset(self) -> None:
        """Back to the start: data, knobs, faults, journal, time. Tokens stay good."""
        self.world.reset()

    def knobs(self) -> dict[str, Any]:
        """The options in force."""
        shown = {f.name: getattr(self.world.options, f.name) for f in fields(Options)}
        return {
            k: sorted(v) if isinstance(v, frozenset) else v
            for k, v in shown.items()
            if k not in ("clients", "scapi_clients", "users")
        }

    def set(self, **knobs: Any) -> None:
        """Changes options while everything runs: latency_ms, index_lag, paging_cap, daily_calls …"""
        known = {f.name for f in fields(Options)} - _FIXED
        unknown = sorted(set(knobs) - known)
        if unknown:
            raise ValueError(f"no such knob: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        if "frozen_orders" in knobs:
            knobs["frozen_orders"] = frozenset(knobs["frozen_orders"])
        if "required_fields" in knobs:
            knobs["required_fields"] = tuple(knobs["required_fields"])
        check_settings(knobs.get("permissions", {}))
        self.world.set(**knobs)

    def advance(self, seconds: float) -> None:
        """Moves the time of both systems and lets happen what falls due."""
        self.world.clock.advance(seconds)

    # faults
    def fault(self, **rule: Any) -> int:
        """Adds a fault rule; returns its id."""
        return self.world.faults.add(**rule).id

    def faults(self) -> list[dict[str, Any]]:
        """The rules with how often each was met (`seen`), fired, and failed a row."""
        return [rule.shown() for rule in self.world.faults.rules]

    def clear_faults(self, rule: int | None = None) -> None:
        """Removes one rule, or all."""
        self.world.faults.clear(rule)

    def end_tokens(self, system: str) -> None:
        """Ends every token of a system: the next call of everybody gets 401."""
        if system == "sfcc":
            self.world.shop.tokens.end_all()
        else:
            self.world.org.sessions.end_all()

    # what happened
    def journal(self) -> dict[str, Any]:
        """Requests by path family, faults, tokens given, rows, cases, notes, comments, files, refunds."""
        return self.world.journal.shown()

    def requests(self) -> dict[str, dict[str, int]]:
        """Requests per system and path family, with `total`."""
        return self.world.journal.requests()

    def clear_journal(self) -> None:
        """Forgets the counters; the state stays."""
        self.world.journal.__init__()  # type: ignore[misc]

    def next_round(self) -> int:
        """A client's process has ended: what is said again from now on, it had said. Returns the number of the new round."""
        self.world.journal.round += 1
        return self.world.journal.round

    def again(self) -> dict[str, dict[str, list[str]]]:
        """What was written without any news, by reason (answer lost, client ended, no reason) and round of the first write."""
        return self.world.journal.again()

    def unanswered(self) -> dict[str, int]:
        """Cases, our keys, orders, custom objects named by writes that a fault left without a proper answer; how often."""
        return dict(self.world.journal.unanswered)

    def duplicates(self) -> dict[str, dict[str, int]]:
        """What exists more than once and must not: cases, files, custom records by key, notes and comments by marker, refunds."""
        journal = self.world.journal
        shown = self.world.shop.objects.shown
        refunds = Counter(str(r.get("c_returnId") or r.get("c_caseId")) for r in shown("RefundRequest"))
        return {
            "cases": {k: n for k, n in self._keys("Case").items() if n > 1},
            "created": {k: n for k, n in journal.created.items() if n > 1},
            "notes": {f"{no} {mark}": n for (no, mark), n in journal.notes.items() if n > 1},
            "comments": {f"{case} {text}": n for (case, text), n in journal.comments.items() if n > 1},
            "files": {k: n for k, n in self._keys("ContentVersion").items() if n > 1},
            "records": {
                f"{kind} {k}": n
                for kind in self.world.org.tables
                if kind.endswith("__c")
                for k, n in self._keys(kind).items()
                if n > 1
            },
            "refunds": {k: n for k, n in refunds.items() if n > 1},
        }

    def _keys(self, table: str) -> Counter[str]:
        rows = [r.values for r in self.world.org.tables[table] if not r.values["IsDeleted"]]
        return Counter(values[KEY_FIELD].lower() for values in rows if values.get(KEY_FIELD))

    # the shop
    def orders(self, site: str | None = None) -> list[dict[str, Any]]:
        """All orders as they are."""
        return self.world.shop.orders.shown(site)

    def order(self, number: str) -> dict[str, Any]:
        """One order as it is."""
        doc = self.world.shop.orders.sites[self.world.site_of(number)].get(number)
        assert doc is not None  # site_of has found it
        return doc.document()

    def notes(self, number: str | None = None) -> list[dict[str, Any]]:
        """Notes of one order or of all, each with its order_no."""
        every = self.world.shop.orders.notes
        return [{**n, "order_no": no} for (_, no), notes in every.items() for n in notes if number in (None, no)]

    def events(self, number: str | None = None) -> list[dict[str, Any]]:
        """Order events that SCAPI has forwarded, of one order or of all, each with its order_no."""
        return [each for each in self.world.shop.scapi.orders.events if number in (None, each["order_no"])]

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """All custom objects of a type, with their site_id."""
        known = self.world.shop.objects.types
        if kind not in known:
            raise ValueError(f"no custom object type {kind!r}; known: {', '.join(known)}")
        return self.world.shop.objects.shown(kind)

    def products(self) -> list[dict[str, Any]]:
        """All products as they are."""
        return list(self.world.shop.products.held.values())

    def product(self, number: str) -> dict[str, Any]:
        """One product as it is."""
        return self.world.shop.products.held[number]

    def change_product(self, number: str, **changes: Any) -> dict[str, Any]:
        """A merchandiser saves whole attributes of a product, given beside its `number`; null removes one."""
        return self.world.shop.products.change(number, changes)

    def columns(self, kind: str, fields: list[str]) -> list[list[Any]]:
        """A few fields of every order, note, case (deleted ones too), comment or record of a custom object: a row for each."""
        documents: Iterable[dict[str, Any]]
        if kind in ("cases", "comments"):
            documents = (row.values for row in (self.world.org.cases if kind == "cases" else self.world.org.comments))
        elif kind.endswith("__c"):
            documents = (row.values for row in self.world.org.tables[kind])
        elif kind == "orders":  # one after the other: all of them decoded at once would fill the memory
            sites = self.world.shop.orders.sites.values()
            documents = (doc.document() for docs in sites for doc in docs.docs.values() if doc.body is not None)
        else:
            documents = self.notes() if kind == "notes" else self.objects(kind)
        return [[document.get(name) for name in fields] for document in documents]

    def place_order(self, site: str = "RefArch", exception: bool | None = True, **changes: Any) -> dict[str, Any]:
        """A customer places an order; attributes given beside (`c_addressMismatch`) overwrite its own."""
        return self.world.place_order(site, exception=exception, **changes)

    def place_orders(
        self, count: int, site: str = "RefArch", exception: bool | None = None, **changes: Any
    ) -> list[str]:
        """Many orders at once, with the same attributes given beside; returns their numbers."""
        return [self.world.place_order(site, exception=exception, **changes)["order_no"] for _ in range(count)]

    def change_order(self, number: str, **changes: Any) -> dict[str, Any]:
        """The shop changes attributes of an order, given beside its `number`; null removes one."""
        return self.world.change_order(number, **changes)

    def traffic(self, per_minute: float) -> int:
        """New orders, changes and returns at a rate; 0 stops. Returns how many it has made."""
        self.world.traffic.run(per_minute)
        return self.world.traffic.made

    def lag(self, key: str, seconds: float) -> None:
        """Search learns of writes of this order or object that much later, whatever index_lag says."""
        self.world.shop.lags[key] = seconds

    def index_waiting(self) -> int:
        """Writes that search does not show yet."""
        shop = self.world.shop
        return sum(d.waiting for d in (*shop.orders.sites.values(), *shop.objects.types.values()))

    def shop_run(self) -> int:
        """The shop's own code executes refund requests and sends notices now; returns how many."""
        return self.world.shop_code.run()

    def refunds(self) -> dict[str, Any]:
        """What the shop's own code has executed by key, and keys that came again and were refused."""
        return {"executed": self.world.shop_code.executed, "refused": self.world.shop_code.refused}

    def credits(self) -> dict[str, Any]:
        """What the shop's own code has credited and corrected by key, and keys that came again and were refused."""
        done = self.world.shop_code.done
        given = {**done["CreditRequest"], **done["AccountCorrection"]}
        return {"executed": given, "refused": self.world.shop_code.again}

    def mails(self) -> dict[str, Any]:
        """What the shop's mailer has sent by key of its notice, and keys that came again and were not sent again."""
        return {"sent": self.world.shop_code.mailed, "refused": self.world.shop_code.mailed_before}

    # the org
    def cases(self, deleted: bool = False) -> list[dict[str, Any]]:
        """All Cases; with `deleted` also those in the recycle bin."""
        return [dict(r.values) for r in self.world.org.cases if deleted or not r.values["IsDeleted"]]

    def case(self, case: str) -> dict[str, Any]:
        """One Case by Id, CaseNumber or Commerce_Key__c."""
        return dict(self.world.agents.find(case).values)

    def comments(self, case: str | None = None) -> list[dict[str, Any]]:
        """CaseComments of one case or of all."""
        wanted = None if case is None else self.world.agents.find(case).values["Id"]
        return [dict(r.values) for r in self.world.org.comments if wanted in (None, r.values["ParentId"])]

    def files(self, case: str | None = None) -> list[dict[str, Any]]:
        """Files (ContentVersion) linked to one case, or all of them."""
        return self.world.agents.files(case)

    def file_data(self, version: str) -> str:
        """What a file holds, as base64."""
        return b64encode(self.world.org.contents.blobs[version]).decode()

    def tasks(self) -> list[dict[str, Any]]:
        """All Tasks."""
        return [dict(r.values) for r in self.world.org.tables["Task"]]

    def records(self, kind: str, deleted: bool = False) -> list[dict[str, Any]]:
        """Records of an object of the org by its API name; with `deleted` also those in the recycle bin."""
        return [dict(r.values) for r in self.world.org.tables[kind] if deleted or not r.values["IsDeleted"]]

    def history(self, case: str) -> list[dict[str, Any]]:
        """CaseHistory rows of a case."""
        wanted = self.world.agents.find(case).values["Id"]
        return [dict(r.values) for r in self.world.org.tables["CaseHistory"].children.get(wanted, [])]

    # administrators
    def deploy_salesforce(self, files: dict[str, str]) -> list[str]:
        """Deploys metadata in source format (`files`: path in the project → text); returns the components."""
        return deploy(self.world.org, files)

    def assign_permission_set(self, name: str, user: str = INTEGRATION) -> None:
        """Gives a deployed permission set to a user, by default to the one who signs in over the API."""
        self.world.org.access.assign(name, user)

    def add_picklist_values(self, field: str, values: list[str]) -> None:
        """Adds values to a standard picklist of Case."""
        self.world.org.access.add_values("Case", field, values)

    def import_shop(self, files: dict[str, str]) -> None:
        """Imports definitions of attributes and object types (`files`: path in a site archive → text)."""
        self.world.shop.take_metadata(files)

    def ocapi_settings(self, kind: str, document: dict[str, Any]) -> None:
        """Saves Open Commerce API settings of `kind` shop or data; they replace what was there."""
        self.world.shop.save_settings(kind, read_settings(kind, document))

    # people
    def agent_take(self, case: str, **more: Any) -> dict[str, Any]:
        """An agent (`agent`: 0, 1 …) becomes the owner; `visible_after` seconds for a late commit."""
        return self.world.agents.take(case, **more)

    def agent_return_to_queue(self, case: str, **more: Any) -> dict[str, Any]:
        """Back to a `queue`, status New."""
        return self.world.agents.return_to_queue(case, **more)

    def agent_decide(self, case: str, resolution: str, **more: Any) -> dict[str, Any]:
        """Resolution, `amount`, `note`; closes the case unless `close` is false."""
        return self.world.agents.decide(case, resolution, **more)

    def agent_close(self, case: str, **more: Any) -> dict[str, Any]:
        """Status Closed."""
        return self.world.agents.close(case, **more)

    def agent_reopen(self, case: str, **more: Any) -> dict[str, Any]:
        """Status Working."""
        return self.world.agents.reopen(case, **more)

    def agent_edit(self, case: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Any fields of a Case."""
        return self.world.agents.edit(case, fields, **more)

    def agent_comment(self, case: str, text: str, **more: Any) -> str:
        """A comment; `public` publishes it."""
        return self.world.agents.comment(case, text, **more)

    def agent_attach(self, case: str, name: str, **more: Any) -> str:
        """A file `name` on a case; `text` is its content, `document` of which one it is a new version; `internal`."""
        return self.world.agents.attach(case, name, **more)

    def agent_link(self, document: str, case: str, **more: Any) -> str:
        """A document that is there already goes on a further case."""
        return self.world.agents.link(document, case, **more)

    def agent_delete_file(self, version: str, **more: Any) -> None:
        """The document of this file, with all its versions."""
        self.world.agents.delete_file(version, **more)

    def agent_recall(self, products: list[str], notice: str = "", **more: Any) -> str:
        """A recall of these products, with any fields of its case beside; returns its Id."""
        return self.world.agents.recall(products, notice, **more)

    def agent_lift(self, case: str, **more: Any) -> dict[str, Any]:
        """The recall is over."""
        return self.world.agents.lift(case, **more)

    def agent_create(self, fields: dict[str, Any], **more: Any) -> str:
        """A case opened by hand."""
        return self.world.agents.create(fields, **more)

    def agent_delete(self, case: str, **more: Any) -> None:
        """Into the recycle bin."""
        self.world.agents.delete(case, **more)

    def agent_merge(self, master: str, loser: str, **more: Any) -> None:
        """The loser is deleted and names its master."""
        self.world.agents.merge(master, loser, **more)

    def touch(self, case: str) -> None:
        """The platform moves SystemModstamp, and nothing else."""
        self.world.agents.touch(case)

    def agents(self, on: bool = True) -> int:
        """Starts or stops the automatic agents; returns how many cases they have decided."""
        if on:
            self.world.agents.start()
        else:
            self.world.agents.stop()
        return self.world.agents.decided


def _verbs() -> dict[str, str]:
    return {
        name: (member.__doc__ or "").splitlines()[0]
        for name, member in {**vars(CustomerVerbs), **vars(Control)}.items()
        if not name.startswith("_") and callable(member)
    }


VERBS = _verbs()
"""Verb → what it does."""


def call(control: Control, verb: str, arguments: dict[str, Any]) -> Any:
    """Runs a verb by name; `agent.take` is the same as `agent_take`. KeyError for a verb that is not there."""
    name = verb.replace(".", "_")
    if name not in VERBS:
        raise KeyError(f"no verb {verb!r}; known: {', '.join(VERBS)}")
    method: Callable[..., Any] = getattr(control, name)
    return method(**arguments)
