"""`orders.notes`: notes appended to orders. The instance knows no idempotency key, so ours stands in the subject."""

from __future__ import annotations

from typing import Any

from connector.adapters.sfcc import resources
from connector.adapters.sfcc.client import Client, addressable, segment, unaddressable
from connector.adapters.sfcc.streams import SUBJECT, TEXT
from connector.errors import RecordFault, Rejected
from connector.http import Response
from connector.model import Result, Write


class Notes:
    """Notes on orders of the connection's site."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def append(self, write: Write) -> Result:
        """Look first, always: whoever sent this note before us, and lost the answer, left its key."""
        refused = _refused(write)
        if refused is not None:
            return Result(error=refused)
        response = self._notes(write.target or "")
        if response.status != 200:
            return self._failed(response, "GET")
        mark = _mark(write.key)
        for note in response.json().get("notes") or ():
            if str(note.get("subject") or "").rstrip().endswith(mark):
                return Result(target=str(note.get("id") or write.key), existed=True)
        payload = {"subject": subject(write), "text": str(write.fields["text"])[:TEXT]}
        path = _path(write.target or "")
        response = self._client.shop("POST", resources.NOTES, path, intent="once", payload=payload)
        if response.status in (200, 201, 204):
            return Result(target=write.key)  # the answer is the order; the note's own id is not in it
        return self._failed(response, "POST")

    def probe(self, number: str) -> None:
        """Read the notes of this order; raises what is wrong."""
        response = self._notes(number)
        if response.status not in (200, 404):
            raise self._client.fault(response, "Shop", resources.NOTES, "GET")

    def _notes(self, number: str) -> Response:
        return self._client.shop("GET", resources.NOTES, _path(number), intent="read")

    def _failed(self, response: Response, method: str) -> Result:
        error = self._client.fault(response, "Shop", resources.NOTES, method, writing=True)
        if isinstance(error, RecordFault):
            return Result(error=error)
        raise error


def subject(write: Write) -> str:
    """The subject for people, cut so that our key fits behind it."""
    mark = _mark(write.key)
    text = " ".join(str(write.fields.get("subject") or "").split())
    room = SUBJECT - len(mark) - 1
    return f"{text[:room].rstrip()} {mark}".lstrip()


def _mark(key: str) -> str:
    return f"[{key}]"


def _path(number: str) -> str:
    return f"/orders/{segment(number)}/notes"


def _refused(write: Write) -> Rejected | None:
    """Why this note cannot be sent, if so."""
    if not write.target:
        return Rejected("a note without an order", remedy="give the line a target: the order's number")
    if not addressable(write.target):
        return unaddressable(write.target)
    for name, value in write.fields.items():
        if name not in ("subject", "text"):
            return Rejected(f"{name} is no field of a note", field=name, remedy="a note has subject and text")
        if not isinstance(value, str | int | float | None):
            return Rejected(f"{name} of a note must be a text", field=name)
    text: Any = write.fields.get("text")
    if text is None or not str(text).strip():
        return Rejected("a note without text", field="text", remedy="map a text, or let the line's when: leave it out")
    if len(_mark(write.key)) > SUBJECT:
        return Rejected(f"the key {write.key[:40]}… does not fit into a note's subject", field="subject")
    return None
