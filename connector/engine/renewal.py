"""Objects that belong to a row's main object: what becomes of them when that one is gone, and when another is made in its place.

A line that uses `main.id` makes an object of its own beside the main one (an order of a case). Systems delete such objects with
the main one, or move them to the one that it was merged into. Appended lines need nothing of this: they write to the main object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from connector.digests import Digester, name_digest
from connector.engine.claims import gone
from connector.engine.plan import Step, sent_digests
from connector.errors import Rejected
from connector.model import Record

if TYPE_CHECKING:
    from connector.engine.send import Sender


def followed(step: Step, digester: Digester) -> bool:
    """Whether its object was made beside a main object in whose place another one stands by now: it may have gone along.

    What a line sends once never comes so far: another main object is another value to it, and it parks (money may have moved).
    """
    before, spec = step.before, step.wanted.spec
    if before is None or before.state == "ended" or not (spec.needs_main and step.makes and step.target):
        return False
    main = _main(step)
    if main is None or main.before is None or not main.before.forgotten:
        return False
    return any(before.digests.get(name_digest(name)) != digester.value(main.target) for name in _holding(step, main))


def look(sender: Sender, steps: Sequence[Step]) -> None:
    """Looks for such objects, one call for many. One that is gone is made anew, under its key; one that stands (a merged case
    took it along) stays where it is, but for what else differs. Raises Stopped."""
    for together in _by_place(steps):
        names = {name for step in together for name in _holding(step, _main(step))}
        live = sender.fetch(together[0].place, [step.target or "" for step in together], "key", together, names)
        for step in together:
            record = live.get(step.target or "")
            if record is None or record.deleted:
                _anew(step)
            else:
                _stays(step, record, sender.digester)


def _anew(step: Step) -> None:
    step.create, step.deleted, step.target, step.digests = True, step.target, None, {}
    step.sending = {name: value for name, value in (step.wanted.values or {}).items() if value is not None}
    step.claimable = {}


def _stays(step: Step, record: Record, digester: Digester) -> None:
    """Whoever moved it knew why. One that belongs to the object that is gone, or to none, goes to the new one, where its
    mapping keeps that up."""
    main = _main(step)
    dead = main.before.forgotten if main is not None and main.before is not None else ()
    for name in list(_holding(step, main)):
        if name in step.sending and record.fields.get(name) in (None, *dead):
            continue
        step.sending.pop(name, None)
        sent_digests(step, {name: (step.wanted.values or {})[name]}, digester)
    step.state = "ready" if step.sending or step.claimable else "unchanged"


def look_for_main(sender: Sender, wave: Sequence[Step]) -> None:
    """What was to be made beside a main object was refused. Is that because the main one is gone? Then nothing is wrong with the
    line: the row parks for the main object, as if that had been written to. One call for a wave. Raises Stopped."""
    mains: dict[int, tuple[Step, list[Step]]] = {}
    for step in wave:
        if step.state == "failed" and step.create and step.wanted.spec.needs_main and isinstance(step.error, Rejected):
            main = _main(step)
            if main is not None and main.makes and main.target and main.state == "unchanged":
                mains.setdefault(id(main), (main, []))[1].append(step)
    for together in _by_place([main for main, _ in mains.values()]):
        live = sender.fetch(together[0].place, [main.target or "" for main in together], "key", together)
        for main in together:
            record = live.get(main.target or "")
            if record is None or record.deleted:
                main.state, main.error = "failed", gone(main)
                for step in mains[id(main)][1]:
                    step.state, step.error = "waiting", None


def _main(step: Step) -> Step | None:
    return next((other for other in step.work.steps if other.wanted.spec.id == "main"), None)


def _holding(step: Step, main: Step | None) -> Iterator[str]:
    """Its fields that hold the id of the main object and are not sent again by themselves."""
    policies = step.wanted.spec.policies
    for name, value in (step.wanted.values or {}).items():
        ours = main is not None and value is not None and value == main.target
        if ours and policies.get(name, "always") in ("on-create", "always"):
            yield name


def _by_place(steps: Iterable[Step]) -> list[list[Step]]:
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(step.place.full, []).append(step)
    return list(found.values())
