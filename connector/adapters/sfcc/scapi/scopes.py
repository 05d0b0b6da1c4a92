"""Scopes: what an API client of SCAPI must be given for what the flows do. Read or write, by family of APIs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

TENANT = "SALESFORCE_COMMERCE_API:"
"""Scope of the tenant, which every token needs beside those of the APIs."""


@dataclass(frozen=True, slots=True)
class Api:
    """One API of the Commerce API: its path, and its scope (`sfcc.orders`, and with `.rw` to write)."""

    path: str
    scope: str

    def needed(self, *, writes: bool) -> str:
        return f"{self.scope}.rw" if writes else self.scope

    def granted(self, scopes: Collection[str], *, writes: bool) -> bool:
        """Whether these scopes are enough; who may write may read."""
        return f"{self.scope}.rw" in scopes or (not writes and self.scope in scopes)


ORDERS = Api("checkout/orders/v1", "sfcc.orders")
CUSTOMERS_PATH = "customer/customers/v1"
PRODUCTS = Api("product/products/v1", "sfcc.products")
OBJECTS = Api("custom-object/custom-objects/v1", "sfcc.custom-objects")


def customers_api(scope: str) -> Api:
    """The API of customers; which scope it takes is not documented beyond doubt, so that is a setting."""
    return Api(CUSTOMERS_PATH, scope)


def tenant(organization: str) -> str:
    """`SALESFORCE_COMMERCE_API:zzte_053` of `f_ecom_zzte_053`."""
    return TENANT + organization.removeprefix("f_ecom_")
