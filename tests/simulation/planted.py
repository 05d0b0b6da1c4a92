"""Bugs planted into a copy of the real source: what the simulation must find, or it proves nothing.

Each is an exact replacement in one file; one whose anchor is not there exactly once fails loudly.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Planted:
    """One bug: file, old text, new text of each change that makes it."""

    name: str
    changes: tuple[tuple[str, str, str], ...]


def _one(name: str, file: str, old: str, new: str, *more: tuple[str, str, str]) -> Planted:
    changes = ((file, old, new), *more)
    return Planted(name, tuple((f"connector/{path}", before, after) for path, before, after in changes))


BUGS: tuple[Planted, ...] = (
    _one("no version check in settle", "store/sqlite_rows.py", "if rev != one.rev:  #", "if False:  #"),
    _one("no token check in settle", "store/sqlite_rows.py",
         "FROM \"row\" WHERE token=? AND id IN ({marks(len(part))})',\n            (token, *part),",
         "FROM \"row\" WHERE state=0 AND id IN ({marks(len(part))})',\n            (*part,),"),
    _one("cursor saved before its page", "store/sqlite.py",
         "            done = ingest_page(self._words, db, intake, page.records)\n",
         "            if move and page.cursor is not None:\n"
         '                db.execute(_MOVE, {"cursor": bound(page.cursor), "at": at, "flow": owner})\n'
         "        with self._write() as db:\n"
         "            done = ingest_page(self._words, db, intake, page.records)\n"),
    _one("cursor saved without its page when the destination is down", "store/sqlite.py",
         "            done = ingest_page(self._words, db, intake, page.records)\n",
         "            done = ingest_page(self._words, db, intake, page.records if lease else ())\n"),
    _one("an uncertain append is not looked up late enough", "engine/send.py",
         'self._call_all(place, "append", self._settled_since(steps))', 'self._call_all(place, "append", steps)'),
    _one("append without look-up: taken for fresh", "engine/send.py",
         'fresh=op == "append" and step.fresh,', 'fresh=op == "append",'),
    _one("lease not committed before sending (page)", "store/sqlite_ingest.py",
         "due, intake.token, at, at, at)", "at, None, at, at, at)"),
    _one("lease not committed before sending (due rows)", "store/sqlite.py",
         "[(token, at + seconds, one.uncertain and one.uncertain.timestamp(), one.row) for one in leased],",
         "[(None, at, one.uncertain and one.uncertain.timestamp(), one.row) for one in leased],"),
    _one("duplicate of our key taken for a success", "engine/send.py",
         'if result.existed and op == "create":', 'if result.existed and op == "nothing":'),
    _one("plain create without a look", "engine/send.py", 'if place.stream.create == "plain":', 'if place.stream.create == "":'),
    _one("own comments mapped", "engine/enrich.py",
         "(work.record.own or work.record.deleted)", "work.record.deleted"),
    _one("digest forgotten on a lost reply", "engine/plan.py",
         "    sent_digests(step, step.body, digester)\n    if step.create or step.append:\n",
         "    if step.create or step.append:\n"),
    _one("once sent again", "engine/plan.py",
         'if spec.once and before and before.state == "sent":', "if spec.once and before and before.digests is None:",
         ("engine/send.py", "if live is None and (standing :=", "if live is not None and (standing :=")),
    _one("lower stamp accepted", "store/sqlite_ingest.py",
         "return bool(record.stamp > stamp)", "return bool(record.stamp != stamp)"),
    _one("equal stamp with other content ignored", "store/sqlite_ingest.py",
         "    return bool(digest != content)", "    return stamp is None and bool(digest != content)"),
    _one("until-claimed sent without a look", "engine/claims.py",
         "        asking = [step for step in left if step.claimable]\n",
         "        for step in left:\n            step.sending, step.claimable = step.sending | step.claimable, {}\n"
         "        asking = [step for step in left if step.claimable]\n"),
    _one("until-claimed sent unconditionally after the look", "engine/claims.py",
         '    elif place.stream.conditional == "none":', '    elif place.stream.conditional != "":'),
    _one("null clears what we never sent", "engine/plan.py",
         "if value is None and (last is None or (last == NULL and step.uncertain is None)):",
         "if value is None and last == NULL:"),
    _one("a clearing whose reply was lost is taken for done", "engine/plan.py",
         "(last == NULL and step.uncertain is None)", "last == NULL"),
    _one("attempts burnt by an outage", "engine/plan.py",
         'kept = {"attempts": leased.attempts,', 'kept = {"attempts": leased.attempts + 1,'),
    _one("indexed fetch believed at once", "engine/send.py",
         "            steps = self._settled_since(steps)\n            found =", "            found ="),
    _one("a row's doubt is no doubt of lines that nobody remembers", "engine/planner.py",
         "    if before is None:\n        return cut_off\n", "    if before is None:\n        return None\n"),
    _one("retry without a due time", "engine/outcome.py",
         '        settle.state, settle.due = "pending", due\n', '        settle.state, settle.due = "pending", None\n'),
    _one("a lost lease is not uncertain", "store/sqlite.py",
         "                if row[9] is not None:  # a lease that was never settled", "                if False:"),
    _one("a dead process's rows wait for their lease", "store/sqlite.py",
         "                self._take_over(flow)\n", "                pass\n"),
    _one("a guarded step does not wait for an older wish", "engine/send.py",
         "self._not_overtaken(place, steps) if place.stream.conditions else steps", "steps"),
    _one("a guarded episode goes again after a doubt", "engine/planner.py",
         "episode = bool(step.place.stream.conditions and step.wanted.key)", "episode = False"),
    _one("elements of one line overtake each other", "engine/deliver.py",
         "if step.append and self._to_come(step):", "if False:"),
    _one("a late call goes out after its lease", "engine/send.py",
         "if shop.stopping() or now + timedelta(seconds=place.adapter.longest_call()) > self._until:",
         "if shop.stopping():", ("engine/send.py", "                until=self._until,\n", "")),
    _one("who was stopped goes on after its lease", "engine/send.py", "                until=self._until,\n", ""),
    _one("digests of what was sent are not kept", "engine/plan.py",
         "        step.remember(digester.fields(sent))\n    else:\n        step.digests = digester.packed(sent)",
         "        step.remember({})"),
    _one("what a record left out is under care no more", "engine/planner.py",
         "entered=not answers and under_care,", "entered=False,"),
    _one("a newer version keeps the old one's lease", "store/sqlite_ingest.py",
         "    if token is not None and not alive:\n        uncertain = due or at",
         "    if False:\n        uncertain = due or at"),
    _one("a late update is not repeated", "engine/late.py",
         "    if end <= began:\n        return\n    step.kept", "    if end <= end:\n        return\n    step.kept"),
    _one("an unclear row is not doubted", "engine/send.py",
         "if isinstance(error, Transient) and error.uncertain:", "if False:"),
    _one("what is sent once is updated where it stands", "engine/send.py",
         "if live is None and (standing := [step for step in steps if step.stands]):",
         "if standing := list[Step]():"),
    _one("what is sent once and was refused counts as sent after a doubt", "engine/plan.py",
         "if step.create or (spec.once and step.makes):", "if step.create:"),
    _one("a decision is shown before it is carried out", "engine/deliver.py",
         'return not unfinished & {*spec.after, *(("main",)', 'return not unfinished & {*(("main",)'),
    _one("on-create fields go to what is adopted", "engine/adoption.py",
         'elif value is None or settled or policy in ("on-create", "once") or same(held, value):',
         "elif value is None or settled or same(held, value):"),
    _one("a parked record forgets what it still owes", "engine/outcome.py",
         "elif parked is not None and retry is None and not owed:", "elif parked is not None and retry is None:"),
    _one("superseded versions are not counted", "store/sqlite_ingest.py", 'intake.count("superseded")', "pass"),
    _one("settle of an older version forgets its lines", "store/sqlite_rows.py",
         "        for line in one.lines:\n            if told",
         "        for line in one.lines if rev == one.rev else ():\n            if told"),
    _one("flips are not counted", "engine/flips.py", "        if times > limit.most:\n", "        if False:\n"),
    _one("a broken loop is released by a newer version", "engine/flips.py",
         "    if _broken(before):\n        raise", "    if False:\n        raise"),
    _one("a value said again after lost replies is a flip", "engine/flips.py",
         "course += [wanted] if current in _unknown(wanted) else [current, wanted]", "course += [current, wanted]",
         ("engine/flips.py", "!= last and last not in _unknown(new)", "!= last")),
    _one("a loop's null is not shown", "store/sqlite_fights.py",
         "(_SENT, sent) if wanted is ... else", "(_SENT, sent) if wanted in (..., None) else"),
    _one("retry does not begin a loop's count anew", "store/sqlite_hand.py",
         "    forget_flips(db, where, given)\n", ""),
    _one("a telling without its key", "mapping/refusals.py",
         "begin + refusal.name, target", "begin + refusal.line, target"),
    _one("a row parks before its refusal is told", "engine/telling.py",
         'if dues and settle.state == "parked":', "if False:"),
    _one("a lost telling is not looked up", "engine/telling.py",
         "                prepare(step, sender.digester)\n", "                prepare(step, sender.digester)\n"
         "                step.uncertain = None\n"),
    _one("a row that waits forgets its doubt", "engine/plan.py",
         '"uncertain": leased.uncertain}\n', '"uncertain": None}\n'),
    _one("a row that is put off for want of budget forgets its doubt", "engine/deliver.py",
         "        self._snooze(problem, until or self._shop.clock.now())\n        return",
         "        for work in self._works:\n            work.leased.uncertain = None\n"
         "        self._snooze(problem, until or self._shop.clock.now())\n        return"),
    _one("an index is believed as soon as nothing can commit any more", "engine/send.py",
         "stream.proof_after) if step.uncertain", "stream.settle_after) if step.uncertain"),
    # -- lines that come and go --
    _one("what stands there is not kept before the first write", "engine/holds.py",
         "        if found:\n            self._shop.store.found", "        if not found:\n            self._shop.store.found"),
    _one("who comes second takes our value for what stood there before", "store/sqlite_holds.py",
         "        known = db.execute(_KNOWN, (*place, who[3])).fetchone()\n", "        known = None\n"),
    _one("what another record holds is put back", "engine/endings.py",
         "    known = other.original is not ...\n", "    known = False\n"),
    _one("a refused record keeps what it never wrote", "engine/endings.py",
         "    known = other.original is not ...\n", "    known = True\n"),
    _one("a person's change is put back", "engine/endings.py",
         "            if self._shop.digester.value(held) in one.ours or same(held, one.wish):\n", "            if True:\n"),
    _one("what is put back goes unconditionally", "engine/endings.py",
         '        elif place.stream.conditional != "none":\n            step.guard = record.guard\n', ""),
    _one("an end does not wait for a write that may still arrive", "engine/endings.py",
         "            doubts = [since for since in (step.uncertain, step.kept) if since is not None]\n",
         "            doubts = list[datetime]()\n"),
    _one("those who hold one field do not take turns", "engine/holds.py",
         "if end > now or (other.busy and first):", "if False:"),
    _one("an end does not wait for who else holds it", "engine/endings.py",
         "if keeper is not None and keeper.busy:  #", "if False:  #"),
    _one("what a killed process took for a while is forgotten", "engine/planner.py",
         "known = dict.fromkeys([*leased.lines, *work.held])", "known = dict.fromkeys(leased.lines)"),
    _one("a line that may be gone is not noted before it is made", "engine/endings.py",
         "            self._shop.store.intend(self._token, new)\n", "            pass\n"),
    _one("a line that comes back after its end is not noted", "engine/endings.py",
         'and (step.before is None or step.before.state == "ended")', "and step.before is None"),
    _one("what is gone is deleted whatever it has become", "engine/endings.py",
         'step.guard = record.guard if place.stream.conditional != "none" else None\n                    delete',
         "delete"),
    _one("a deleted object is still its line's", "engine/outcome.py",
         "target=None if step.deleted is not None else step.target,", "target=step.target,"),
    _one("a deletion that got no answer is none", "engine/endings.py",
         "                    step.digests = {DELETING: NULL}  #", "                    pass  #"),
    _one("a line that comes back does not wait for its deletion", "engine/endings.py",
         "    due = None if before.uncertain is None else before.uncertain + timedelta(seconds=step.place.stream.proof_after)\n",
         "    due = None\n"),
    _one("what has ended ends again", "engine/planner.py",
         'before.gone or (before.state == "ended" and not held)', "before.gone"),
    _one("what was put back counts as sent", "engine/endings.py",
         'if step.deleted is not None or _kind(step) == "undo":', "if step.deleted is not None:"),
    _one("a second change in the same second is not looked at", "engine/enrich.py",
         'if seen is not None and seen.endswith(".000Z") and seen >= lately:', "if False:"),
    _one("what parked for want of a record is not looked at again", "store/sqlite_watch.py",
         "if newer and state in (DONE, FILTERED, PARKED):", "if newer and state in (DONE, FILTERED):"),
    _one("what changes while it is looked up is missed", "store/sqlite_watch.py",
         "                    if newer and state", "                    if newer and seen is not None and state"),
    _one("a shared object is made twice after a doubt", "engine/sharing.py",
         "        elif not step.joins and step.place.stream.create == \"plain\":", "        elif False:"),
    _one("who comes together with the maker of a shared object makes it too", "engine/sharing.py",
         '            step.state, step.why = "owed", _WHY\n', "            step.why = _WHY\n"),
    _one("a shared object that a person deleted is made for whoever comes", "engine/sharing.py",
         "        if not step.joins and deleted:", "        if False:"),
    _one("only one of those who share an object is answered", "engine/origins.py",
         "            return [Name(row.site, row.key, row=row) for row in rows]\n",
         "            return [Name(row.site, row.key, row=row) for row in rows][:1]\n"),
    _one("who joins later is not answered", "engine/watching.py",
         "    joined = store.joined(answered.id, since - _LATE)\n", "    joined = {}  # type: ignore[var-annotated]\n"),
)  # fmt: skip


def plant(bug: Planted, folder: Path) -> None:
    """A copy of the package with this bug in it, and the tests beside it. ValueError when the source has changed."""
    shutil.copytree(ROOT / "connector", folder / "connector", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests").symlink_to(ROOT / "tests")
    for file, old, new in bug.changes:
        path = folder / file
        text = path.read_text()
        if text.count(old) != 1:
            raise ValueError(f"{bug.name}: {file} has its anchor {text.count(old)} times, not once: {old!r}")
        path.write_text(text.replace(old, new))
