"""An answer that is about several records: one row, and beside it a work for each record that it answers.

Works of one row are mapped, planned and sent each by itself; the ledger has one row, so their outcomes are put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from connector.engine.plan import Work
from connector.engine.report import Preview
from connector.store import Settle


def beside(work: Work) -> Work:
    """Another work of the same row."""
    return Work(work.leased, work.record)


def together(works: Sequence[Work], settles: Sequence[Settle]) -> tuple[Sequence[Work], Sequence[Settle]]:
    """One outcome a row, and its first work."""
    groups: dict[int, list[tuple[Work, Settle]]] = {}
    for work, settle in zip(works, settles, strict=True):
        groups.setdefault(work.leased.row, []).append((work, settle))
    if len(groups) == len(works):
        return works, settles
    firsts = [group[0][0] for group in groups.values()]
    return firsts, [_one([settle for _, settle in group]) for group in groups.values()]


def _one(settles: Sequence[Settle]) -> Settle:
    """Pending while one of them is, parked if one is, left out if all are."""
    if len(settles) == 1:
        return settles[0]
    ranks = ("pending", "parked", "done", "filtered", "foreign")
    leading = min(settles, key=lambda each: ranks.index(each.state))
    parked = any(each.state == "parked" for each in settles)
    due = max((each.due for each in settles if each.state == "pending" and each.due is not None), default=leading.due)
    attempts = max(each.attempts for each in settles)
    watched = [link for each in settles for link in each.watched or ()]
    return replace(
        leading,
        due=due,
        # an attempt keeps what was refused from being tried again beside its siblings
        attempts=max(1, attempts) if parked and leading.state == "pending" else attempts,
        entered=any(each.entered for each in settles),
        lines=[line for each in settles for line in each.lines],
        ended=[line for each in settles for line in each.ended],
        created=sum(each.created for each in settles),
        keep_record=any(each.keep_record for each in settles),
        whole=any(each.whole for each in settles),
        watched=None if leading.watched is None else watched,
    )


def as_one(works: Sequence[Work], previews: Sequence[Preview]) -> list[Preview]:
    """The same for what would be written."""
    groups: dict[int, list[Preview]] = {}
    for work, preview in zip(works, previews, strict=True):
        groups.setdefault(id(work.leased), []).append(preview)
    return [_shown(group) for group in groups.values()]


def _shown(previews: Sequence[Preview]) -> Preview:
    ranks = ("waiting", "parked", "write", "unchanged", "filtered", "foreign")
    leading = min(previews, key=lambda each: ranks.index(each.outcome))
    return replace(leading, writes=[write for each in previews for write in each.writes]) if previews[1:] else leading
