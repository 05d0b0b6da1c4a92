"""What happens next after an error, as a table of numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector import errors
from connector.errors import (
    AuthFailed,
    Conflict,
    ConnectionFault,
    Gone,
    MappingFault,
    Misconfigured,
    RateLimited,
    RecordFault,
    Rejected,
    RemoteError,
    Transient,
    Unavailable,
)
from connector.retry import Outcome, Park, Policy, Retry, Snooze, backoff, decide

T = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
POLICY = Policy()


def after(seconds: float) -> datetime:
    return T + timedelta(seconds=seconds)


TABLE: list[tuple[RemoteError | MappingFault, int, Outcome]] = [
    # one record: 30 s doubling to an hour, twelve attempts in all
    (Transient("500"), 0, Retry(after(30))),
    (Transient("500"), 1, Retry(after(60))),
    (Transient("500"), 2, Retry(after(120))),
    (Transient("500"), 6, Retry(after(1920))),
    (Transient("500"), 7, Retry(after(3600))),
    (Transient("500"), 10, Retry(after(3600))),
    (Transient("500"), 11, Park("still failing after 12 attempts: 500")),
    (Transient("500", uncertain=True), 0, Retry(after(30))),
    (Transient("500"), 99, Park("still failing after 100 attempts: 500")),
    # somebody else was quicker: a second doubling, five times
    (Conflict("412"), 0, Retry(after(1))),
    (Conflict("412"), 1, Retry(after(2))),
    (Conflict("412"), 3, Retry(after(8))),
    (Conflict("412"), 4, Park("changed under our hands 5 times: 412")),
    # for good
    (Rejected("too long", field="Subject"), 0, Park("too long")),
    (Gone("deleted"), 0, Park("deleted")),
    (MappingFault("no value"), 0, Park("no value")),
    (RecordFault("odd"), 0, Park("odd")),
    # a connection: pauses from 30 s to five minutes, and no attempt ends it
    (Unavailable("503"), 0, Snooze(after(30))),
    (Unavailable("503"), 1, Snooze(after(60))),
    (Unavailable("503"), 3, Snooze(after(240))),
    (Unavailable("503"), 4, Snooze(after(300))),
    (Unavailable("503"), 100_000, Snooze(after(300))),
    (ConnectionFault("?"), 0, Snooze(after(30))),
    (AuthFailed("invalid_client"), 0, Snooze(after(300))),
    (AuthFailed("invalid_client"), 500, Snooze(after(300))),
    (RateLimited("429", until=after(17)), 3, Snooze(after(17))),
    (RateLimited("429"), 0, Snooze(after(60))),
    (RateLimited("429"), 9, Snooze(after(60))),
    (RateLimited("429", until=T), 0, Snooze(after(60))),
    (RateLimited("429", until=after(-5)), 0, Snooze(after(60))),
    # a stream
    (Misconfigured("no field"), 0, Snooze(after(60))),
    (Misconfigured("no field"), 77, Snooze(after(60))),
]


@pytest.mark.parametrize(
    ("error", "attempts", "outcome"), TABLE, ids=[f"{type(row[0]).__name__}-{row[1]}" for row in TABLE]
)
def test_each_error_has_one_next_step(error: RemoteError | MappingFault, attempts: int, outcome: Outcome) -> None:
    assert decide(error, attempts, T, POLICY) == outcome


def test_every_class_of_remote_error_has_a_rule() -> None:
    classes = {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RemoteError)}
    for each in classes - {RemoteError}:
        assert isinstance(decide(each("x"), 0, T, POLICY), (Retry, Snooze, Park))


def test_an_error_without_a_class_is_our_mistake() -> None:
    with pytest.raises(TypeError, match="RemoteError"):
        decide(RemoteError("x"), 0, T, POLICY)


def test_the_policy_is_a_setting() -> None:
    policy = Policy(
        first=1, longest=3, attempts=4, conflicts=2, conflict=5, outage=7, auth=11, limited=13, misconfigured=17
    )
    steps = [decide(Transient("x"), attempts, T, policy) for attempts in range(4)]
    assert steps == [Retry(after(1)), Retry(after(2)), Retry(after(3)), Park("still failing after 4 attempts: x")]
    assert decide(Conflict("x"), 0, T, policy) == Retry(after(3)), "never longer than `longest`"
    assert decide(Conflict("x"), 1, T, policy) == Park("changed under our hands 2 times: x")
    assert decide(Unavailable("x"), 0, T, policy) == Snooze(after(7))
    assert decide(AuthFailed("x"), 0, T, policy) == Snooze(after(11))
    assert decide(RateLimited("x"), 0, T, policy) == Snooze(after(13))
    assert decide(Misconfigured("x"), 0, T, policy) == Snooze(after(17))


def test_a_long_outage_does_not_overflow() -> None:
    assert backoff(30.0, 3600.0, 10_000_000) == 3600.0


def test_twelve_attempts_span_the_working_night() -> None:
    waited = sum(backoff(POLICY.first, POLICY.longest, attempts) for attempts in range(POLICY.attempts - 1))
    assert 4 * 3600 < waited < 8 * 3600
