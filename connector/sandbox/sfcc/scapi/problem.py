"""What SCAPI answers when it refuses: RFC 7807, the reason being the last part of `type`."""

from __future__ import annotations

from typing import Any

import orjson

from connector.sandbox.server import Reply
from connector.sandbox.sfcc.fault import Fault

ERRORS = "https://api.commercecloud.salesforce.com/documentation/error/v1/errors/"
KIND = b"application/problem+json"
_SLUGS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    415: "unsupported-media-type",
    429: "too-many-requests",
    500: "internal-server-error",
    503: "service-unavailable",
    504: "gateway-timeout",
}
_OF_OCAPI = {
    "MalformedParameterException": "value-constraint-violation",
    "EnumConstraintViolationException": "value-constraint-violation",
    "TypeMissmatchException": "value-constraint-violation",
    "InvalidCustomPropertyException": "constraint-violation",
    "UnknownPropertyException": "constraint-violation",
}


class Problem(Exception):
    """A refused SCAPI call."""

    def __init__(self, status: int, slug: str, detail: str | None) -> None:
        super().__init__(detail)
        self.status, self.slug, self.detail = status, slug, detail

    def reply(self) -> Reply:
        slug = self.slug or _SLUGS.get(self.status, "unknown")
        told: dict[str, Any] = {
            "title": slug.replace("-", " ").title(),
            "type": ERRORS + slug,
            "detail": self.detail,
        }
        return Reply(self.status, orjson.dumps(told), kind=KIND)


def of_fault(fault: Fault) -> Problem:
    """The same refusal as this API says it."""
    return Problem(fault.status, _OF_OCAPI.get(fault.kind, ""), fault.message)


def violated(detail: str) -> Problem:
    return Problem(400, "value-constraint-violation", detail)
