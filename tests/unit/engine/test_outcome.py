"""What the ledger is told of a row: the short way for what most rows come to says the same as the long one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connector.adapter import Stream
from connector.engine.outcome import settle_steps, settle_work
from connector.engine.places import Place
from connector.engine.plan import Step, Work
from connector.errors import Conflict, Gone, Transient
from connector.mapping.spec import LineSpec, Mapped, Wanted
from connector.model import Line
from connector.retry import Policy
from connector.store import Leased
from connector.testing import ScriptedAdapter
from connector.testing.clock import FrozenClock

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
STREAM = Stream("Case", "Id", writes=frozenset({"create", "update"}), create="exclusive")
PLACE = Place("desk", "Case", ScriptedAdapter(FrozenClock(NOW), [STREAM]), STREAM)

times = st.none() | st.sampled_from([NOW - timedelta(minutes=3), NOW + timedelta(minutes=3)])
seldom = st.sampled_from([False, False, False, True])


@st.composite
def works(draw: st.DrawFn) -> Work:
    leased = Leased(
        7, 2, "RefArch", "0001", None, None, draw(st.integers(0, 3)), draw(st.booleans()), draw(times), NOW, NOW
    )
    work = Work(leased, None, mapped=Mapped([], draw(st.sampled_from(["", "queue=Orders"])), None))
    before = Line("main", "", "desk.Case", "sent", "c1", {b"name": b"12345678"}) if draw(seldom) else None
    spec = LineSpec("main", once=draw(seldom))
    step = Step(work, Wanted(spec, "", None, {"Subject": "late"}), PLACE, "orders:RefArch:0001", before, "c1")
    step.state = draw(st.sampled_from(["sent", "sent", "sent", "unchanged", "failed", "owed"]))
    step.created, step.found = draw(st.sampled_from([True, True, True, False])), draw(seldom)
    step.digests = {b"name": b"87654321"}
    rare: dict[str, Any] = {
        "kept": NOW, "again": NOW + timedelta(minutes=9), "uncertain": NOW, "why": "held by the brake", "deleted": "c0",
        "wish": Conflict("taken", code="changing", remedy="later"), "error": Gone("deleted", code="gone", remedy="drop it"),
    }  # fmt: skip
    for name, value in rare.items():
        if draw(seldom):
            setattr(step, name, value)
    if step.state == "failed" and step.error is None:
        step.error = Transient("no answer", code="503")
    work.steps.append(step)
    if draw(seldom):
        work.steps.append(Step(work, Wanted(LineSpec("note"), "", "c1", {}), PLACE, "k", None, "c1", "owed"))
    return work


@given(works())
def test_a_row_whose_only_line_was_made_is_settled_as_any_other(work: Work) -> None:
    assert settle_work(work, NOW, Policy()) == settle_steps(work, NOW, Policy())
