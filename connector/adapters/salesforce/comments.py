"""`CaseComment`: comments appended to cases, and read as what people say there.

Salesforce gives a comment no field of ours, so our key stands in the text: its last line is `[<key>]`. A comment that ends
so and was made by us is our own: it is never taken for an answer. Source: Object Reference, "CaseComment".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from connector import keys
from connector.adapter import Stream
from connector.adapters.salesforce import soql
from connector.adapters.salesforce.codes import MISSING_ROW
from connector.adapters.salesforce.records import RECORD_ID, same_id
from connector.adapters.salesforce.settings import Settings
from connector.errors import Gone, Rejected
from connector.model import Op, Record, Result, Write

STREAM = "CaseComment"
PARENT, BODY = "ParentId", "CommentBody"
FOR_OWN = (BODY, "CreatedById", "CreatedBy")
"""Fields that say whether a comment is our own."""
LONGEST = 4000
"""Bytes of a body in UTF-8, not characters."""
KEY_LENGTH = 200
_CUT = "…"
_GONE = MISSING_ROW | {"ENTITY_IS_DELETED", "NOT_FOUND"}


def stream(settings: Settings) -> Stream:
    """What is true of comments."""
    return Stream(
        STREAM,
        key="Id",
        needs=("Id", "SystemModstamp", PARENT, parent_key(settings.key_field), *FOR_OWN, "IsPublished"),
        writes=frozenset({"append"}),
        batch=settings.batch,
        fetch_batch=200,
        fetch="direct",
        settle_after=settings.settle_after,
        object="Case",
        names_object=PARENT,
        key_length=KEY_LENGTH,
        lengths={BODY: LONGEST - KEY_LENGTH - len("\n[]")},
    )


def parent_key(key_field: str) -> str:
    """Our key of the case that a comment belongs to."""
    return f"Parent.{key_field}"


class Comments:
    """The appending half. Safe for threads."""

    def __init__(
        self, write: Callable[[Stream, Sequence[Write], Op], list[Result]], rows: Callable[[str], list[dict[str, str]]]
    ) -> None:
        self._write, self._rows = write, rows

    def append(self, stream: Stream, batch: Sequence[Write]) -> list[Result]:
        """One Result per Write, in order; a query for what stands there already, a call for all that does not.

        Look first, always: whoever appended it before us, and lost the answer or the ledger, left its marker. Only a case
        that was made a moment ago (`fresh`) needs no look.
        """
        refused = [_refused(write) for write in batch]
        sound = [write for write, fault in zip(batch, refused, strict=True) if fault is None]
        standing = self._standing(write.target or "" for write in sound if not write.fresh)
        new = [write for write in sound if _place(write) not in standing]
        sent = iter(self._write(stream, [_row(write) for write in new], "append") if new else ())
        results = []
        for write, fault in zip(batch, refused, strict=True):
            if fault is not None:
                results.append(Result(error=fault))
            elif (found := standing.get(_place(write))) is not None:
                results.append(Result(found, existed=True))
            else:
                results.append(_meant(next(sent)))
        return results

    def _standing(self, cases: Iterable[str]) -> dict[tuple[str, str], str]:
        """Comments on these cases by case and last line: a marker stands nowhere else."""
        wanted = list(dict.fromkeys(cases))
        found: dict[tuple[str, str], str] = {}
        for query in soql.among(STREAM, ["Id", PARENT, BODY], PARENT, wanted):
            for row in self._rows(query):
                found.setdefault((same_id(row[PARENT]), _last_line(row.get(BODY))), row["Id"])
        return found


def comment(record: Record, key_field: str, ours: Collection[str] | None) -> Record:
    """A comment as it was read: it bears its case's key, and is our own if it ends in a marker and one of `ours` made it
    (names and short ids; None: we do not know as whom we work, so the marker decides alone)."""
    parent = record.fields.get("Parent") or {}
    return replace(record, our_key=parent.get(key_field), own=_ends_in_a_mark(record) and _made_by(record, ours))


def marked(text: str, key: str) -> str:
    """The text with our marker as its last line, cut so that both fit: by bytes, and never inside a character."""
    mark = f"\n{_mark(key)}"
    room = LONGEST - len(mark.encode())
    raw = text.rstrip().encode()
    if len(raw) > room:
        raw = raw[: room - len(_CUT.encode())].decode(errors="ignore").rstrip().encode() + _CUT.encode()
    return raw.decode() + mark


def _ends_in_a_mark(record: Record) -> bool:
    last = _last_line(record.fields.get(BODY))
    key = last[1:-1]
    return last == _mark(key) and (keys.parse(key) is not None or keys.hashed(key))


def _last_line(text: str | None) -> str:
    return (text or "").rstrip().rpartition("\n")[2].strip()


def _made_by(record: Record, ours: Collection[str] | None) -> bool:
    if ours is None:
        return True
    maker = record.fields.get("CreatedBy") or {}
    return same_id(record.fields.get("CreatedById") or "") in ours or maker.get("Name") in ours


def _mark(key: str) -> str:
    return f"[{key}]"


def _place(write: Write) -> tuple[str, str]:
    return same_id(write.target or ""), _mark(write.key)


def _row(write: Write) -> Write:
    text = marked(str(write.fields[BODY]), write.key)
    return Write("append", write.key, {**write.fields, PARENT: write.target, BODY: text}, write.target, write.uncertain)


def _refused(write: Write) -> Rejected | None:
    """Why this comment cannot be sent, if so."""
    if not write.target:
        return Rejected("a comment without a case", remedy='give the line a target: "{{ main.id }}"')
    if not RECORD_ID.match(write.target):
        return Rejected(
            "a comment whose target is no Id", field=PARENT, remedy="name the case by its Id, as main.id does"
        )
    if same_id(str(write.fields.get(PARENT) or write.target)) != same_id(write.target):
        return Rejected(
            f"{PARENT} names another case than the line's target", field=PARENT, remedy="leave one of the two away"
        )
    text = write.fields.get(BODY)
    if isinstance(text, bool) or not isinstance(text, str | int | float | None):
        return Rejected(f"{BODY} must be a text", field=BODY)
    if text is None or not str(text).strip():
        return Rejected("a comment without text", field=BODY, remedy="map a text, or let the line's when: leave it out")
    try:
        str(text).encode()
    except UnicodeEncodeError:
        return Rejected(f"{BODY} holds half a character", field=BODY, remedy="correct the text where it comes from")
    return None


def _meant(result: Result) -> Result:
    """A refusal of the case that is named is no refusal of the comment: the case is gone."""
    error = result.error
    if error is not None and error.code in _GONE and getattr(error, "field", "") in ("", PARENT, "Id"):
        return Result(error=Gone(f"{error.code}: the case was deleted or merged", code=error.code))
    return result
