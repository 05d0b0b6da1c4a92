"""sObject collections: up to 200 rows a call, each with a result of its own inside HTTP 200."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.gate import json_reply
from connector.sandbox.salesforce.ids import full
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.salesforce.schema import KEY_FIELD
from connector.sandbox.salesforce.table import Table
from connector.sandbox.salesforce.writes import Change, Transaction
from connector.sandbox.server import Reply

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Call, Org

LARGEST, LARGEST_READ, MOST_CHUNKS = 200, 2000, 10
_ROLLED_BACK = Problem(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)

Prepare = Callable[[dict[str, Any]], Change]


class Collections:
    """The calls below /composite/sobjects."""

    def __init__(self, org: Org) -> None:
        self.org = org

    # the calls
    def create(self, call: Call) -> Reply:
        records, all_or_none = self._records(call)
        kinds = [_kind(r) for r in records]
        if 1 + sum(a != b for a, b in pairwise(kinds)) > MOST_CHUNKS:
            raise Problem("LIMIT_EXCEEDED", f"Cannot have more than {MOST_CHUNKS} chunks in a single operation.")
        transaction = call.transaction()
        return self._run(
            transaction, records, all_or_none, lambda r: transaction.create(self._table(r), r), _key_of, b""
        )

    def update(self, call: Call) -> Reply:
        records, all_or_none = self._records(call)
        transaction = call.transaction()
        twice = Counter(str(r.get("id", r.get("Id"))) for r in records)

        def prepare(record: dict[str, Any]) -> Change:
            table = self._table(record)
            given = record.get("id", record.get("Id"))
            if given is None:
                raise Problem("MISSING_ARGUMENT", "Id not specified in an update call", ["Id"])
            if twice[str(given)] > 1:
                raise Problem("DUPLICATE_VALUE", f"duplicate id in the call: {given}", ["Id"])
            return transaction.update(table, self.org.row(table, str(given), call.now), record)

        return self._run(transaction, records, all_or_none, prepare, self._key_by_id, b"")

    def upsert(self, call: Call, kind: str, field: str) -> Reply:
        table = self.org.table(kind)
        if field not in table.api.by_name or not table.fields[field].external_id:
            raise Problem(
                "INVALID_FIELD", f"Field name provided, {field} is not an External ID or indexed field for {kind}", []
            )
        records, all_or_none = self._records(call)
        for record in records:
            if _kind(record) != table.shape.name:
                raise Problem("INVALID_TYPE", "all records of an upsert have the type in the path")
        transaction = call.transaction()
        twice = Counter(str(r.get(field)).lower() for r in records)

        def prepare(record: dict[str, Any]) -> Change:
            key = record.get(field)
            if key is None or key == "":
                raise Problem("MISSING_ARGUMENT", f"{field} not specified", [field])
            if "id" in record or "Id" in record:
                raise Problem("INVALID_FIELD", "cannot specify Id in an upsert by external id", ["Id"])
            if twice[str(key).lower()] > 1:
                raise Problem("DUPLICATE_VALUE", f"Duplicate external id specified: {key}", [field])
            held = table.holders(str(key))
            if len(held) > 1:
                raise Problem("DUPLICATE_EXTERNAL_ID", f"{field}: more than one record found for external id field", [])
            return transaction.update(table, held[0], record) if held else transaction.create(table, record)

        return self._run(transaction, records, all_or_none, prepare, _key_of, b"created")

    def delete(self, call: Call) -> Reply:
        ids = [i for i in call.params().get("ids", "").split(",") if i]
        if not ids or len(ids) > LARGEST:
            raise _too_many("ids", len(ids))
        all_or_none = call.params().get("allOrNone", "false").lower() == "true"
        transaction = call.transaction()
        found: list[Any] = []
        for given in ids:
            try:
                table = self.org.table_of(given)
                row = self.org.row(table, given, call.now)
                if row.values.get("IsDeleted"):
                    raise Problem("ENTITY_IS_DELETED", "entity is deleted", [])
                found.append((table, row))
            except Problem as problem:
                found.append(problem)
        if all_or_none and any(isinstance(f, Problem) for f in found):
            found = [f if isinstance(f, Problem) else _ROLLED_BACK for f in found]
        out: list[dict[str, Any]] = []
        for one in found:
            if isinstance(one, Problem):
                out.append(one.row())
            else:
                transaction.delete(*one)
                out.append({"id": one[1].values["Id"], "success": True, "errors": []})
        return json_reply(200, out)

    def retrieve(self, call: Call, kind: str) -> Reply:
        table = self.org.table(kind)
        if call.request.method == "GET":
            params = call.params()
            ids, names = params.get("ids", "").split(","), params.get("fields", "").split(",")
        else:
            body = call.body()
            ids, names = _texts(body, "ids"), _texts(body, "fields")
        if len(ids) > LARGEST_READ:
            raise _too_many("ids", len(ids), LARGEST_READ)
        columns = [table.column(n) for n in names if n]
        out: list[Any] = []
        for given in ids:
            row = table.rows.get(full(str(given)) or "")
            values = None if row is None else row.seen(call.now)
            if values is None or values.get("IsDeleted"):
                out.append(None)
            else:
                out.append({"attributes": call.attributes(table, values["Id"]), **{c: values.get(c) for c in columns}})
        return json_reply(200, out)

    # what they share
    def _table(self, record: dict[str, Any]) -> Table:
        kind = _kind(record)
        try:
            return self.org.table(kind)
        except Problem as problem:
            raise Problem("INVALID_TYPE", f"sObject type '{kind}' is not supported.") from problem

    def _records(self, call: Call) -> tuple[list[dict[str, Any]], bool]:
        body = call.body()
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
            raise Problem("JSON_PARSER_ERROR", "records must be a list of objects")
        for name in body:
            if name not in ("records", "allOrNone"):
                raise Problem("JSON_PARSER_ERROR", f"Unrecognized field '{name}'")
        if not 1 <= len(records) <= LARGEST:
            raise _too_many("records", len(records))
        return records, body.get("allOrNone", False) is True

    def _run(
        self,
        transaction: Transaction,
        records: list[dict[str, Any]],
        all_or_none: bool,
        prepare: Prepare,
        key_of: Callable[[dict[str, Any]], str],
        created: bytes,
    ) -> Reply:
        changes: list[Change | Problem] = []
        rules, count = self.org.row_rules, len(records)
        whole_call = self.org.world.options.unknown_field == "call"
        for position, record in enumerate(records):
            try:
                for rule in rules:
                    if rule.row_fails(position, count, key_of(record)):
                        raise Problem(*rule.row_error())
                changes.append(prepare(record))
            except Problem as problem:
                if problem.whole or (
                    whole_call and problem.code == "INVALID_FIELD" and "No such column" in problem.message
                ):
                    raise
                changes.append(problem)
        failed = sum(isinstance(c, Problem) for c in changes)
        if failed and all_or_none:
            changes = [c if isinstance(c, Problem) else _ROLLED_BACK for c in changes]
            failed = count
        rows = self.org.world.journal.rows
        rows["written"] += count - failed
        rows["refused"] += failed
        out = []
        for change in changes:
            if isinstance(change, Problem):
                out.append(orjson.dumps(change.row()))
            else:
                flag = b',"created":' + (b"true" if change.row is None else b"false") if created else b""
                made = transaction.commit(change).encode()
                out.append(b'{"id":"' + made + b'","success":true,"errors":[]' + flag + b"}")
        return Reply(200, b"[" + b",".join(out) + b"]")

    def _key_by_id(self, record: dict[str, Any]) -> str:
        """The key of the record that an update names, so that faults by share hit the same records in every call."""
        given = str(record.get("id", record.get("Id")))
        row = self.org.cases.rows.get(full(given) or "")
        return given if row is None else str(row.values.get(KEY_FIELD) or given)


def _kind(record: dict[str, Any]) -> str:
    attributes = record.get("attributes")
    kind = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(kind, str):
        raise Problem("INVALID_TYPE", "each record needs attributes with its type")
    return kind


def _key_of(record: dict[str, Any]) -> str:
    return str(record.get(KEY_FIELD) or record.get("ParentId") or "")


def _too_many(what: str, count: int, most: int = LARGEST) -> Problem:
    return Problem(
        "EXCEEDED_MAX_SIZE_REQUEST", f"record limit reached. cannot submit {count} {what} at once, the limit is {most}"
    )


def _texts(body: Any, name: str) -> list[str]:
    """A list of texts in a body."""
    found = body.get(name) if isinstance(body, dict) else None
    if not isinstance(found, list) or not all(isinstance(f, str) for f in found):
        raise Problem("JSON_PARSER_ERROR", f"{name} must be a list of texts")
    return found
