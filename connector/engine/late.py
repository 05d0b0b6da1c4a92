"""Updates that may be overtaken: a request without an answer may commit after what was sent since, and put an old value back.

Nothing can call such a request back, and facts need not wait for it. They go at once; where another value than the lost one
went, everything goes once more as soon as the lost one cannot arrive any more (`settle_after` of the stream).

Meanwhile the line keeps the doubt beside its answer: `sent` with `uncertain` means that nothing is to be done unless another
value is sent before it ends, `owed` that it goes once more then.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from connector.digests import Digester, name_digest
from connector.engine.plan import Step, unread
from connector.model import Line

WHY = "sent, and once more when an earlier update whose reply was lost cannot arrive any more"


SEVERAL = b"\xff" * 7 + b"\xfe"
"""The digest of a field of which several values are on their way: none of them, so that whatever is answered next is another.
Nor what a value leaves whose write was not answered (`unread`): of null, that is eight times FF."""


def lost(step: Step, digester: Digester) -> None:
    """An update got no answer. If an earlier one with another value may still arrive too, that must not be forgotten."""
    before, spec = step.before, step.wanted.spec
    if before is None or before.target is None or step.create or step.append or step.place.stream.conditions:
        return
    if step.kept is None and (before.uncertain is None or not _differs(step, before, digester)):
        return
    always = [name for name in step.body if spec.policies.get(name, "always") == "always"]
    step.remember({name_digest(name): SEVERAL for name in always})


def lasting(step: Step, now: datetime) -> datetime | None:
    """The doubt of a line that is planned. One that was answered since is none, until it is time to send once more: it only
    stays beside the answer (`kept`, `again`)."""
    before = step.before
    if before is None or before.uncertain is None or not _answered_since(before):
        return before.uncertain if before else None
    end, owed = _end(step, before.uncertain), before.state != "sent"  # a line that was rejected since is still owed it
    if end <= now:
        return before.uncertain if owed else None
    step.kept, step.again = before.uncertain, end if owed else None
    return None


def answered(step: Step, began: datetime, digester: Digester, *, watches: bool) -> None:
    """An update was answered that began at this time: is there an earlier one that may have arrived since, or still may, and
    had it another value? `watches`: its record is looked at again without a version of its own."""
    before, leased = step.before, step.work.leased
    if before is not None and before.uncertain is not None and before.target is not None:
        _keep(step, before.uncertain, began, another=_differs(step, before, digester))
    cut_off = leased.uncertain
    if cut_off is not None and (before is None or before.sent_at is None or before.sent_at < cut_off):
        # what was cut off had the version before this one, if this one came since; or what a looked-up record said then
        another = leased.overtaken or leased.last_seen >= cut_off or (watches and bool(step.work.lookups))
        _keep(step, cut_off, began, another=another)


def created(step: Step, began: datetime) -> None:
    """An object stands of which an earlier try to make it may still arrive. That one is refused while the object stands, and
    makes it again if we delete it meanwhile: its end waits (`Endings`)."""
    if step.uncertain is not None and step.wanted.spec.ends not in ("", "undo", "leave"):
        _keep(step, step.uncertain, began, another=False)


def _keep(step: Step, since: datetime, began: datetime, *, another: bool) -> None:
    end = _end(step, since)
    if end <= began:
        return
    step.kept = max(step.kept or since, since)
    if another or step.again is not None:
        step.again = max(step.again or end, end)


def _end(step: Step, since: datetime) -> datetime:
    return since + timedelta(seconds=step.place.stream.settle_after)


def _answered_since(line: Line) -> bool:
    assert line.uncertain is not None, "only of lines in doubt"
    return line.state == "sent" or (line.sent_at is not None and line.sent_at > line.uncertain)


def _differs(step: Step, before: Line, digester: Digester) -> bool:
    sent = digester.fields(step.body)
    return any(before.digests.get(name) not in (digest, unread(digest)) for name, digest in sent.items())
