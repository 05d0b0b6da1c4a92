"""Every error of the connector, sorted by what happens next.

ConnectorError
├── ConfigFault            our files are wrong: every Fault in it names file, line, column and remedy; exit code 2
├── Busy                   another process holds what was asked for (the ledger's runner, a flow)
├── LedgerError            the ledger cannot be used: damaged, read-only, disk full, of a newer version
├── MappingFault           this record cannot be mapped: the row parks with file:line:column of the expression
└── RemoteError            a remote system; the adapter classified it by the vendor's own codes
    ├── ConnectionFault    the whole connection; rows are snoozed and burn no attempt
    │   ├── Unavailable    refused, DNS, TLS, 503, maintenance: again when it answers
    │   ├── RateLimited    slow down until `until`
    │   └── AuthFailed     credentials refused: a person must act
    ├── Misconfigured      one stream; an administrator must change something: the flow pauses, nothing parks
    └── RecordFault        one record; its neighbours pass
        ├── Transient      may pass by itself: retried alone; `uncertain`: it may have been committed
        ├── Rejected       refused for good: parks with reason, field and remedy
        ├── Conflict       the record changed, or our key exists already: read again, decide again, bounded
        │   └── Changed    the condition of a write failed: nothing was written, look again at once
        └── Gone           deleted or merged by a person: parks
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where in one of our files something stands: 1-based line and column, 0 when unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in one of our files, and the way out."""

    place: Place
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        head = f"{self.place}  {self.message}"
        below = "\n" + " " * (len(str(self.place)) + 2)
        return head + "".join(below + line for line in self.remedy.splitlines())


class ConnectorError(Exception):
    """Anything this package raises on purpose."""


class ConfigFault(ConnectorError):
    """Our files are wrong. `faults` holds all of them, in file order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Busy(ConnectorError):
    """Another process holds the ledger's runner or this flow; the message names the holder."""


class LedgerError(ConnectorError):
    """The ledger cannot be used; the message says why and what to do."""


class MappingFault(ConnectorError):
    """This record cannot be mapped. `place` is the expression, `field` the destination field if one was being made; `code`
    names what is wrong where it is not the mapping itself (`once`: a value that is sent one time has changed)."""

    def __init__(
        self, message: str, *, place: Place | None = None, field: str = "", remedy: str = "", code: str = ""
    ) -> None:
        self.place, self.field, self.remedy, self.code = place, field, remedy, code
        super().__init__(f"{place}: {message}" if place else message)


class RemoteError(ConnectorError):
    """A remote system refused or did not answer. `code` is the vendor's own code or the HTTP status, for people.

    The message must not carry a customer's data: adapters redact values that the vendor echoes.
    """

    def __init__(self, message: str, *, code: str = "", remedy: str = "") -> None:
        self.code, self.remedy = code, remedy
        super().__init__(message)


class ConnectionFault(RemoteError):
    """The connection as a whole; no record is to blame and none burns an attempt.

    `uncertain`: the request may have been committed although no answer was read.
    """

    def __init__(self, message: str, *, code: str = "", remedy: str = "", uncertain: bool = False) -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.uncertain = uncertain


class Unavailable(ConnectionFault):
    """Nobody answers, or the system says that it is down."""


class RateLimited(ConnectionFault):
    """Asked to slow down; `until` is aware UTC, or None where the system did not say."""

    def __init__(self, message: str, *, until: datetime | None = None, code: str = "", remedy: str = "") -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.until = until


class AuthFailed(ConnectionFault):
    """The credentials were refused, also after one refresh."""


class Misconfigured(RemoteError):
    """An administrator must change something on this stream (field, permission, index, queue); `remedy` says what."""


class RecordFault(RemoteError):
    """One record; returned in its Result, never raised for a read."""


class Transient(RecordFault):
    """May pass by itself. `uncertain`: the write may have been committed (time-out or reset after sending, 500/502/504)."""

    def __init__(self, message: str, *, uncertain: bool = False, code: str = "", remedy: str = "") -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.uncertain = uncertain


class Rejected(RecordFault):
    """Refused for good: validation, picklist, length, transition. `field` is the remote field if the system names it."""

    def __init__(self, message: str, *, field: str = "", code: str = "", remedy: str = "") -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.field = field


class Conflict(RecordFault):
    """A condition failed or the record changed meanwhile: read again, decide again."""


class Changed(Conflict):
    """The object changed since it was fetched, so a conditional write was not carried out."""


class Gone(RecordFault):
    """Deleted, merged or archived by a person."""
