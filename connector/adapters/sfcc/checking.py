"""`check`: is the shop there, may the client do what the flows do, and do the attributes take what the mappings write?

Nothing is written: a right to write is tried on a record that cannot exist, with an empty document. The instance looks at the
permission first and then for the record, so the answer is 401 or 403, or else "not found".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from connector.adapters.sfcc import resources
from connector.adapters.sfcc.client import Client, segment
from connector.adapters.sfcc.customers import customer_problems
from connector.adapters.sfcc.definitions import CUSTOMER, ORDER, PRODUCT, Attribute, Definitions, misfits
from connector.adapters.sfcc.documents import OBJECT_FIELDS, ORDER_FIELDS
from connector.adapters.sfcc.keyed import parts
from connector.adapters.sfcc.notes import Notes
from connector.adapters.sfcc.objects import Objects
from connector.adapters.sfcc.orders import Orders
from connector.adapters.sfcc.product_fields import product_problems
from connector.adapters.sfcc.status_fields import status_problems
from connector.adapters.sfcc.streams import CUSTOMERS, NOTES, ORDERS, PRODUCTS, STATUSES, Status, object_type
from connector.errors import AuthFailed, ConnectionFault, Misconfigured
from connector.http import clock_problems
from connector.model import FieldUse, Problem, Record, StreamUse
from connector.nearest import meant

NOBODY = "connector-check-no-such-record"
"""Number of an order and key of an object that no shop has. With an empty document nothing would happen to it either."""

_T = TypeVar("_T")


class Checker:
    """One report. Raises ConnectionFault when the shop cannot be reached or refuses us."""

    def __init__(self, client: Client, orders: Orders, notes: Notes, objects: Callable[[str], Objects]) -> None:
        self._client, self._orders, self._notes, self._objects = client, orders, notes, objects
        self._definitions = Definitions(client)
        self.problems: list[Problem] = []
        self._refused: list[tuple[str, Callable[[], object], AuthFailed]] = []

    def run(self, uses: Sequence[StreamUse]) -> list[Problem]:
        """All problems. Without uses one search for one order, and nothing else."""
        sample: list[Record] = []
        if not uses or any(use.stream == ORDERS for use in uses):
            sample = self._well(ORDERS, self._orders.probe) or []
        if self._refused and not uses:
            raise self._refused[0][2]
        for use in uses:
            kind = object_type(use.stream)
            if kind is not None:
                self._object(use, kind)
            elif use.stream == NOTES:
                self._note(use, sample)
            elif use.stream in STATUSES:
                self._status(use, STATUSES[use.stream])
            elif use.stream == ORDERS:
                self._order(use, sample)
            elif use.stream == PRODUCTS:
                self._product(use)
            elif use.stream == CUSTOMERS:
                self._customer(use)
        self._again()
        self.problems += clock_problems("the shop's", self._client.ahead)
        return self.problems

    def _again(self) -> None:
        """A 401 is a missing permission where other calls pass, and a refused client where none does."""
        for stream, ask, error in self._refused:
            if not self._client.answered:
                raise error
            self._well(stream, ask)

    # -- streams -------------------------------------------------------------------------------------------------------

    def _order(self, use: StreamUse, sample: Sequence[Record]) -> None:
        if use.fetches:
            self._may(use.stream, "Shop", resources.ORDER, "GET", f"/orders/{NOBODY}")
        if use.writes:
            self._may(use.stream, "Data", resources.SITE_ORDER, "PATCH", f"{self._site}/orders/{NOBODY}")
        self._fields(use, ORDER, ORDER_FIELDS, lambda: self._shown(sample))

    def _shown(self, sample: Sequence[Record]) -> frozenset[str]:
        """What a real order shows, for names that we do not know: a later version may have them."""
        if not sample:
            return frozenset()
        whole = self._client.shop("GET", resources.ORDER, f"/orders/{segment(sample[0].key)}", intent="read")
        return frozenset(whole.json()) if whole.status == 200 else frozenset()

    def _note(self, use: StreamUse, sample: Sequence[Record]) -> None:
        self._well(NOTES, lambda: self._notes.probe(sample[0].key if sample else NOBODY))
        if use.writes:
            self._may(use.stream, "Shop", resources.NOTES, "POST", f"/orders/{NOBODY}/notes")
        for name in use.fields:
            if name not in ("subject", "text"):
                self._problem(use, name, f"{name} is no field of a note", "a note has subject and text")

    def _status(self, use: StreamUse, status: Status) -> None:
        resource, path = resources.status_of(status.name), f"{self._site}/orders/{NOBODY}/{status.name}"
        self._may(use.stream, "Shop", resources.ORDER, "GET", f"/orders/{NOBODY}")
        if use.writes:
            self._may(use.stream, "Data", resource, "PUT", path)
        self.problems += status_problems(use, status, may_export=self._client.settings.may_export)

    def _object(self, use: StreamUse, kind: str) -> None:
        before = len(self.problems)
        self._well(use.stream, self._objects(kind).probe)
        if len(self.problems) > before and "ObjectTypeNotFoundException" in self.problems[-1].message:
            return
        resource, path = resources.OBJECT, f"{self._site}/custom_objects/{segment(kind)}/{NOBODY}"
        if use.fetches or use.writes:
            self._may(use.stream, "Data", resource, "GET", path)
        for op, method in (("update", "PATCH"), ("delete", "DELETE")):
            if op in use.writes:
                self._may(use.stream, "Data", resource, method, path)
        found = self._fields(use, kind, OBJECT_FIELDS, frozenset)
        if "create" in use.writes:
            for attribute in found.values():
                if attribute.mandatory and not attribute.key and attribute.name not in _created(use):
                    remedy = "map it, or make the attribute optional in Business Manager"
                    self._problem(
                        use, "", f"{attribute.name} is mandatory, and no flow that makes objects writes it", remedy
                    )

    def _product(self, use: StreamUse) -> None:
        path = f"/products/{NOBODY}"
        self._may(use.stream, "Data", resources.PRODUCT, "GET", path)
        if use.writes:
            self._may(use.stream, "Data", resources.PRODUCT, "PATCH", path)
        self.problems += product_problems(use)
        self._attributes(use, PRODUCT)

    def _customer(self, use: StreamUse) -> None:
        path = f"/customer_lists/{segment(self._client.settings.customers)}/customers/{NOBODY}"
        self._may(use.stream, "Data", resources.CUSTOMER, "GET", path)
        if use.writes:
            self._may(use.stream, "Data", resources.CUSTOMER, "PATCH", path)
        self.problems += customer_problems(use)
        self._attributes(use, CUSTOMER)

    def _attributes(self, use: StreamUse, kind: str) -> None:
        """Attributes of the shop's own, as their definitions say."""
        custom = [field for name, field in use.fields.items() if name.startswith("c_")]
        found = self._well(use.stream, lambda: self._definitions.of(kind)) if custom else None
        for field in custom if found is not None else ():
            self._custom(use, kind, replace(field, name=parts(field.name)[0]), found or {})

    # -- fields --------------------------------------------------------------------------------------------------------

    def _fields(
        self, use: StreamUse, kind: str, system: frozenset[str], shown: Callable[[], frozenset[str]]
    ) -> dict[str, Attribute]:
        """Every field that the flows read or write: is it there, and does it take what is written?"""
        unknown = [name for name in use.fields if not name.startswith("c_") and name not in system]
        there = shown() if unknown else frozenset()
        for name in unknown:
            if name not in there:
                near = meant(name, system)
                remedy = f"{near}correct the name; attributes of the shop's own begin with c_"
                self._problem(use, name, f"a document of {use.stream} has no field {name}", remedy)
        for name, field in use.fields.items():
            if name in system and (field.creates or field.updates):
                remedy = "write to a c_ attribute; statuses of an order are streams of their own (orders.status)"
                self._problem(use, name, f"{name} cannot be written: only custom attributes (c_…) can", remedy)
        custom = {name: field for name, field in use.fields.items() if name.startswith("c_")}
        found = self._well(use.stream, lambda: self._definitions.of(kind)) if custom or use.writes else {}
        if found is None:
            return {}
        for field in custom.values():
            self._custom(use, kind, field, found)
        return found

    def _custom(self, use: StreamUse, kind: str, field: FieldUse, found: dict[str, Attribute]) -> None:
        attribute = found.get(field.name)
        if attribute is None:
            near = meant(field.name, found)
            remedy = f"{near}create the attribute on {kind} in Business Manager, or correct the mapping"
            self._problem(use, field.name, f"{kind} has no attribute {field.name}", remedy)
            return
        if not (field.creates or field.updates):
            return
        wrong = list(misfits(field, attribute, use.stream))
        self.problems += wrong
        if attribute.enumerated and field.values and not wrong:
            self._enumerated(use, kind, field, attribute)

    def _enumerated(self, use: StreamUse, kind: str, field: FieldUse, attribute: Attribute) -> None:
        known = self._well(use.stream, lambda: self._definitions.values(kind, attribute))
        for value in field.values if known else ():
            if known and str(value) not in known:
                near = meant(str(value), known)
                remedy = (
                    f"{near}it takes: {', '.join(sorted(known)[:20])}; correct the mapping or add the value to {kind}"
                )
                message = f"{field.name} has no value {value!r}"
                self.problems.append(Problem(message, remedy, use.stream, field.name, value))

    # -- calls ---------------------------------------------------------------------------------------------------------

    @property
    def _site(self) -> str:
        return f"/sites/{segment(self._client.settings.site)}"

    def _may(self, stream: str, api: str, resource: str, method: str, path: str) -> None:
        """Try a call on a record that cannot exist; anything but a refused permission is well."""

        def ask() -> None:
            call = self._client.shop if api == "Shop" else self._client.data
            payload: dict[str, str] | None = None if method in ("GET", "DELETE") else {}
            response = call(method, resource, path, intent="read", payload=payload)
            error = self._client.fault(response, api, resource, method) if response.status >= 400 else None
            if response.status == 403 or isinstance(error, ConnectionFault):
                raise error or Misconfigured(f"{method} {resource}: {response.status}")

        self._well(stream, ask)

    def _well(self, stream: str, ask: Callable[[], _T]) -> _T | None:
        try:
            return ask()
        except AuthFailed as error:
            if (
                self._client.tokens.lifetime is None or self._client.answered
            ):  # no token at all, or more than a resource
                raise
            self._refused.append((stream, ask, error))
            return None
        except Misconfigured as error:
            problem = Problem(str(error), error.remedy, stream)
            if not any((each.message, each.remedy) == (problem.message, problem.remedy) for each in self.problems):
                self.problems.append(problem)
            return None

    def _problem(self, use: StreamUse, field: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(message, remedy, use.stream, field))


def _created(use: StreamUse) -> frozenset[str]:
    return frozenset(name for name, field in use.fields.items() if field.creates)
