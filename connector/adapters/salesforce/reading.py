"""Reading: changed rows in pages by keyset, and rows by their Id or by our key.

A page is one query; the next one begins behind the last row of this one, so that neither a kept result on the server
(two days at most) nor a restart matters. Source: SOQL Reference, "ORDER BY", "LIMIT"; REST API Developer Guide, "Query".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from connector import stamps
from connector.adapter import Clock, Stream
from connector.adapters.salesforce import comments, cursor, documents, selecting, soql
from connector.adapters.salesforce.client import Client
from connector.adapters.salesforce.conditional import guard
from connector.adapters.salesforce.cursor import Position
from connector.adapters.salesforce.records import CLAIM_COLUMNS, RECORD_ID, nested, same_id, stamp_of, to_record
from connector.adapters.salesforce.settings import Settings
from connector.adapters.salesforce.signin import SignIn
from connector.errors import Misconfigured
from connector.http import Response
from connector.model import Cursor, Page, Record, Select

_NOT_FOR_A_SWEEP = frozenset({*CLAIM_COLUMNS, *comments.FOR_OWN})


class Reader:
    """The reading half of one connection. Safe for threads."""

    def __init__(
        self,
        client: Client,
        settings: Settings,
        clock: Clock,
        sign_in: SignIn,
        describe: Callable[[str], dict[str, Any]],
    ) -> None:
        self._client, self._settings, self._clock = client, settings, clock
        self._sign_in, self._describe = sign_in, describe

    def pages(self, stream: Stream, since: Cursor | datetime | None, select: Select, overlap: float) -> Iterator[Page]:
        """Rows changed since, oldest first, one query a page; at least one page."""
        saved = cursor.parse(since) if isinstance(since, str) else None
        at = cursor.begin(since, overlap)
        names = self._columns(stream, select)
        conditions = self._conditions(stream, select)
        limit = self._settings.page
        bound: Position | None = None
        while True:
            began = self._clock.now()
            query = soql.page(stream.name, names, start=at, conditions=conditions, limit=limit)
            answer, rows, done = self._client.page(query)
            ended = not rows or (done and len(rows) < limit)
            cap = cursor.earlier(self._cap(answer, began), bound)
            reached = _position(rows[-1]) if rows else None
            if cursor.may_grow_behind(reached, cap, overlap):
                bound = cap
            at = reached or at
            to_save = cursor.to_save((cap or reached) if ended else reached, cap, saved)
            saved = to_save or saved
            records = self._selected(stream, rows, names, select)
            yield Page(records, to_save.text() if to_save else None, answer.date or began)
            if ended:
                return

    def fetch(
        self, stream: Stream, keys: Sequence[str], by: Literal["key", "our_key"], select: Select
    ) -> dict[str, Record]:
        """Rows by Id or by our key; those that are missing are left out. Of several with one key, the oldest."""
        names = self._columns(stream, select)
        wanted = list(dict.fromkeys(keys))
        if by == "our_key":
            queries = soql.among(stream.name, names, self._key_field(stream), wanted)
        else:
            wanted = [key for key in wanted if RECORD_ID.match(key)]
            queries = soql.among(stream.name, names, "Id", wanted)
        found: dict[str, Record] = {}
        for query in queries:
            rows, looked = self._client.dated_rows(query)
            for record in self._records(stream, rows, names):
                guarded = replace(record, guard=guard(record.stamp, looked))
                found.setdefault(same_id(record.key) if by == "key" else record.our_key or "", guarded)
        named = ((key, same_id(key) if by == "key" else key) for key in wanted)
        return {key: found[name] for key, name in named if name in found}

    def ids_by_key(self, stream: Stream, keys: Sequence[str]) -> dict[str, str]:
        """Our key → Id, for keys that exist."""
        key_field = self._key_field(stream)
        found: dict[str, str] = {}
        for query in soql.among(stream.name, ["Id", key_field], key_field, keys):
            for row in self._client.rows(query):
                found.setdefault(row[key_field], row["Id"])
        return found

    def buried(self, stream: Stream, keys: Mapping[str, Collection[str]]) -> dict[str, str]:
        """Our keys whose only records lie in the recycle bin, with the Id of one: somebody deleted them, or merged them into
        others. With each key the Ids of those that are known to lie there and do not count."""
        key_field = self._key_field(stream)
        gone: dict[str, str | None] = {}
        for query in soql.among(stream.name, ["Id", "IsDeleted", key_field], key_field, list(keys)):
            for row in self._client.rows(query, deleted=True):
                key, known = row[key_field], {same_id(one) for one in keys.get(row[key_field], ())}
                if not row["IsDeleted"]:
                    gone[key] = None
                elif same_id(row["Id"]) not in known:
                    gone.setdefault(key, row["Id"])
        return {key: record for key, record in gone.items() if record is not None}

    def _key_path(self, stream: Stream) -> str:
        """Where our key is found from a row: on itself, or on the case that it belongs to."""
        return comments.parent_key(self._settings.key_field) if stream.object else self._key_field(stream)

    def _key_field(self, stream: Stream) -> str:
        if "create" not in stream.writes:
            raise Misconfigured(
                f"{stream.name} carries no key of ours", remedy="use another stream, or the record's Id"
            )
        return self._settings.key_field

    def _columns(self, stream: Stream, select: Select) -> list[str]:
        """What is selected: what the stream needs, then what was asked for; nothing asked for: every field."""
        if select.keys_only:
            return soql.columns([name for name in stream.needs if name not in _NOT_FOR_A_SWEEP])
        asked = select.fields or tuple(
            field["name"] for field in self._describe(stream.name)["fields"] if field.get("type") != "base64"
        )
        if stream.name == documents.STREAM:
            asked = tuple(name for name in asked if name not in documents.NOT_SELECTED)
        return soql.columns([*stream.needs, *asked])

    def _selected(
        self, stream: Stream, rows: list[dict[str, Any]], names: Sequence[str], select: Select
    ) -> list[Record]:
        """The records of a page. Whose case a file belongs to is no condition of its query, so it is looked at here."""
        records, prefix = self._records(stream, rows, names), select.key_prefix
        if stream.name != documents.STREAM or prefix is None:
            return records
        return [record for record in records if (record.our_key or "").startswith(prefix) and record.our_key]

    def _conditions(self, stream: Stream, select: Select) -> list[str]:
        out = [
            *selecting.conditions(select.where if stream.states else {}, self.nobody()),
            *soql.conditions(selecting.fields(select.where) if stream.states else select.where),
        ]
        if select.key_prefix is not None and stream.name != documents.STREAM:
            key_field = self._key_path(stream)
            out.append(
                f"{key_field} LIKE {soql.prefix(select.key_prefix)}" if select.key_prefix else f"{key_field} != null"
            )
        return out

    def _records(self, stream: Stream, rows: list[dict[str, Any]], names: Sequence[str]) -> list[Record]:
        relations, nobody = nested(names), self.nobody()
        key_field, claims = self._settings.key_field, stream.claims
        records = [
            to_record(row, key_field=key_field, relations=relations, nobody=nobody, claims=claims) for row in rows
        ]
        if stream.name == documents.STREAM:
            return documents.attached(records, self._client.rows, key_field)
        if stream.object is None:
            return records
        ours = nobody if self._sign_in.user else None
        return [comments.comment(record, key_field, ours) for record in records]

    def nobody(self) -> frozenset[str]:
        """Owners that are no person: those configured, and the user that we work as."""
        named = [*self._settings.unclaimed_owners, *([self._sign_in.user] if self._sign_in.user else [])]
        return frozenset(same_id(name) if RECORD_ID.match(name) else name for name in named)

    def _cap(self, answer: Response, began: datetime) -> Position | None:
        """Up to when the query has certainly seen everything that was committed: the server's clock when it began."""
        if answer.date is None:
            return None
        took = max(self._clock.now() - began, timedelta(0))
        return Position(stamps.stamp(answer.date - took - timedelta(seconds=self._settings.margin)))


def _position(row: dict[str, Any]) -> Position:
    stamp = stamp_of(row["SystemModstamp"])
    assert stamp is not None, "every row has a SystemModstamp"
    return Position(stamp, row["Id"])
