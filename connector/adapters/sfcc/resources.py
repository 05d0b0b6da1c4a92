"""What OCAPI permissions call the resources that we use: the ids that an administrator allows, each with a method."""

from __future__ import annotations

ORDER_SEARCH = "/order_search"
ORDER = "/orders/*"
NOTES = "/orders/*/notes"
SITE_ORDER = "/sites/*/orders/*"
OBJECT_SEARCH = "/custom_objects_search/*"
OBJECT = "/sites/*/custom_objects/*/*"
PRODUCT = "/products/*"
CUSTOMER = "/customer_lists/*/customers/*"
ORDER_ATTRIBUTES = "/system_object_definitions/*/attribute_definitions"
OBJECT_ATTRIBUTES = "/custom_object_definitions/*/attribute_definitions"


def status_of(name: str) -> str:
    """One status of an order, as the Data API writes it."""
    return f"{SITE_ORDER}/{name}"


def single(attributes: str) -> str:
    """One definition of a list of them."""
    return f"{attributes}/*"
