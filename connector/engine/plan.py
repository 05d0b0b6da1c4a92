"""What a line needs sent, field by field: pure, no call is made here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connector.digests import NULL, Digester, Packed, name_digest
from connector.engine.places import Place
from connector.errors import Conflict, MappingFault, RecordFault
from connector.mapping.spec import Ending, Mapped, Wanted
from connector.model import Line, Record
from connector.store import Hold, Leased, Settle, Watch

SettledState = Literal["pending", "done", "filtered", "parked", "foreign"]
StepState = Literal["waiting", "ready", "sent", "unchanged", "failed", "owed"]


DELETING = name_digest("\0deleting")
"""Among a line's digests: its object was to be deleted, and the answer was not read."""
NOTHING_SENT = Packed(b"")
NOTHING_HELD: Mapping[tuple[str, str], Sequence[Hold]] = {}


class RefusedBefore(MappingFault):
    """Refused for good in this same version: it is not tried again while its other lines are."""


@dataclass(slots=True)
class Step:
    """One line of one row on its way.

    waiting     for main or another line
    ready       may be sent
    sent        the remote system took it
    unchanged   nothing to send
    failed      `error` says why
    owed        not tried in this delivery (its row waits); `due` says until when
    """

    work: Work
    wanted: Wanted
    place: Place
    key: str
    before: Line | None
    target: str | None
    state: StepState = "waiting"
    create: bool = False
    append: bool = False
    sending: dict[str, Any] = field(default_factory=dict)
    claimable: dict[str, Any] = field(default_factory=dict)
    guard: str | None = None
    """Set: the claimable fields go too, on condition that the object is unchanged since it was looked at."""
    tried: Mapping[bytes, bytes] = NOTHING_SENT
    """Digests of claimable fields whose last answer was not read: they count as sent once somebody has the object."""
    wish: Conflict | None = None
    """Why until-claimed fields are still owed although the rest was sent."""
    joins: bool = False
    """Its object was made for another record, under a key that they share."""
    makes: bool = False
    """Whether its object is one that we make under our own key, and may make anew."""
    digests: Mapping[bytes, bytes] = NOTHING_SENT
    """By field, of what counts as sent; never changed in place."""
    uncertain: datetime | None = None
    error: RecordFault | MappingFault | None = None
    due: datetime | None = None
    why: str = ""
    """What it waits for, where that is not its row's fault."""
    kept: datetime | None = None
    """Answered, and still in doubt since then: an earlier try may arrive later (`engine/late.py`)."""
    again: datetime | None = None
    """Answered, and to be sent once more at this time."""
    unclear: bool = False
    """Tried in this delivery, and not answered."""
    created: bool = False
    found: bool = False
    """Its object stands: an earlier try of this line, which got no answer, has made it."""
    granted: bool = False
    looked: bool = False
    ending: Ending | None = None
    """Its record asks for it no longer, and this is to be done (`connector.engine.endings`)."""
    ended: bool = False
    """That is done."""
    deleted: str | None = None
    """The id of its object, where it was deleted."""
    name: tuple[str, str] = field(init=False)
    """Of its line in the ledger."""

    def __post_init__(self) -> None:
        scope, key = self.work.scope, self.wanted.key
        self.name = (self.wanted.spec.id, key if not scope else f"{scope}:{key}" if key else scope)

    def remember(self, digests: Mapping[bytes, bytes]) -> None:
        """These count as sent now, over what did before."""
        self.digests = {**self.digests, **digests}

    @property
    def fresh(self) -> bool:
        """Whether its object was made in this delivery, so that nobody can have appended to it before."""
        return any(one.created and one.target == self.target for one in self.work.steps)

    @property
    def simply_made(self) -> bool:
        """Sent for the first time, its object made, and no doubt left about anything: what most steps come to."""
        alone = self.before is None and self.wish is None and self.kept is None and self.again is None
        return self.created and self.state == "sent" and alone and not (self.error or self.deleted or self.why)

    @property
    def stands(self) -> bool:
        """Made by an earlier try with other values and refused for them, or for another record: it is looked at first."""
        return self.makes and (self.wanted.spec.once or self.joins) and not self.looked

    @property
    def body(self) -> dict[str, Any]:
        """The fields that go in one write."""
        return self.sending if self.guard is None else self.sending | self.claimable

    @property
    def wished(self) -> dict[str, Any]:
        """The fields that it is about to write, whether or not a person has taken the object."""
        return {**self.sending, **self.claimable}

    @property
    def deleted_by_us(self) -> bool:
        """Whether a delivery of its row that was cut off may have deleted its object: by the mapping's own `gone`."""
        return self.work.leased.uncertain is not None and self.wanted.spec.ends in ("delete", "choose")

    @property
    def ours(self) -> bool:
        """Whether we made what it writes to: an object of its own, or its row's main one."""
        main = next((other for other in self.work.steps if other.wanted.spec.id == "main"), None)
        on_main = main is not None and main.makes and main.target is not None and self.target == main.target
        return self.makes or on_main

    def rivals(self, digester: Digester) -> list[Line]:
        """Lines of its row that wanted something else of the same object: under another key, or this one before."""
        wanted = digester.fields(self.sending)
        return [
            line
            for name, line in self.work.leased.lines.items()
            if line.stream == self.place.full
            and line.target == self.target
            and (name != self.name or any(line.digests.get(one, value) != value for one, value in wanted.items()))
        ]

    @property
    def forgotten(self) -> tuple[str, ...]:
        """Ids of deleted objects in whose place a new one is asked for."""
        known = self.before.forgotten if self.before else ()
        return known if self.deleted is None else (*known, self.deleted)


@dataclass(slots=True)
class Work:
    """One leased row on its way through a delivery. `settle` is set as soon as its outcome is known."""

    leased: Leased
    record: Record | None
    origin: Record | None = None
    scope: str = ""
    """Tells lines apart by what they answer, where a row answers several records."""
    element: str = ""
    """The key of the line that it answers."""
    lookups: dict[str, Any] = field(default_factory=dict)
    mapped: Mapped | None = None
    steps: list[Step] = field(default_factory=list)
    told: list[Step] = field(default_factory=list)
    """What is told at the source of lines that were refused for good (`connector.engine.telling`)."""
    watched: list[Watch] | None = None
    """What it looked up and watches."""
    held: Mapping[tuple[str, str], Sequence[Hold]] = field(default_factory=lambda: NOTHING_HELD)
    """What its lines hold for a while, by line and key."""
    settle: Settle | None = None

    def own(self, key: str) -> str | None:
        """The key of a line as the mapping knows it; None: a line about another record that its row answers."""
        if not self.scope or key == self.scope:
            return key if not self.scope else ""
        return key.removeprefix(f"{self.scope}:") if key.startswith(f"{self.scope}:") else None

    def ends(self, state: SettledState, reason: str = "", **more: Any) -> Settle:
        """Its outcome, or its wait. Attempts, care and doubt stay as they are, whoever ends it and why: a doubt that one way
        out forgot once posted a note twice."""
        leased = self.leased
        kept = {"attempts": leased.attempts, "entered": leased.entered, "uncertain": leased.uncertain}
        self.settle = Settle(leased.row, leased.rev, state, reason=reason, whole=state == "parked", **{**kept, **more})
        return self.settle


def prepare(step: Step, digester: Digester) -> None:
    """Decide whether a step creates, updates, appends or has nothing to do, and with which fields.

    Sets `sending` (goes for certain) and `claimable` (until-claimed fields: go if nobody has taken the object).
    MappingFault when a `once` value changed after it was sent.
    """
    values = step.wanted.values
    assert values is not None, "a step is prepared when its values are known"
    before, spec = step.before, step.wanted.spec
    conditions: dict[str, Any] = {}
    if known := step.place.stream.conditions:
        conditions = {name: value for name, value in values.items() if name in known and value is not None}
        values = {name: value for name, value in values.items() if name not in known}
    step.digests = (
        NOTHING_SENT if before is None else before.digests if before.state == "sent" else _since(step, before)
    )
    if step.append:
        step.state = "unchanged" if before and before.state == "sent" else "ready"
        step.sending = {name: value for name, value in values.items() if value is not None}
        return
    step.create = step.target is None
    if spec.once and before and before.state == "sent":
        _refuse_change(step, values, digester)
        step.state = "unchanged"
        return
    if step.create or (spec.once and step.makes):  # it stands and was refused: it is looked at again (`Sender._adopt`)
        step.sending = {name: value for name, value in values.items() if value is not None}
    else:
        _difference(step, values, digester)
    if conditions and (step.sending or step.claimable):
        (step.sending or step.claimable).update(conditions)
    step.state = "ready" if step.create or step.sending or step.claimable else "unchanged"


def _since(step: Step, before: Line) -> dict[bytes, bytes]:
    """What counts as sent of a line that was not simply sent last: one that had ended begins anew, but for fields that it writes
    always and that stand as it left them."""
    digests = {name: value for name, value in before.digests.items() if name != DELETING}
    if before.state != "ended":
        return digests
    known = {name_digest(name) for name in step.wanted.spec.policies}
    return {name: value for name, value in digests.items() if name in known}


def _difference(step: Step, values: Mapping[str, Any], digester: Digester) -> None:
    """Only fields whose wanted value differs from what was sent last; in doubt, all of them, but until-claimed ones: what
    they hold may be a person's, and those whose answer was not read differ by `doubted`."""
    policies = step.wanted.spec.policies
    for name, value in values.items():
        policy = policies.get(name, "always")
        if policy == "on-create":
            continue
        last = step.digests.get(name_digest(name))
        if value is None and (last is None or (last == NULL and step.uncertain is None)):
            continue  # null clears only what was sent before
        wanted = digester.value(value)
        same = last == wanted
        if policy == "once" and last is not None and last != unread(wanted):
            if not same:
                _refuse_change(step, {name: value}, digester)
            continue
        if same and (step.uncertain is None or policy == "until-claimed"):
            continue
        (step.claimable if policy == "until-claimed" else step.sending)[name] = value
        if last == unread(wanted):
            step.tried = {**step.tried, name_digest(name): wanted}


def _refuse_change(step: Step, values: Mapping[str, Any], digester: Digester) -> None:
    for name, value in values.items():
        last = step.digests.get(name_digest(name))
        if last is not None and last != digester.value(value):
            raise MappingFault(
                f"line {step.wanted.spec.id!r} is sent once, and {name} has changed since: now {value!r}, the first value "
                f"stands at {step.place.full} {step.target or (step.before.target if step.before else '')}",
                field=name,
                remedy="decide by hand which one is right; the first one stays as it is",
                code="once",
            )


def doubted(step: Step, digester: Digester) -> None:
    """Remember what was tried without an answer, so that a later value shows as another one, and null clears it. An
    until-claimed or once field of an update is remembered as a value that nobody can want: it goes again, alone of its kind."""
    sent_digests(step, step.body, digester)
    if step.create or step.append:
        return
    policies = step.wanted.spec.policies
    step.remember(
        {
            name_digest(name): unread(digester.value(value))
            for name, value in step.body.items()
            if policies.get(name) in ("until-claimed", "once")
        }
    )


def unread(digest: bytes) -> bytes:
    """The digest of a value whose write was not answered: that of no value."""
    return bytes(byte ^ 0xFF for byte in digest)


def sent_digests(step: Step, sent: Mapping[str, Any], digester: Digester) -> None:
    """Remember what was sent, over what was sent before; conditions are nothing that the object holds."""
    if known := step.place.stream.conditions:
        sent = {name: value for name, value in sent.items() if name not in known}
    if step.digests:
        step.remember(digester.fields(sent))
    else:
        step.digests = digester.packed(sent)
