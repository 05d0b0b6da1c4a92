"""A sandbox shop over SCAPI and an adapter for it, for the contract tests of the SFCC adapter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connector.adapter import Clock
from connector.adapters.sfcc import Sfcc, SfccSettings
from connector.sandbox import Sandbox
from tests.contract.sfcc_shop import Shop, SystemClock

ORGANIZATION = "f_ecom_zzte_053"
PLAIN = {
    "api": "scapi",
    "organization": ORGANIZATION,
    "site": "RefArch",
    "client_id": "bench-scapi",
    "client_secret": "secret",
}


def settings(url: str, **more: Any) -> SfccSettings:
    return SfccSettings.model_validate({"url": url, "auth_url": url, **PLAIN, **more})


@contextmanager
def scapi_shop(box: Sandbox, *, clock: Clock | None = None, **more: Any) -> Iterator[Shop]:
    """An adapter with these settings on a sandbox that is back at its start."""
    box.control.reset()
    adapter = Sfcc("shop", settings(box.sfcc_url, **more), clock=clock or SystemClock())
    try:
        yield Shop(box, adapter)
    finally:
        adapter.close()
