"""The shop adapter keeps the promises of every adapter over SCAPI too: with days, with instants, with and without totals."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connector.adapter import Adapter
from connector.adapters.sfcc import Sfcc
from connector.sandbox import Sandbox
from connector.testing import AdapterContract, FrozenClock
from tests.contract.scapi_shop import settings
from tests.contract.test_sfcc_adapter_contract import TestCustomObjects as OcapiObjects
from tests.contract.test_sfcc_adapter_contract import TestOrders as OcapiOrders
from tests.contract.test_sfcc_adapter_contract import box as box

KNOBS = {"scapi_total": True, "scapi_dates": "day", "scapi_day_starts": 0.0}


class _Scapi:
    """The same shop, over its other API."""

    page: int
    box: Sandbox
    knobs: ClassVar[dict[str, Any]] = {}
    given: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _shop(self, box: Sandbox) -> None:
        self.box = box
        box.control.reset()
        box.control.set(**{**KNOBS, **self.knobs})

    def make(self, folder: Path, clock: FrozenClock) -> Adapter:
        return Sfcc("shop", settings(self.box.sfcc_url, page=self.page, **self.given), clock=clock)


class TestOrders(_Scapi, AdapterContract):
    stream, page, names = "orders", 3, ("customer_name", "created_by")

    def save(self, adapter: Adapter, key: str, at: datetime, fields: dict[str, str]) -> None:
        OcapiOrders.save(self, adapter, key, at, fields)  # type: ignore[arg-type]


class TestOrdersWithoutTotal(TestOrders):
    knobs: ClassVar[dict[str, Any]] = {"scapi_total": False}


class TestOrdersByInstant(TestOrders):
    knobs: ClassVar[dict[str, Any]] = {"scapi_dates": "instant"}
    given: ClassVar[dict[str, Any]] = {"dates": "instant"}


class TestOrdersWhereADayBeginsLate(TestOrders):
    knobs: ClassVar[dict[str, Any]] = {"scapi_day_starts": 12.0, "scapi_total": False}


class TestCustomObjects(_Scapi, OcapiObjects):
    def make(self, folder: Path, clock: FrozenClock) -> Adapter:
        return _Scapi.make(self, folder, clock)


class TestCustomObjectsByInstant(TestCustomObjects):
    knobs: ClassVar[dict[str, Any]] = {"scapi_dates": "instant", "scapi_total": False}
    given: ClassVar[dict[str, Any]] = {"dates": "instant"}
