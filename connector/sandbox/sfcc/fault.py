"""OCAPI faults: what a refused call answers. Clients branch on status and type, never on the message."""

from __future__ import annotations

from typing import Any, NoReturn

from connector.sandbox.gate import json_reply
from connector.sandbox.server import Reply


class Fault(Exception):
    """A refused OCAPI call."""

    def __init__(self, status: int, kind: str, message: str, **arguments: Any) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.arguments = arguments

    def reply(self, version: str = "24.5") -> Reply:
        fault = {"arguments": self.arguments, "type": self.kind, "message": self.message}
        headers = b"WWW-Authenticate: Bearer\r\n" if self.status == 401 else b""
        return json_reply(self.status, {"_v": version, "fault": fault}, headers)


def malformed(name: str, value: Any, why: str) -> Fault:
    return Fault(400, "MalformedParameterException", f"The parameter '{name}' {why}.", name=name, value=str(value))


def no_order(number: str, site: str) -> Fault:
    return Fault(
        404,
        "OrderNotFoundException",
        f"No order with order number '{number}' for site '{site}' could be found.",
        orderNo=number,
        siteId=site,
    )


def conflict(resource: str) -> Fault:
    return Fault(
        409,
        "ResourceStateConflictException",
        "The resource has been changed since it was read.",
        resource=resource,
    )


def refuse_enum(name: str, value: Any, allowed: object) -> NoReturn:
    raise Fault(
        400,
        "EnumConstraintViolationException",
        f"'{value}' is not allowed for '{name}'.",
        name=name,
        value=str(value),
        allowed=str(allowed),
    )
