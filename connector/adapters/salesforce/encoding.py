"""The body of a collection: rows as JSON, money with its digits, references as the ids that they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

from connector.adapters.salesforce.references import References
from connector.errors import Rejected
from connector.model import Op, Ref, Write


def body(stream: str, rows: Sequence[Write], op: Op, *, key_field: str, references: References) -> bytes:
    """The rows of one call. orjson.JSONEncodeError when a reference is not known yet, or a value has no word in JSON."""
    kind = {"type": stream}
    if op == "create":
        records = [{**row.fields, "attributes": kind, key_field: row.key} for row in rows]
    elif op == "append":  # carries its key in a text of its own
        records = [{**row.fields, "attributes": kind} for row in rows]
    else:
        records = [{**row.fields, "attributes": kind, "id": row.target} for row in rows]
    return _dumps({"allOrNone": False, "records": records}, references)


def parts_body(parts: Sequence[tuple[str, Mapping[str, str], Write]], references: References) -> bytes:
    """A composite of PATCHes, each with its path and headers. Raises as `body` does."""
    made = [
        {"method": "PATCH", "url": url, "referenceId": f"r{at}", "httpHeaders": headers, "body": _changes(row)}
        for at, (url, headers, row) in enumerate(parts)
    ]
    return _dumps({"allOrNone": False, "compositeRequest": made}, references)


def fields_body(row: Write, references: References) -> bytes:
    """The body of one PATCH. Raises as `body` does."""
    return _dumps(_changes(row), references)


def _changes(row: Write) -> dict[str, Any]:
    """Fields of a row whose Id stands in the path."""
    return {name: value for name, value in row.fields.items() if name.lower() not in ("id", "attributes")}


def unwritable(row: Write, references: References) -> Rejected | None:
    """The fault of a row that cannot be written as JSON."""
    for name, value in row.fields.items():
        try:
            _dumps(value, references)
        except orjson.JSONEncodeError:
            return Rejected(
                f"{name}: a {type(value).__name__} that cannot be written as JSON",
                field=name,
                code="JSON",
                remedy="correct the mapping: texts, numbers, true, false and null can be sent",
            )
    return None


def refs(row: Write) -> Iterator[Ref]:
    """The references that a row makes."""
    return (value for value in row.fields.values() if type(value) is Ref)


def _dumps(value: Any, references: References) -> bytes:
    # orjson would write a Ref as an object of its fields: pass it to our hook instead
    return orjson.dumps(value, default=partial(_word, references), option=orjson.OPT_PASSTHROUGH_DATACLASS)


def _word(references: References, value: Any) -> Any:
    """What JSON has no word for."""
    if type(value) is Decimal and value.is_finite():
        return orjson.Fragment(format(value, "f"))
    if type(value) is Ref and (known := references.known(value)) is not None:
        return known
    raise TypeError(type(value).__name__)
