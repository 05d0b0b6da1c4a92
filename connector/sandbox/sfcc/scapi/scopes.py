"""Scopes that an API client of SCAPI may be given in Account Manager."""

from __future__ import annotations

SCOPES = tuple(
    name + end
    for name in ("sfcc.orders", "sfcc.products", "sfcc.catalogs", "sfcc.custom-objects", "sfcc.shopper-customers")
    for end in ("", ".rw")
)
