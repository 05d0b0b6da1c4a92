"""Courses that are led where chance hardly ever comes: what must meet within a minute to show whether somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from tests.simulation.course import MEANWHILE, Act, Fault, Plan

Part = tuple[tuple[Act, ...], tuple[Fault, ...]]


def with_corners(plan: Plan) -> Plan:
    """In some courses of these flows one such meeting more."""
    rng = Random(plan.seed ^ 0xC02E)
    for flow, share, settings, corner, long in CORNERS:
        if flow not in plan.flows or rng.random() >= share:
            continue
        acts, faults = corner(rng, rng.uniform(60, max(40.0, plan.length - long)))
        acts = tuple(sorted((*plan.acts, *acts), key=lambda act: act.at))
        plan = replace(plan, acts=acts, faults=(*faults, *plan.faults), settings={**plan.settings, **settings})
    return plan


def _overtaken(rng: Random, at: float) -> Part:
    """A decision whose answer is lost and that arrives late; the case is opened meanwhile, and decided otherwise."""
    cancel, release = rng.uniform(0.34, 0.66), rng.uniform(0, 0.33)
    acts = (Act(at, "case close", 0, cancel), Act(at + rng.uniform(25, 45), "case close", 0, release))
    faults = (
        Fault("shop.orders.status.put", at, "late", rng.uniform(0.5, 1)),
        Fault("shop.orders.status.put after", at, f"{MEANWHILE}case reopen", 0.0),
    )
    return acts, faults


def _turned(rng: Random, at: float) -> Part:
    """A recall is lifted, what puts the products back arrives late, and another one takes them off meanwhile."""
    begun = (
        (0, "new", 0.5),
        (1, "new", 0.5),
        (0, "products", 0.4),
        (1, "products", 0.6),
        (0, "reopen", 0.0),
        (1, "lift", 0.0),
    )
    acts = tuple(Act(at - 45, f"recall {what}", who, x) for who, what, x in begun)
    again = Act(at + rng.uniform(15, 50), "recall reopen", 1, 0.0)
    faults = (Fault("shop.products.update", at, "late", rng.uniform(0.3, 1)),)
    return (*acts, Act(at, "recall lift", 0, 0.0), again), faults


def _in_part(rng: Random, at: float) -> Part:
    """Of several comments of one order the first does not get through at once, or nobody knows whether it did."""
    acts = (Act(at, "order message", 0, rng.uniform(0.4, 0.9)),)
    kind = rng.choice(("locked", "late", "never", "late", "part unclear", "locked"))
    return acts, (Fault("desk.CaseComment.append", at, kind, rng.uniform(0, 0.5)),)


def _two_lost(rng: Random, at: float) -> Part:
    """What is sent once gets no answer, nor does what is wanted in its place; it is refused, and somebody has it tried again."""
    acts = (Act(at, "order alert", 0, 0.1), Act(at + rng.uniform(12, 20), "order alert", 0, 0.4))
    again = tuple(Act(at + later + rng.uniform(0, 30), "retry", 0, 0.0) for later in (80, 110, 140))
    faults = (Fault("desk.Alert.create", at, "lost", 0.1), Fault("desk.Alert.create", at + 11, "lost", 0.1))
    return (*acts, *again), faults


def _while_sent(rng: Random, at: float) -> Part:
    """An order changes, and changes back while that is sent: its next version is read on a later page of the same poll."""
    others = tuple(
        act for who in (1, 2, 3) for act in (Act(at - 40, "order new", who, 0.3), Act(at, "order word", who, 0.9))
    )
    acts = (Act(at - 30, "order swing", 0, 0.0), Act(at - 0.1, "order swing", 0, 0.0), *others)
    change = Fault("desk.Case.update before", at, f"{MEANWHILE}order swing", 0.0)
    return acts, (change, Fault("desk.Case.update", at, "slow", 0.0))


def _said_again(rng: Random, at: float) -> Part:
    """A field goes back as often as it may, and every second wish is said twice, for its answer is lost."""
    acts = tuple(Act(at + 60 * turn, "order priority", 0, 0.1 if turn % 2 else 0.4) for turn in range(4))
    return acts, tuple(Fault("desk.Case.update", at + 60 * turn, "lost", 0.1) for turn in (1, 3))


def _shown_late(rng: Random, at: float) -> Part:
    """What is made once commits at the last moment of its request, and the index shows it as late as it ever does."""
    acts = (Act(at - 50, "order new", 0, 0.3), Act(at, "case close and refund", 0, rng.random()))
    return acts, (Fault("shop.requests.create", at, "late", rng.uniform(0.8, 1)),)


def _put_off(rng: Random, at: float) -> Part:
    """A comment is under way when its process is killed, and arrives late. What the next one reads first meets an outage, so that
    the comment's order is put off before anything of it is tried."""
    begun = tuple(Act(at - 55, "order new", who, 0.3) for who in (0, 1))
    more = tuple(Act(at + 11 + 0.1 * who, "order word", who, rng.random()) for who in (0, 1))
    faults = (
        Fault("desk.CaseComment.append", at, "late", rng.uniform(0.4, 1)),
        Fault("desk.CaseComment.append after", at, "crash", 0.0),
        Fault("desk.Case.update", at + 11.5, rng.choice(("down", "limited")), 0.0),
    )
    return (*begun, Act(at, "order message", 1, 0.2), *more), faults


def _back_and_gone(rng: Random, at: float) -> Part:
    """A piece that was taken out is put back. While its box is made the process is killed, and it is taken out again."""
    course = ((-30, 0.2), (0, 0.3), (12, 0.2))
    acts = (Act(at - 55, "parcel new", 9, 0.36), *(Act(at + later, "parcel pieces", 9, x) for later, x in course))
    return acts, (Fault("desk.Box.create after", at, "crash", 0.0),)


def _gone_late(rng: Random, at: float) -> Part:
    """A piece is taken out, the deletion of its box gets no answer and arrives late; it is put back before that."""
    course = ((0, 0.2), (rng.uniform(22, 50), 0.3))
    acts = (Act(at - 30, "parcel new", 9, 0.36), *(Act(at + later, "parcel pieces", 9, x) for later, x in course))
    return acts, (Fault("desk.Box.delete", at, "late", rng.uniform(0.15, 1)),)


def _packed(rng: Random, at: float) -> Part:
    """A piece is taken out, and somebody works on its box between our look and its deletion."""
    acts = (Act(at - 30, "parcel new", 9, 0.36), Act(at, "parcel pieces", 9, 0.2))
    return acts, tuple(Fault("desk.Box.delete before", at + later, f"{MEANWHILE}box pack", -2.0) for later in (0, 0.1))


def _same_second(rng: Random, at: float) -> Part:
    """A depot is renamed while it is looked up, and once more in the same second."""
    acts = (Act(at - 30, "depot new", 8, 0.1), Act(at, "parcel new", 8, 0.6))
    return acts, tuple(
        Fault(f"shop.depots.fetch {when}", at, f"{MEANWHILE}depot town", 8.0) for when in ("before", "after")
    )


def _deleted_for_all(rng: Random, at: float) -> Part:
    """Somebody deletes the folder of a claim. That is noticed; then another claim about the same order comes."""
    acts = (
        Act(at - 50, "claim new", 8, 0.1),
        Act(at - 25, "folder delete", -1, 0.0),
        Act(at - 20, "claim priority", 8, 0.2),
        Act(at + rng.uniform(5, 40), "claim new", 9, rng.random()),
    )
    return acts, ()


def _joins_later(rng: Random, at: float) -> Part:
    """What is decided in a folder is told to its claim; then another claim joins it, and nothing of the folder changes."""
    acts = (
        Act(at - 55, "claim new", 8, 0.1),
        Act(at - 40, "folder take", -1, 0.2),
        Act(at - 30, "folder verdict", -1, 0.1),
        Act(at + rng.uniform(5, 40), "claim new", 9, rng.random()),
    )
    return acts, ()


def _together(rng: Random, at: float) -> Part:
    """Two claims about one order come together, and the request that makes their folder arrives late."""
    acts = (Act(at, "claim new", 10, 0.1), Act(at, "claim new", 11, rng.random()))
    return acts, (Fault("desk.Folder.create", at, "late", rng.uniform(0.15, 1)),)


CORNERS: Sequence[tuple[str, float, Mapping[str, Any], Callable[[Random, float], Part], float]] = (
    ("cases", 0.12, {}, _overtaken, 60.0),
    ("recalls", 0.5, {"guarded": "none", "every": 10.0}, _turned, 60.0),
    ("orders", 0.1, {}, _in_part, 60.0),
    ("orders", 0.1, {"every": 10.0, "batch": 1}, _two_lost, 170.0),
    ("orders", 0.1, {"every": 10.0, "page": 1, "batch": 1, "concurrency": 3, "lag": 0.0}, _while_sent, 60.0),
    ("orders", 0.06, {"every": 10.0, "flips": 3, "brake": None, "batch": 1}, _said_again, 260.0),
    ("cases", 0.06, {"lag": 90.0, "every": 10.0}, _shown_late, 60.0),
    ("orders", 0.06, {"every": 10.0, "lag": 0.0, "page": 3, "batch": 1, "concurrency": 1}, _put_off, 60.0),
    ("parcels", 0.25, {"every": 10.0, "lag": 0.0}, _back_and_gone, 60.0),
    ("parcels", 0.25, {"every": 10.0, "lag": 0.0}, _gone_late, 60.0),
    ("parcels", 0.25, {"every": 10.0, "gone": "choose", "guarded": "1s"}, _packed, 60.0),
    ("parcels", 0.25, {"every": 10.0, "lag": 0.0, "whole_seconds": True, "slow": ""}, _same_second, 60.0),
    ("claims", 0.2, {"every": 10.0, "lag": 0.0}, _deleted_for_all, 60.0),
    ("claims", 0.2, {"every": 10.0, "lag": 0.0}, _joins_later, 60.0),
    ("claims", 0.2, {"every": 10.0, "lag": 0.0, "create": "plain", "page": 5, "batch": 3}, _together, 60.0),
)
"""A flow, in how many of its courses, what is set there, what happens, and how long before the end it begins."""
