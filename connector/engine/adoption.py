"""An object stands already under our key: what of what is wanted it holds, and what is still to be sent to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.digests import NULL, Digester, name_digest
from connector.engine.equal import number, same
from connector.engine.plan import Step, sent_digests
from connector.errors import MappingFault
from connector.model import Record


def adopt_once(step: Step, live: Record, digester: Digester) -> None:
    """What is sent once stands already. Numbers must be those we want now: money is never moved on a guess. Other
    values may have been moved on since by those who work on the object (a request that was executed)."""
    values = {name: value for name, value in (step.wanted.values or {}).items() if value is not None}
    others = {name: value for name, value in values.items() if not same(live.fields.get(name), value)}
    differ = [name for name, value in others.items() if number(value)]
    if differ or _changed_since_tried(step, others, digester):
        names = ", ".join(differ) or "a value"
        step.state = "failed"
        step.error = MappingFault(
            f"line {step.wanted.spec.id!r} is sent once: {step.place.full} {step.target} stands, and {names} differs "
            + "; ".join(f"{name}: {live.fields.get(name)!r} there, {values[name]!r} wanted now" for name in differ),
            field=differ[0] if differ else "",
            remedy="decide by hand which one is right; the first one stays as it is",
            code="once",
        )
        return
    sent_digests(step, values, digester)
    step.state = "unchanged"


def compare(step: Step, live: Record, digester: Digester) -> None:
    """What of a create is still to be sent to the object that stands already; equal values need not go again."""
    policies = step.wanted.spec.policies
    step.sending, step.claimable = {}, {}
    for name, value in (step.wanted.values or {}).items():
        policy = policies.get(name, "always")
        held, tried = live.fields.get(name), step.digests.get(name_digest(name))
        # An earlier ledger may have made it, or a try with this same wish: what it holds now may be a person's
        settled = (
            policy == "until-claimed"
            and held is not None
            and (step.uncertain is None or tried == digester.value(value))
        )
        if value is None and held is not None and tried not in (None, NULL) and policy == "always":
            step.sending[name] = None
        elif value is None or settled or policy in ("on-create", "once") or same(held, value):
            if value is not None:
                sent_digests(step, {name: value}, digester)
        elif policy == "until-claimed":
            step.claimable[name] = value
        else:
            step.sending[name] = value


def _changed_since_tried(step: Step, values: Mapping[str, Any], digester: Digester) -> bool:
    """Whether a try whose reply was lost had other values than those wanted now."""
    tried = step.before.digests if step.before else {}
    return any(
        name_digest(name) in tried and tried[name_digest(name)] != digester.value(v) for name, v in values.items()
    )
