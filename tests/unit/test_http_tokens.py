"""One sign-in for all threads, ahead of the end, and once more after a refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector.errors import AuthFailed
from connector.http import SingleFlightToken
from connector.testing import FrozenClock


class SignIn:
    """Counts sign-ins; each gives another token. With `gate`, it answers only when told to."""

    def __init__(self, lifetime: float | None = 1800, gate: threading.Event | None = None) -> None:
        self.lifetime, self.gate = lifetime, gate
        self.entered = threading.Event()
        self.calls = 0
        self.fail: Exception | None = None

    def __call__(self) -> tuple[str, float | None]:
        self.calls += 1
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.fail is not None:
            raise self.fail
        return f"token-{self.calls}", self.lifetime


def in_threads(count: int, call: Callable[[], object], sign_in: SignIn) -> list[object]:
    """The outcomes of a call that many threads make at once, all of them begun before the sign-in answers."""
    begun = threading.Barrier(count + 1)

    def one() -> object:
        begun.wait(10)
        try:
            return call()
        except AuthFailed as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(one) for _ in range(count)]
        begun.wait(10)
        assert sign_in.entered.wait(10)
        assert sign_in.gate is not None
        sign_in.gate.set()
        return [future.result(10) for future in futures]


def test_sixteen_threads_make_one_sign_in() -> None:
    sign_in = SignIn(gate=threading.Event())
    tokens = SingleFlightToken(sign_in, FrozenClock())
    assert set(in_threads(16, tokens.token, sign_in)) == {"token-1"}
    assert sign_in.calls == 1


def test_sixteen_threads_hear_of_one_failed_sign_in() -> None:
    entered, gate = threading.Event(), threading.Event()
    calls = []

    def refuse() -> tuple[str, float | None]:
        calls.append(1)
        entered.set()
        assert gate.wait(10)
        raise AuthFailed("sign-in refused", code="invalid_client", remedy="check client_secret")

    tokens = SingleFlightToken(refuse, FrozenClock())
    waiting = []

    def one() -> None:
        with pytest.raises(AuthFailed) as caught:
            tokens.token()
        waiting.append(caught.value)

    first = threading.Thread(target=one)
    first.start()
    assert entered.wait(10)
    others = [threading.Thread(target=one) for _ in range(15)]
    for thread in others:
        thread.start()
    while tokens.waiting < 16:  # all of them wait before the flight ends
        entered.wait(0)
    gate.set()
    for thread in [first, *others]:
        thread.join(10)
    assert len(calls) == 1
    assert len(waiting) == 16
    assert {(str(error), error.code, error.remedy) for error in waiting} == {
        ("sign-in refused", "invalid_client", "check client_secret")
    }


def test_a_failed_sign_in_is_tried_again_by_the_next_call() -> None:
    sign_in = SignIn()
    sign_in.fail = AuthFailed("sign-in refused")
    tokens = SingleFlightToken(sign_in, FrozenClock())
    with pytest.raises(AuthFailed):
        tokens.token()
    sign_in.fail = None
    assert tokens.token() == "token-2"


def test_a_token_is_replaced_before_it_ends() -> None:
    clock, sign_in = FrozenClock(), SignIn(lifetime=1800)
    tokens = SingleFlightToken(sign_in, clock)
    assert tokens.token() == "token-1"
    clock.forward(seconds=1739)
    assert tokens.token() == "token-1"
    clock.forward(seconds=1)
    assert tokens.token() == "token-2"
    assert tokens.lifetime == 1800


def test_a_short_token_is_not_replaced_at_every_call() -> None:
    clock, sign_in = FrozenClock(), SignIn(lifetime=30)
    tokens = SingleFlightToken(sign_in, clock)
    tokens.token()
    clock.forward(seconds=26)
    assert tokens.token() == "token-1"
    clock.forward(seconds=1)
    assert tokens.token() == "token-2"


def test_a_token_of_unknown_life_is_kept_until_it_is_refused() -> None:
    clock = FrozenClock()
    tokens = SingleFlightToken(SignIn(lifetime=None), clock)
    assert tokens.token() == "token-1"
    clock.forward(days=30)
    assert tokens.token() == "token-1"
    tokens.refused("token-1")
    assert tokens.token() == "token-2"


def test_a_token_that_many_threads_saw_refused_is_replaced_once() -> None:
    sign_in = SignIn()
    tokens = SingleFlightToken(sign_in, FrozenClock())
    old = tokens.token()
    for _ in range(16):  # each had sent the old one; the first of them has it replaced
        tokens.refused(old)
        assert tokens.token() == "token-2"
    assert sign_in.calls == 2
