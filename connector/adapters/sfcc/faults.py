"""What a refused OCAPI call means. The fault's `type` decides, never its message.

Types: OCAPI global exceptions and the Data API 25.6 faults; see docs/adapters/sfcc.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from connector.adapters.sfcc.resources import ORDER_SEARCH
from connector.errors import (
    AuthFailed,
    Conflict,
    Gone,
    Misconfigured,
    RecordFault,
    Rejected,
    RemoteError,
)
from connector.http import Response, redact


@dataclass(frozen=True, slots=True)
class Fault:
    """The fault document of an answer. `type` is "" when there is none."""

    type: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)

    def first(self, *names: str) -> str:
        """The first of these arguments that is there."""
        return next((self.arguments[name] for name in names if self.arguments.get(name)), "")


@dataclass(frozen=True, slots=True)
class Resource:
    """What an OCAPI permission is about: a resource id and a method of the Shop or the Data API."""

    api: str
    id: str
    method: str

    def remedy(self, client: str) -> str:
        """What an administrator enters in Business Manager."""
        return (
            f"in Business Manager, Open Commerce API Settings, {self.api}: give client {client} "
            f'{{"resource_id": "{self.id}", "methods": ["{self.method.lower()}"]}}; it counts within 3 minutes'
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: type[RemoteError]
    remedy: str = ""


_STATUS = _Rule(Rejected, "the order no longer takes this change; decide the case without it, or undo it in the shop")
_VALUE = _Rule(Rejected, "correct the mapping's value for this attribute, then retry")

RULES: Mapping[str, _Rule] = {
    # who we are
    "InvalidAccessTokenException": _Rule(AuthFailed, "check the API client in Account Manager"),
    "InvalidAuthorizationHeaderException": _Rule(AuthFailed, "check that no proxy takes the Authorization header away"),
    "InvalidClientIdException": _Rule(AuthFailed, "check client_id: the instance expects another one for this token"),
    # how the connection or the instance is set up
    "InvalidVersionException": _Rule(Misconfigured, "set shop_version and data_version to versions that still live"),
    "InvalidHostHeaderException": _Rule(Misconfigured, "set url to a host name that the instance knows"),
    "SiteNotFoundException": _Rule(Misconfigured, "set site to a site id of the instance"),
    "ObjectTypeNotFoundException": _Rule(Misconfigured, "create the custom object type, or correct the stream's name"),
    "FieldNotSortableException": _Rule(Misconfigured, "this field cannot be sorted by on the instance"),
    "InvalidSearchFieldTypeException": _Rule(Misconfigured, "correct the value under the flow's where:"),
    "MalformedSelectorException": _Rule(Misconfigured, "set select: all on the connection"),
    "InvalidExpandValueException": _Rule(Misconfigured, "set another shop_version or data_version"),
    "MalformedMediaTypeException": _Rule(Misconfigured, "check that no proxy changes the Content-Type header"),
    "MethodNotAllowedException": _Rule(Misconfigured, "set another shop_version or data_version"),
    # this record
    "HookStatusException": _Rule(Rejected, "the shop's own hook refused it: settle it there, then retry"),
    "BodyDecodingException": _VALUE,
    "EnumConstraintViolationException": _VALUE,
    "IllegalEnumerationValueException": _VALUE,
    "TypeMissmatchException": _VALUE,
    "MalformedParameterException": _VALUE,
    "MalformedKeyParameterException": _VALUE,
    "UnknownPropertyException": _VALUE,
    "InvalidCustomPropertyException": _Rule(
        Rejected, "create the attribute in Business Manager, or correct its name or value in the mapping, then retry"
    ),
    "IdConflictException": _Rule(Rejected, "the id in the document is not that of the record"),
    # the record has changed, or is no more
    "ResourceStateConflictException": _Rule(Conflict),
    "OrderNotFoundException": _Rule(Gone, "the order is no longer in the shop"),
    "CustomObjectNotFoundException": _Rule(Gone, "the custom object is no longer in the shop"),
    "CustomerListCustomerNotFoundException": _Rule(Gone, "no customer of the list has this number: they may be guests"),
    "CustomerListNotFoundException": _Rule(Misconfigured, "set customer_list to a customer list of the instance"),
    "LoginAlreadyInUseException": _Rule(
        Rejected, "another customer signs in with this: settle it in the shop, then retry"
    ),
    "ProductNotFoundException": _Rule(
        Gone, "no product of the shop has this id: correct it where it was named, then retry"
    ),
    # the order's status
    "CancelOrderException": _STATUS,
    "OrderIntegrationStatusException": _STATUS,
    "OrderPreviouslyIntegratedStatusException": _STATUS,
    "OrderStatusTransitionException": _STATUS,
    "PlaceOrderException": _STATUS,
    "UndoCancelOrderException": _STATUS,
    "UndoFailOrderException": _STATUS,
}
"""By fault type. A type that is not here is judged by its status."""

MISSING = frozenset(
    {
        "OrderNotFoundException",
        "CustomObjectNotFoundException",
        "ProductNotFoundException",
        "CustomerListCustomerNotFoundException",
    }
)
"""The one proof of absence: any other 404 is a wrong path."""

MALFORMED = "MalformedKeyParameterException"
"""The instance can have no record under such a key. Read by key, that is absence; the record that named it is at fault."""

_NAMES = ("property", "field", "attribute", "parameter", "name")
_SHOWN = (*_NAMES, "siteId", "objectType", "version", "extensionPoint", "statusCode", "statusMsg")
"""Arguments that name things of the setup; the others may be a customer's."""


def fault_of(response: Response) -> Fault:
    """The fault document of an answer; arguments come plain or as {type, value}."""
    try:
        document = orjson.loads(response.content)
        inner = document["fault"]
        arguments = inner.get("arguments") or {}
        return Fault(str(inner.get("type") or ""), {str(name): _plain(value) for name, value in arguments.items()})
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return Fault()


def _plain(value: Any) -> str:
    inner = value.get("value", "") if isinstance(value, dict) else value
    return "" if inner is None else str(inner)


def translate(response: Response, resource: Resource, client: str, *, writing: bool) -> RemoteError:
    """The error that a refused call is. Raise it, or return it in a Result if it is a RecordFault.

    `writing`: the call, be it only the look before a write, was about one record.
    """
    fault, status = fault_of(response), response.status
    rule = RULES.get(fault.type)
    if status == 403 or (status == 401 and rule is None):
        return Misconfigured(
            f"{response.where}: client {client} may not {resource.method} {resource.id} ({status} {fault.type})",
            code=fault.type or str(status),
            remedy=resource.remedy(client),
        )
    if status == 500 and resource.id == ORDER_SEARCH and fault.type:
        return Misconfigured(
            f"{response.where} answers 500 {fault.type}: order indexing seems to be off",
            code=fault.type,
            remedy="in Business Manager, Search, enable Order Incremental Indexing and build the order index",
        )
    if rule is None and (torn := response.torn()) is not None:
        return torn
    if rule is None or status >= 500 or status == 429:
        error = response.fault(fault.type)
        if status == 404 and isinstance(error, RecordFault):
            error = Misconfigured(str(error), code=str(status))
        if isinstance(error, Misconfigured | Rejected) and not error.remedy:
            error.remedy = "look up this fault type in the OCAPI documentation and in the instance's log"
        return error
    named = "".join(f", {name} {redact(fault.arguments[name])}" for name in _SHOWN if fault.arguments.get(name))
    # without the record's own key: what parks for the same reason is one cause, however many records it stops
    name = response.where.partition(": ")[0]
    text = f"{name}: {resource.method} {resource.id}: {status} {fault.type}{named}"
    if rule.kind is Rejected and writing:
        return Rejected(text, field=fault.first(*_NAMES), code=fault.type, remedy=rule.remedy)
    kind = Misconfigured if rule.kind is Rejected else rule.kind
    return kind(text, code=fault.type, remedy=rule.remedy)
