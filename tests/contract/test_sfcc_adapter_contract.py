"""The shop adapter keeps the promises of every adapter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connector.adapter import Adapter
from connector.adapters.sfcc import Sfcc
from connector.model import Select, Write
from connector.sandbox import Sandbox
from connector.stamps import stamp
from connector.testing import AdapterContract, AppendContract, CreateContract, FrozenClock
from connector.testing.adapter_writing import our_key

ORDER = {"_type": "order", "_resource_state": "0", "status": "new"}
OBJECT = {"_type": "custom_object", "_resource_state": "0", "object_type": "ReturnRequest", "key_property": "requestId"}


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    skew = (FrozenClock().now() - datetime.now(UTC)).total_seconds()  # one time on both sides
    with Sandbox(orders=0, returns=0, shop_code=0, clock_skew=skew) as made:
        yield made


class ShopContract(AdapterContract):
    """On an empty shop, whose records are put where search finds them at any time of the past."""

    page = 3
    knobs: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _shop(self, box: Sandbox) -> None:
        self.box = box
        box.control.reset()
        box.control.set(**{"object_dates": True, "show_next": True, "minute_dates": False, **self.knobs})

    def make(self, folder: Path, clock: FrozenClock) -> Adapter:
        url = {"url": self.box.sfcc_url, "auth_url": self.box.sfcc_url}
        client = {"site": "RefArch", "client_id": "bench", "client_secret": "secret", "page": self.page}
        return Sfcc("shop", Sfcc.Settings.model_validate({**url, **client}), clock=clock)  # type: ignore[arg-type]


class TestOrders(ShopContract, AppendContract):
    stream, names = "orders", ("customer_name", "created_by")
    appends = "orders.notes"

    def save(self, adapter: Adapter, key: str, at: datetime, fields: dict[str, str]) -> None:
        def put(house: Any) -> None:
            orders = house.world.shop.orders.sites["RefArch"]
            known = orders.get(key)
            document = known.document() if known else {**ORDER, "order_no": key, "site_id": "RefArch"}
            orders.put(key, "RefArch", {**document, **fields, "last_modified": stamp(at)}, 0.0)

        self.box.run(put)

    def target(self, adapter: Adapter) -> str:
        self.save(adapter, "R1", self.at(0), {self.names[0]: "x"})
        return "R1"

    def texts(self, adapter: Adapter, target: str) -> list[str]:
        return [note["text"] for note in self.box.control.notes(target)]


class TestCustomObjects(ShopContract, CreateContract):
    stream, names = "custom_objects/ReturnRequest", ("c_comment", "c_reason")

    def save(self, adapter: Adapter, key: str, at: datetime, fields: dict[str, str]) -> None:
        def put(house: Any) -> None:
            objects, place = house.world.shop.objects.types["ReturnRequest"], f"{key}\x1fRefArch"
            known = objects.get(place)
            document = known.document() if known else {**OBJECT, "key_value_string": key}
            objects.put(place, "RefArch", {**document, **fields, "last_modified": stamp(at)}, 0.0)

        self.box.run(put)

    def test_a_second_create_of_a_key_makes_nothing_and_changes_nothing(self, adapter: Adapter) -> None:
        """Create is plain here: the engine looks first; after an unread answer the adapter looks once more."""
        self.create(adapter, 1)
        look = adapter.fetch(self.stream, [our_key(1), our_key(2)], by="our_key", select=Select())
        assert set(look) == {our_key(1)}
        again = [Write("create", our_key(n), self.fields(f"again {n}"), uncertain=True) for n in (1, 2)]
        assert [result.existed for result in adapter.write(self.stream, again)] == [True, False]
        assert self.live(adapter, our_key(1)).fields[self.names[0]] == "first 1"


class TestOrdersWithoutNext(TestOrders):
    knobs: ClassVar[dict[str, Any]] = {"show_next": False}
