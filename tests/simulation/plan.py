"""What a seed stands for: how the world is made, what people do in it and when, and which faults fall where.

Each seed takes part of what may happen and leaves the rest out: courses with few kinds of events, close together, find
more than courses with a little of everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from tests.simulation.corners import with_corners
from tests.simulation.course import (
    MEANWHILE,
    OPERATOR_ACTS,
    READ_FAULTS,
    WRITE_FAULTS,
    Act,
    Choice,
    Fault,
    Outage,
    Plan,
)
from tests.simulation.trade import PLAIN
from tests.simulation.trade_course import with_trade

ORDER_ACTS = ("order word", "order note", "order priority", "order message", "order alert", "order care", "order status",
              "order back", "order bad", "order poison", "order same stamp", "order late")  # fmt: skip
CASE_ACTS = ("case take", "case release", "case close", "case reopen", "case reassign", "case touch", "case delete",
             "case close and refund", "case comment", "case edit comment", "case inner comment")  # fmt: skip
READS = ("shop.orders.read", "desk.Case.read", "desk.CaseComment.read", "shop.orders.fetch", "desk.Case.fetch",
         "shop.requests.fetch", "shop.replies.fetch", "shop.orders.notes.look", "desk.CaseComment.look",
         "shop.orders.status.look", "shop.returns.read")  # fmt: skip
WRITES = ("desk.Case.create", "desk.Case.update", "desk.CaseComment.append", "desk.Alert.create", "shop.orders.update",
          "shop.orders.notes.append", "shop.orders.status.put", "shop.requests.create", "shop.replies.create",
          "shop.replies.update")  # fmt: skip
LEDGER = ("ledger.ingest news", "ledger.ingest news", "ledger.lease", "ledger.settle", "ledger.settle", "ledger.other")


THEMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "hands": (("order priority", "order priority", "case take", "case release", "case close", "order word"),
              ("desk.Case.update", "desk.Case.update", "desk.Case.fetch")),
    "appends": (("order message", "order message", "order word"), ("desk.CaseComment.append", "desk.CaseComment.look")),
    "decisions": (("case close", "case reopen", "case close", "order status", "order back", "case touch"),
                  ("shop.orders.status.put", "shop.orders.notes.append", "shop.orders.update")),
    "once": (("order alert", "order alert", "case close and refund", "case reopen", "order word"),
             ("desk.Alert.create", "shop.requests.create", "shop.requests.fetch")),
    "nulls": (("order note", "order note", "case take", "case release"), ("desk.Case.update", "shop.orders.update")),
    "answers": (("case comment", "case edit comment", "order message"), ("shop.replies.create", "shop.replies.update")),
    "newest": (("order word", "order word", "order late", "order same stamp", "order care"),
               ("desk.Case.update", "desk.Case.create")),
}  # fmt: skip
"""What a course may be about: what people do, and where faults fall."""


def plan_of(seed: int) -> Plan:
    """The same seed, the same plan."""
    return with_corners(with_trade(of_orders(seed)))


def of_orders(seed: int) -> Plan:
    """A course about orders and their cases, and nothing else."""
    rng = Random(seed)
    choice = Choice(rng)
    theme = rng.choice(sorted(THEMES)) if rng.random() < 0.65 else ""
    names = ["orders", "cases"] if theme in ("decisions", "once", "answers") or rng.random() < 0.7 else ["orders"]
    if "cases" in names and (theme == "answers" or rng.random() < 0.2):
        names.append("comments")
    if rng.random() < 0.15:
        names.append("returns")
    length = rng.choice((150.0, 300.0, 500.0))
    settings = _settings(rng)
    acts = _acts(rng, choice, length, names, theme)
    happens = [*names, *dict.fromkeys(act.what for act in acts)]
    places = THEMES[theme][1] if theme else ()
    faults: list[Fault] = _meetings(rng, acts, happens, places) if rng.random() < 0.5 else []
    faults += _faults(rng, choice, acts, happens, places) if rng.random() < 0.85 else []
    acts += _afterwards(rng, acts, faults)
    if theme in ("nulls", "once", "hands"):
        more_acts, more_faults = _unread_and_changed(Random(seed ^ 0x5EED), theme, length)
        if any(fault.place.startswith("shop.requests") for fault in more_faults):
            settings["lag"] = 90.0
        acts, faults = [*acts, *more_acts], [*faults, *more_faults]
    acts = sorted(acts, key=lambda act: act.at)
    outages = _outages(rng, length) if rng.random() < 0.25 else []
    plan = Plan(seed, length, tuple(names), settings, tuple(acts), tuple(faults), tuple(outages))
    return replace(plan := _told(_scarce(_back_and_forth(plan))), settings={**plan.settings, **PLAIN})


def _settings(rng: Random) -> dict[str, Any]:
    return {
        "lease": rng.choice((60.0, 90.0, 300.0)),
        "concurrency": rng.choice((1, 2, 3)),
        "overlap": rng.choice((30.0, 60.0)),
        "page": rng.choice((1, 2, 3, 10)),
        "batch": rng.choice((1, 2, 5)),
        "conditional": rng.choice(("1s", "1s", "1s", "none")),
        "whole_seconds": rng.random() < 0.6,
        "lag": rng.choice((0.0, 0.0, 5.0, 40.0, 90.0)),
        "skew_shop": rng.choice((0.0, 0.0, 2.0, -3.0, 900.0, -900.0)),
        "skew_desk": rng.choice((0.0, 0.0, 2.0, -3.0, 900.0, -900.0)),
        "every": rng.choice((10.0, 20.0, 40.0)),
        "slow": rng.choice(("", "", "shop", "desk")),
        "prune": rng.random() < 0.2,
        "brake": rng.choice((None,) * 9 + (2,)),
        "scheduler": rng.getrandbits(32),
        "flips": None,
        "calls": None,
    }


def _acts(rng: Random, choice: Choice, length: float, flows: Sequence[str], theme: str) -> list[Act]:
    """People work on few things, so that what they do meets."""
    kinds = [*THEMES[theme][0], rng.choice(ORDER_ACTS)] if theme else _mixed(rng, choice, flows)
    kinds += ["retry"] if rng.random() < 0.2 else []
    kinds += choice.some(OPERATOR_ACTS, 0.5) if rng.random() < 0.2 else []
    orders = rng.choice((1, 1, 2, 3, 5))
    soon = 20 if rng.random() < 0.7 else length / 2
    acts = [Act(rng.uniform(0, soon), "order new", n, rng.random()) for n in range(orders)]
    if "returns" in flows:
        acts += [Act(rng.uniform(0, length / 2), "return new", n, rng.random()) for n in range(rng.choice((1, 2)))]
        acts += [Act(rng.uniform(0, length), "return reason", n, rng.random()) for n in range(rng.choice((0, 1, 2)))]
    for _ in range(rng.choice((5, 9, 14, 20))):
        at = rng.uniform(25, length)
        what, who = rng.choice(kinds), rng.randrange(orders)
        acts.append(Act(at, what, who, rng.random()))
        while rng.random() < 0.5:  # something else with the same one, soon after
            at += rng.choice((0.3, 2.0, 12.0, 25.0, 50.0))
            acts.append(Act(at, rng.choice((what, rng.choice(kinds))), who, rng.random()))
    return sorted(acts, key=lambda act: act.at)


def _mixed(rng: Random, choice: Choice, flows: Sequence[str]) -> list[str]:
    """A course about nothing in particular."""
    shop = choice.some(ORDER_ACTS, 0.35)
    kinds = shop + (choice.some(CASE_ACTS, 0.35) if "cases" in flows or rng.random() < 0.5 else [])
    if "cases" in flows and rng.random() < 0.6:
        kinds += [rng.choice(("case close", "case close and refund")), "case reopen"]
    if "comments" in flows:
        kinds += ["case comment", rng.choice(("case edit comment", "order message"))]
    return kinds


def _faults(
    rng: Random, choice: Choice, acts: Sequence[Act], happens: Sequence[str], places: Sequence[str]
) -> list[Fault]:
    """`happens`: names of flows and acts, for a fault where nobody comes is none. Most fall soon after somebody acted."""
    kinds = choice.some(("crash", "write", "write", "read", "pause"), 0.5)
    writing, reading = choice.some(WRITE_FAULTS, 0.35), choice.some(READ_FAULTS, 0.4)
    writes = [
        *choice.some([place for place in WRITES if _used(place, happens)], 0.5),
        "desk write",
        "shop write",
        "write",
    ]
    reads = [*choice.some([place for place in READS if _used(place, happens)], 0.5), "read"]
    faults = []
    for _ in range(rng.choice((2, 4, 7, 10))):
        kind, x = rng.choice(kinds), rng.random()
        after = rng.choice(acts).at + rng.choice((0.0, 0.0, 3.0, 30.0))
        if kind == "write":
            faults.append(Fault(rng.choice(writes), after, rng.choice(writing), x))
        elif kind == "read":
            faults.append(Fault(rng.choice(reads), after, rng.choice(reading), x))
        else:
            where = rng.choice(
                (f"{rng.choice(writes)} before", f"{rng.choice(writes)} after", f"{rng.choice(writes)} after",
                 f"{rng.choice(reads)} after", f"{rng.choice(LEDGER)} before", f"{rng.choice(LEDGER)} after",
                 "ledger.settle before")
            )  # fmt: skip
            if kind == "pause":
                if where.startswith("ledger"):
                    where = f"{rng.choice(LEDGER)} {rng.choice(('begins', 'ended'))}"
                kind = rng.choice(("pause one", "pause all", "pause all and go on elsewhere"))
            faults.append(Fault(where, after, kind, x))
    return faults


def _meetings(rng: Random, acts: Sequence[Act], happens: Sequence[str], places: Sequence[str]) -> list[Fault]:
    """People who act while a request is under way, or just before or after one: no fault, but as rare."""
    places = [*places, *places] or [place for place in (*WRITES, *READS) if _used(place, happens)]
    kinds = [act.what for act in acts if act.what not in OPERATOR_ACTS]
    found = []
    for _ in range(rng.choice((2, 4, 8))):
        place, when = rng.choice((*places, "desk write", "write", "ledger.settle")), rng.choice(("before", "after"))
        if place.startswith("ledger"):
            when = {"before": "begins", "after": "ended"}[when]
        after = rng.choice(acts).at + rng.choice((0.0, 0.0, 3.0))
        found.append(Fault(f"{place} {when}", after, f"{MEANWHILE}{rng.choice(kinds)}", rng.random()))
    return found


def _afterwards(rng: Random, acts: Sequence[Act], faults: Sequence[Fault]) -> list[Act]:
    """What somebody does while nobody knows what was sent."""
    kinds = [act for act in acts if act.what not in ("order new", "return new")]
    found = []
    for fault in faults:
        if kinds and fault.kind in ("crash", "lost", "late", "never", "part unclear") and rng.random() < 0.5:
            like = rng.choice(kinds)
            found.append(Act(fault.after + rng.uniform(3, 70), like.what, like.who, rng.random()))
    return found


def _unread_and_changed(rng: Random, theme: str, length: float) -> tuple[list[Act], list[Fault]]:
    """Somebody changes what was sent while its answer was not read, and may never be."""
    acts: list[Act] = []
    faults: list[Fault] = []
    for _ in range(rng.choice((1, 2, 3))):
        at, (what, *_), (place, *_) = rng.uniform(50, length), *THEMES[theme]
        if theme == "hands":  # between the look and the write
            acts.append(Act(at, what, 0, rng.random()))
            faults.append(Fault(f"{place} before", at, f"{MEANWHILE}case take", rng.random()))
            continue
        if theme == "once" and rng.random() < 0.6:
            what, place = "case close and refund", "shop.requests.create"
        kind = rng.choice(("lost", "lost", "late", "part unclear", "crash"))
        faults.append(Fault(f"{place} after" if kind == "crash" else place, at, kind, rng.random()))
        acts += [Act(at - 0.1, what, 0, rng.random()), Act(at + rng.uniform(8, 45), what, 0, rng.random())]
    return acts, faults


def _back_and_forth(plan: Plan) -> Plan:
    """In some courses few flips are allowed, people change their minds again and again, and what two systems do by
    themselves undoes what we write."""
    rng = Random(plan.seed ^ 0xF11B)
    if rng.random() >= 0.12:
        return plan
    acts = list(plan.acts)
    for what in rng.sample(("order swing", "order swing note", "case swing", "loop"), rng.choice((1, 2))):
        at, who = rng.uniform(25, 80), rng.randrange(2)
        if what == "loop":
            acts.append(Act(at, what, who, 0.0))
            continue
        for _ in range(rng.choice((4, 7, 9))):
            acts.append(Act(at, what, who, 0.0))
            at += rng.choice((15.0, 25.0, 45.0, 70.0))
    faults = list(plan.faults)
    if rng.random() < 0.4:  # answers that are lost one after another must not look like a loop
        faults += [
            Fault("desk.Case.update", act.at, rng.choice(("lost", "late")), 0.2 * rng.random())
            for act in rng.sample(acts, min(6, len(acts)))
        ]
    if rng.random() < 0.5:
        acts.append(Act(rng.uniform(100, plan.length), "retry", 0, 0.0))
    flows = (*plan.flows[:1], "cases", *(name for name in plan.flows[1:] if name != "cases"))
    settings = {**plan.settings, "flips": rng.choice((1, 1, 2, 3)), "brake": None}
    acts.sort(key=lambda act: act.at)
    return replace(plan, flows=flows, acts=tuple(acts), faults=tuple(faults), settings=settings)


def _scarce(plan: Plan) -> Plan:
    """In some courses the day's calls are used up in the middle; in some, what was cut off by a kill meets an outage."""
    rng = Random(plan.seed ^ 0xCA11)
    kind = rng.random()
    if 0.06 <= kind < 0.1 and "cases" in plan.flows:
        at = rng.uniform(100, plan.length - 20)
        faults = (*plan.faults, Fault("shop.requests.create after", at - 1, "crash", rng.random()))
        outages = (*plan.outages, Outage("shop", at + 8, at + rng.choice((30.0, 60.0, 80.0)), "down"))
        acts = _sooner(plan.acts, Act(at - 8, "case close and refund", 0, rng.random()))
        return replace(plan, faults=faults, outages=outages, acts=acts, settings={**plan.settings, "lag": 90.0})
    if 0.1 <= kind < 0.13 and "cases" in plan.flows:  # an index shows late what committed late
        at = rng.uniform(50, plan.length - 20)
        faults = (*plan.faults, Fault("shop.requests.create", at - 1, "late", rng.uniform(0.2, 1)))
        acts = _sooner(plan.acts, Act(at, "case close and refund", 0, rng.random()))
        return replace(plan, faults=faults, acts=acts, settings={**plan.settings, "lag": 90.0})
    if kind >= 0.06:
        return plan
    return replace(plan, settings={**plan.settings, "calls": rng.choice((15, 30, 60))})


def _told(plan: Plan) -> Plan:
    """Where decisions are made, faults also meet what is told of those that were refused."""
    rng = Random(plan.seed ^ 0x701D)
    decided = [act for act in plan.acts if act.what in ("case close", "case close and refund")]
    if "cases" not in plan.flows or not decided or not plan.faults or rng.random() >= 0.6:
        return plan
    faults = list(plan.faults)
    for act in rng.sample(decided, min(2, len(decided))):
        who = rng.choice((act.who, 0))
        place = rng.choice(("desk.CaseComment.append", "desk.CaseComment.append", "desk.CaseComment.look"))
        kind = rng.choice(("crash", "crash", "lost", "late", "part unclear", "down"))
        if kind == "crash":
            faults.append(Fault(f"{place} {rng.choice(('before', 'after', 'after'))}", act.at, kind, rng.random()))
        elif place.endswith("append"):
            faults.append(Fault(place, act.at, kind, rng.random()))
        more = [Act(act.at - 3, "order status", who, rng.random()), Act(act.at - 2, "order status", who, rng.random())]
        more += [
            Act(act.at + 45, "case reopen", act.who, 0.0),
            Act(act.at + 60, "case close", act.who, rng.random() / 2),
        ]
        plan = replace(plan, acts=tuple(sorted((*plan.acts, *more), key=lambda one: one.at)))
    return replace(plan, faults=tuple(faults))


def _sooner(acts: Sequence[Act], act: Act) -> tuple[Act, ...]:
    return tuple(sorted((*acts, act), key=lambda one: one.at))


_NEEDS: Mapping[str, tuple[str, ...]] = {
    "returns": ("returns",),
    "replies": ("comments",),
    "requests": ("cases", "case close and refund"),
    "CaseComment.read": ("comments",),
    "CaseComment.look": ("order message",),
    "CaseComment.append": ("order message",),
    "orders.notes": ("cases",),
    "orders.status": ("cases",),
    "orders.update": ("cases",),
    "Case.read": ("cases",),
    "Alert": ("order alert",),
}


def _used(place: str, happens: Sequence[str]) -> bool:
    return all(name in happens for part, names in _NEEDS.items() if part in place for name in names)


def _outages(rng: Random, length: float) -> list[Outage]:
    found = []
    for _ in range(rng.choice((1, 2))):
        begins = rng.uniform(20, length)
        kind = rng.choice(("down", "limited", "auth"))
        found.append(Outage(rng.choice(("shop", "desk")), begins, begins + rng.choice((30.0, 100.0, 300.0)), kind))
    return found
