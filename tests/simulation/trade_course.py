"""What becomes of a course in which lines come and go (`trade.py`): alone, or beside what it was about already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from tests.simulation.course import (
    MEANWHILE,
    OPERATOR_ACTS,
    READ_FAULTS,
    WRITE_FAULTS,
    Act,
    Choice,
    Fault,
    Plan,
)

Kinds = tuple[str, ...]
THEMES: Mapping[str, tuple[Kinds, Kinds, Kinds, Kinds]] = {
    "recalls": (
        ("recalls",),
        ("product new", "product new", "recall new", "recall new", "product new", "recall new"),
        ("recall turn", "recall turn", "recall lift", "recall products", "recall products", "recall notice",
         "recall reopen", "product save", "product save", "recall delete", "product new", "recall new"),
        ("shop.products.update", "shop.products.update", "shop.products.fetch", "desk.Recall.read", "ledger.hold_fields",
         "ledger.found", "ledger.settle"),
    ),
    "baskets": (
        ("baskets",),
        ("basket new", "basket new"),
        ("basket one", "basket one", "basket parts", "basket parts", "basket word", "basket shut", "basket complete",
         "part order", "part turn", "part delete", "ticket work", "ticket delete"),
        ("desk.Part.create", "desk.Part.delete", "desk.Part.delete", "desk.Part.update", "desk.Part.fetch",
         "desk.Ticket.create", "desk.Ticket.update", "ledger.intend", "ledger.settle"),
    ),
    "parcels": (
        ("parcels",),
        ("depot new", "parcel new", "parcel new", "depot new"),
        ("depot town", "depot town", "depot new", "parcel one", "parcel pieces", "parcel depot", "box pack", "box delete"),
        ("desk.Box.create", "desk.Box.update", "desk.Box.delete", "desk.Box.fetch", "shop.depots.fetch",
         "shop.depots.read", "shop.depots.read", "ledger.wake", "ledger.settle", "ledger.intend"),
    ),
    "claims": (
        ("claims", "verdicts"),
        ("claim new", "claim new", "claim new", "claim new"),
        ("claim word", "claim priority", "claim new", "folder take", "folder release", "folder verdict", "folder verdict",
         "folder touch", "folder delete"),
        ("desk.Folder.create", "desk.Folder.create", "desk.Folder.update", "desk.Folder.fetch", "desk.Entry.create",
         "shop.claims.update", "desk.Folder.read", "ledger.settle", "ledger.lease"),
    ),
}  # fmt: skip
"""Flows; what stands there first; what people do then; where faults fall."""
ALONE, BESIDE = 0.25, 0.5
PAUSES = ("pause one", "pause all", "pause all and go on elsewhere")


def with_trade(plan: Plan) -> Plan:
    """In one course of four nothing else happens, in another one it happens beside the rest."""
    rng = Random(plan.seed ^ 0x7BADE)
    kind = rng.random()
    if kind >= BESIDE:
        return plan
    settings = {
        **plan.settings,
        "gone": rng.choice(("delete", "choose", "write", "choose")),
        "create": rng.choice(("exclusive", "plain")),
        "then": rng.choice(("null", "park")),
        "guarded": rng.choice(("1s", "none")),
    }
    themes = rng.sample(sorted(THEMES), 1 if rng.random() < 0.8 else 2)
    acts: list[Act] = []
    faults: list[Fault] = []
    for theme in themes:
        acts += (mine := _acts(rng, theme, plan.length))
        faults += _faults(rng, theme, mine) if rng.random() < 0.9 else []
        more_acts, more_faults = _unread(rng, theme, plan.length) if rng.random() < 0.5 else ([], [])
        acts, faults = [*acts, *more_acts], [*faults, *more_faults]
    flows = tuple(flow for theme in themes for flow in THEMES[theme][0])
    if kind < ALONE:
        settings |= {"flips": None, "brake": None}
        plan = replace(plan, flows=flows, acts=(), faults=())
    else:
        plan = replace(plan, flows=(*plan.flows, *flows))
    acts = sorted([*plan.acts, *acts], key=lambda act: act.at)
    return replace(plan, settings=settings, acts=tuple(acts), faults=(*plan.faults, *faults))


def _acts(rng: Random, theme: str, length: float) -> list[Act]:
    """People work on few things, so that what they do meets."""
    _, first, kinds, _ = THEMES[theme]
    kinds = tuple(Choice(rng).some(kinds, 0.5))
    acts = [Act(rng.uniform(0, 4 if n < 2 else 40), what, n, rng.random()) for n, what in enumerate(first)]
    if rng.random() < 0.2:
        kinds += (rng.choice(("retry", "retry", *OPERATOR_ACTS)),)
    for _ in range(rng.choice((4, 8, 13, 18))):
        at, what, who = rng.uniform(20, length), rng.choice(kinds), rng.randrange(4)
        acts.append(Act(at, what, who, rng.random()))
        while rng.random() < 0.5:  # something else soon after
            at += rng.choice((0.3, 2.0, 12.0, 25.0, 50.0))
            acts.append(Act(at, rng.choice((what, rng.choice(kinds))), rng.choice((who, who, 0)), rng.random()))
    return acts


def _faults(rng: Random, theme: str, acts: Sequence[Act]) -> list[Fault]:
    """Most of them fall soon after somebody acted, where this is sent or noted."""
    choice, places = Choice(rng), THEMES[theme][3]
    kinds = choice.some(("crash", "crash", "write", "write", "read", "pause", "meanwhile"), 0.5)
    writing, reading = choice.some(WRITE_FAULTS, 0.35), choice.some(READ_FAULTS, 0.4)
    calls = [place for place in places if not place.startswith("ledger")]
    writes = [place for place in calls if not place.endswith((".read", ".fetch"))]
    reads = [place for place in calls if place.endswith((".read", ".fetch"))]
    done = [act.what for act in acts]
    faults = []
    for _ in range(rng.choice((2, 4, 7))):
        kind, x = rng.choice(kinds), rng.random()
        after = rng.choice(acts).at + rng.choice((0.0, 0.0, 3.0, 30.0))
        place, when = rng.choice(places), rng.choice(("before", "after"))
        if kind == "write":
            faults.append(Fault(rng.choice(writes), after, rng.choice(writing), x))
        elif kind == "read":
            faults.append(Fault(rng.choice(reads), after, rng.choice(reading), x))
        elif kind == "crash":
            faults.append(Fault(f"{place} {when}", after, kind, x))
        else:
            if place.startswith("ledger"):
                when = {"before": "begins", "after": "ended"}[when]
            what = f"{MEANWHILE}{rng.choice(done)}" if kind == "meanwhile" else rng.choice(PAUSES)
            faults.append(Fault(f"{place} {when}", after, what, x))
    return faults


def _unread(rng: Random, theme: str, length: float) -> tuple[list[Act], list[Fault]]:
    """Somebody takes back what was asked for while the answer to its write was not read, and may never be."""
    turns = {"recalls": "recall turn", "baskets": "basket one", "parcels": "parcel one", "claims": "claim priority"}
    places = [place for place in THEMES[theme][3] if not place.startswith("ledger")]
    acts: list[Act] = []
    faults: list[Fault] = []
    if theme == "recalls":  # a hand between the look and the write that puts back
        at = rng.uniform(60, length)
        acts.append(Act(at, "recall lift", 2 - rng.randrange(3), rng.random()))
        faults.append(Fault("shop.products.update before", at, f"{MEANWHILE}product save", rng.random()))
    if theme == "recalls" and rng.random() < 0.3:  # what is named before it is there
        acts += [Act(at, f"recall {what}", 1, 0.9) for at, what in ((8.0, "new"), (150.0, "lift"), (200.0, "reopen"))]
        acts += [Act(60.0, "product new", 2, rng.random()), Act(65.0, "recall products", 0, 0.7)]
        acts += [Act(140.0, "recall products", 0, 0.0)]
    for _ in range(rng.choice((1, 2, 3))):
        at, place, who = rng.uniform(45, length), rng.choice(places), rng.choice((0, 0, 1))
        kind = rng.choice(("lost", "lost", "late", "part unclear", "crash"))
        if place.endswith((".read", ".fetch")):
            kind = "crash"
        faults.append(Fault(f"{place} after" if kind == "crash" else place, at, kind, rng.random()))
        acts += [
            Act(at - 0.1, turns[theme], who, rng.random()),
            Act(at + rng.uniform(8, 60), turns[theme], who, rng.random()),
        ]
    return acts, faults
