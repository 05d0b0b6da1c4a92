"""Courses that are led where chance hardly ever comes: what must meet within a minute to show whether somebody waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from tests.simulation.course import MEANWHILE, Act, Fault, Plan

Part = tuple[tuple[Act, ...], tuple[Fault, ...]]


def with_corners(plan: Plan) -> Plan:
    """In some courses of these flows one such meeting more."""
    rng = Random(plan.seed ^ 0xC02E)
    for flow, (share, settings, corner) in CORNERS.items():
        if flow not in plan.flows or rng.random() >= share:
            continue
        acts, faults = corner(rng, rng.uniform(60, plan.length - 60))
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


CORNERS: Mapping[str, tuple[float, Mapping[str, Any], Callable[[Random, float], Part]]] = {
    "cases": (0.12, {}, _overtaken),
    "recalls": (0.5, {"guarded": "none", "every": 10.0}, _turned),
}
"""By flow: in how many of its courses, what is set there, and what happens."""
