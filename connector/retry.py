"""What happens next after an error: pure arithmetic, tested as a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.errors import (
    AuthFailed,
    Conflict,
    ConnectionFault,
    MappingFault,
    Misconfigured,
    RateLimited,
    RecordFault,
    RemoteError,
    Transient,
)


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds and counts; `config.example.yaml` explains each. `conflicts`: how often a changed record is read again."""

    first: float = 30.0
    longest: float = 3600.0
    attempts: int = 12
    conflicts: int = 5
    conflict: float = 1.0
    outage: float = 30.0
    """First pause of a connection that is down; doubles to `outage_longest`."""
    outage_longest: float = 300.0
    auth: float = 300.0
    limited: float = 60.0
    """Pause when a system asks to slow down without saying until when."""
    misconfigured: float = 60.0


@dataclass(frozen=True, slots=True)
class Retry:
    """This record again at `at`; it burns an attempt."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Snooze:
    """The whole connection (or stream) again at `until`; no record burns an attempt."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Park:
    """A person must look; `reason` says why in words."""

    reason: str


Outcome = Retry | Snooze | Park


def backoff(first: float, longest: float, attempts: int) -> float:
    """Seconds before try `attempts + 1`: doubling from `first` up to `longest`."""
    return float(min(longest, first * 2.0 ** min(attempts, 40)))


def decide(error: RemoteError | MappingFault, attempts: int, now: datetime, policy: Policy) -> Outcome:
    """The next step after `error`, when `attempts` tries (or pauses, for a connection) went before."""
    match error:
        case RateLimited(until=until):
            return Snooze(until if until and until > now else now + timedelta(seconds=policy.limited))
        case AuthFailed():
            return Snooze(now + timedelta(seconds=policy.auth))
        case ConnectionFault():
            return Snooze(now + timedelta(seconds=backoff(policy.outage, policy.outage_longest, attempts)))
        case Misconfigured():
            return Snooze(now + timedelta(seconds=policy.misconfigured))
        case Transient() if attempts + 1 >= policy.attempts:
            return Park(f"still failing after {attempts + 1} attempts: {error}")
        case Conflict() if attempts + 1 >= policy.conflicts:
            return Park(f"changed under our hands {attempts + 1} times: {error}")
        case Conflict():  # somebody else was quicker: read again soon
            return Retry(now + timedelta(seconds=backoff(policy.conflict, policy.longest, attempts)))
        case Transient():
            return Retry(now + timedelta(seconds=backoff(policy.first, policy.longest, attempts)))
        case RecordFault() | MappingFault():
            return Park(str(error))
        case _:
            raise TypeError(f"no rule for {type(error).__name__}") from error
