"""What a shop has declared: attributes of Order and Product, and custom object types. An import of metadata adds to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from connector.sandbox.sfcc.after_sales import AFTER_SALES
from connector.sandbox.sfcc.buying import BUYING
from connector.sandbox.sfcc.schema import (
    CUSTOMER_ATTRIBUTES,
    KEY_PROPERTY,
    OBJECT_TYPES,
    ORDER_ATTRIBUTES,
    PRODUCT_ATTRIBUTES,
    Attribute,
)


@dataclass(slots=True)
class ObjectType:
    """One custom object type."""

    attributes: dict[str, Attribute] = field(default_factory=dict)
    key: str = KEY_PROPERTY


class Declared:
    """Declared attributes, by the name that documents use (`c_reason`)."""

    def __init__(self, *, bare: bool = False) -> None:
        self.orders: dict[str, Attribute] = {} if bare else dict(ORDER_ATTRIBUTES)
        self.products: dict[str, Attribute] = {} if bare else dict(PRODUCT_ATTRIBUTES)
        self.customers: dict[str, Attribute] = {} if bare else dict(CUSTOMER_ATTRIBUTES)
        sample = {} if bare else OBJECT_TYPES | BUYING | AFTER_SALES
        self.types = {name: ObjectType(dict(attributes)) for name, attributes in sample.items()}
