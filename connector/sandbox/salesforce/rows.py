"""sObject rows: one record by id or by external id."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from connector.sandbox.gate import json_reply
from connector.sandbox.salesforce import content
from connector.sandbox.salesforce.describe import describe
from connector.sandbox.salesforce.ids import full
from connector.sandbox.salesforce.problem import Problem, not_found
from connector.sandbox.salesforce.schema import KEY_FIELD
from connector.sandbox.salesforce.table import Row, Table, Values
from connector.sandbox.server import Reply

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Call, Org

_EXTENSION = re.compile(r"\.(?:inc|php|jsp|asp|exe|html?|xml|json|js|css|cgi)\Z", re.IGNORECASE)


class Rows:
    """The calls below /sobjects/{kind}."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def handle(self, call: Call, table: Table, rest: list[str]) -> Reply:
        method = call.request.method
        match (method, rest):
            case ("GET", []):
                unique = self.org.world.options.unique_key
                shown = describe(table, call.version, unique_key=unique)
                return json_reply(200, {"objectDescribe": shown, "recentItems": []})
            case ("POST", []):
                return self._create(call, table)
            case ("GET", [given]):
                return self._read(call, table, self._by_id(call, table, given))
            case ("PATCH", [given]):
                return self._update(call, table, self._by_id(call, table, given))
            case ("DELETE", [given]):
                return self._delete(call, table, self._by_id(call, table, given))
            case ("GET", [given, content.BLOB]) if table.shape.name == content.VERSION:
                row = self._by_id(call, table, given)
                return Reply(200, self.org.contents.blob(row), kind=b"application/octet-stream")
            case ("GET", [field, value]):
                found = self._by_key(call, table, field, value)
                return self._several(call, table, found) or self._read(call, table, found[0])
            case ("PATCH", [field, value]):
                return self._upsert(call, table, field, value)
            case ("DELETE", [field, value]):
                found = self._by_key(call, table, field, value)
                return self._several(call, table, found) or self._delete(call, table, found[0])
        raise Problem("METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed.", status=405)

    # finding
    def _by_id(self, call: Call, table: Table, given: str) -> Row:
        row = table.rows.get(full(given) or "")
        values = None if row is None else row.seen(call.now)
        if row is None or values is None:
            raise not_found(given)
        if values.get("IsDeleted"):
            raise Problem("ENTITY_IS_DELETED", "entity is deleted", [], status=404)
        return row

    def _by_key(self, call: Call, table: Table, field: str, value: str) -> list[Row]:
        held = [r for r in self._holders(table, field, value) if r.seen(call.now) is not None]
        if not held:
            raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
        return held

    def _holders(self, table: Table, field: str, value: str) -> list[Row]:
        if field not in table.api.by_name or not table.fields[field].external_id:
            raise not_found(field)
        if _EXTENSION.search(value):  # taken for a file name before it reaches the field
            raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
        return table.holders(value)

    def _several(self, call: Call, table: Table, found: list[Row]) -> Reply | None:
        """300 when more than one row bears the key; nothing is written."""
        if len(found) < 2:
            return None
        return json_reply(300, [call.attributes(table, r.values["Id"])["url"] for r in found])

    # the verbs
    def _record(self, call: Call, table: Table) -> dict[str, Any]:
        if table.shape.name == content.VERSION and content.is_multipart(call):
            return content.multipart(call)
        body = call.body()
        if not isinstance(body, dict):
            raise Problem("JSON_PARSER_ERROR", "The HTTP entity body must be an object")
        return body

    def _faults(self, key: str) -> None:
        for rule in self.org.row_rules:
            if rule.row_fails(0, 1, key):
                raise Problem(*rule.row_error())

    def _create(self, call: Call, table: Table) -> Reply:
        record = self._record(call, table)
        self._faults(str(record.get(KEY_FIELD) or record.get("ParentId") or ""))
        transaction = call.transaction()
        made = transaction.commit(transaction.create(table, record))
        return json_reply(201, {"id": made, "success": True, "errors": []})

    def _read(self, call: Call, table: Table, row: Row) -> Reply:
        values = row.seen(call.now) or {}
        wanted = call.params().get("fields") if call.request.query else None
        names = list(table.api.by_name) if wanted is None else [table.column(n.strip()) for n in wanted.split(",")]
        document = {"attributes": call.attributes(table, values["Id"]), **{n: values.get(n) for n in names}}
        headers = b""
        if "LastModifiedDate" in values:
            headers = b"Last-Modified: " + formatdate(_seconds(values), usegmt=True).encode() + b"\r\n"
        return json_reply(200, document, headers)

    def _update(self, call: Call, table: Table, row: Row) -> Reply:
        self._unmodified(call, row)
        record = self._record(call, table)
        self._faults(str(row.values.get(KEY_FIELD) or row.values["Id"]))
        transaction = call.transaction()
        transaction.commit(transaction.update(table, row, record))
        return Reply(204)

    def _unmodified(self, call: Call, row: Row) -> None:
        """If-Unmodified-Since, exact to the second."""
        header = call.request.header(b"if-unmodified-since")
        if not header:
            return
        try:
            since = parsedate_to_datetime(header).timestamp()
        except ValueError as error:
            raise Problem("INVALID_HEADER", f"If-Unmodified-Since is no HTTP date: {header}") from error
        if _seconds(row.values) > since:
            raise Problem(
                "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", "The entity was modified since the given date", status=412
            )

    def _upsert(self, call: Call, table: Table, field: str, value: str) -> Reply:
        record = self._record(call, table)
        if "Id" in record or "id" in record or field in record:
            raise Problem("INVALID_FIELD", f"The {field} field should not be specified in the sobject data.", [field])
        held = self._holders(table, field, value)
        several = self._several(call, table, held)
        if several is not None:
            return several
        self._faults(value)
        transaction = call.transaction()
        if held:
            made = transaction.commit(transaction.update(table, held[0], record))
            return json_reply(200, {"id": made, "success": True, "errors": [], "created": False})
        if call.params().get("updateOnly", "").lower() == "true":
            raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
        made = transaction.commit(transaction.create(table, {**record, field: value}))
        return json_reply(201, {"id": made, "success": True, "errors": [], "created": True})

    def _delete(self, call: Call, table: Table, row: Row) -> Reply:
        call.transaction().delete(table, row)
        return Reply(204)


def _seconds(values: Values) -> float:
    """Epoch seconds of the last change."""
    return datetime.fromisoformat(values["LastModifiedDate"][:19] + "+00:00").timestamp()
