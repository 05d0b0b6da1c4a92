"""What Salesforce answers when it refuses: a list of errors for a call, an element with errors for a row of a collection."""

from __future__ import annotations

from typing import Any

from connector.sandbox.gate import json_reply
from connector.sandbox.server import Reply


class Problem(Exception):
    """A refused call, or a refused row. `whole`: it refuses the whole call even when a row of it caused it."""

    def __init__(
        self, code: str, message: str, fields: list[str] | None = None, *, status: int = 400, whole: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields
        self.status = status
        self.whole = whole

    def reply(self) -> Reply:
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            error["fields"] = self.fields
        return json_reply(self.status, [error])

    def row(self) -> dict[str, Any]:
        """As an element of a collection's answer; there the code is called statusCode."""
        error = {"statusCode": self.code, "message": self.message, "fields": self.fields or []}
        return {"success": False, "errors": [error]}


def no_column(name: str, kind: str) -> Problem:
    return Problem("INVALID_FIELD", f"No such column '{name}' on sobject of type {kind}", [])


def not_found(what: str) -> Problem:
    return Problem("NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {what}", status=404)
