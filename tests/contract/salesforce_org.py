"""An adapter on a sandbox org, for the contract tests of the Salesforce adapter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connector.adapter import Clock
from connector.adapters.salesforce import Salesforce
from connector.adapters.salesforce.settings import Settings
from connector.model import Write
from connector.sandbox.box import Sandbox

KEY = "Commerce_Key__c"


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def open_(box: Sandbox, *, clock: Clock | None = None, **over: Any) -> Salesforce:
    """The adapter with these settings; whoever opens it closes it."""
    given: dict[str, Any] = {
        "url": box.salesforce_url,
        "auth": {"grant": "client_credentials", "client_id": "bench", "client_secret": "secret"},
        "key_field": KEY,
        "timeouts": {"connect": 2, "read": 5, "total": 10},
    }
    return Salesforce("service", Settings.model_validate(given | over), clock=clock or RealClock())


def creates(count: int, **fields: Any) -> list[Write]:
    return [
        Write("create", f"orders:_ref:{number:05d}", {"Subject": f"Order {number}", "Origin": "Commerce"} | fields)
        for number in range(count)
    ]
