"""One vocabulary for both APIs: documents of SCAPI, which are in camelCase, as OCAPI shows them, and back.

Values of enumerations are the same in both, and so are names and contents of custom attributes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
_BAR = re.compile(r"_([a-z0-9])")


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """`order_no` of `orderNo`."""
    return name if name.startswith("c_") else _HUMP.sub(lambda found: "_" + found[1].lower(), name)


@lru_cache(maxsize=4096)
def camel(name: str) -> str:
    """`orderNo` of `order_no`."""
    return name if name.startswith("c_") else _BAR.sub(lambda found: found[1].upper(), name)


def ours(document: Any) -> Any:
    """A document of SCAPI in OCAPI's words."""
    if isinstance(document, list):
        return [ours(each) for each in document]
    if not isinstance(document, dict):
        return document
    return {snake(name): value if name.startswith("c_") else ours(value) for name, value in document.items()}


def theirs(document: Any) -> Any:
    """A document of ours as SCAPI takes it."""
    if isinstance(document, list | tuple):
        return [theirs(each) for each in document]
    if not isinstance(document, dict):
        return document
    return {camel(name): value if name.startswith("c_") else theirs(value) for name, value in document.items()}
