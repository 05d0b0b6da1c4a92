"""What may stand in config.yaml, key by key, with its default. docs/configuration.md and config.example.yaml explain each.

Connections are checked against the Settings of their adapter, so here they are plain mappings.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from connector.config.values import (
    Brake,
    BrakeValue,
    Duration,
    EncryptionKey,
    FlipsLimit,
    FlipsValue,
    Interval,
    Listen,
    Share,
    Start,
    StartValue,
    TimeOfDay,
    listen,
)
from connector.flow import Flips

ConnectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]
FlowId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
StreamName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*\.\S+$")]


class Part(BaseModel):
    """One section of the file: no unknown keys, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=False)


class Budget(BaseModel):
    """How many calls of a connection are ours. Lax, as the settings beside it: a reference may bring the number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls_per_day: int | None = Field(default=None, gt=0, description="calls of ours in a rolling 24 hours")
    reserve: Share = Field(
        default=0.2, description="share of what the system allows in 24 hours that is left to people and others"
    )


class Sweep(Part):
    """The slow, wide re-read of keys and stamps that finds what surfaced late."""

    every: Interval = Field(default=600.0, description="time between two sweeps")
    width: Interval = Field(default=1800.0, description="a sweep finds what surfaced up to so late")
    nightly: Interval = Field(default=86400.0, description="the nightly one finds what surfaced up to so late")


class SweepOfFlow(Part):
    """What one flow says differently."""

    every: Interval | None = Field(default=None, description="time between two sweeps")
    width: Interval | None = Field(default=None, description="a sweep finds what surfaced up to so late")
    nightly: Interval | None = Field(default=None, description="the nightly one finds what surfaced up to so late")


class Defaults(Part):
    """What holds for every flow that says nothing else."""

    every: Interval = Field(default=60.0, description="time between two polls")
    start: StartValue = Field(
        default=Start(0.0),
        description="where a flow without a cursor begins: beginning, now, 7d (before now), or an instant",
    )
    overlap: Duration = Field(default=60.0, description="a read begins so much before its cursor")
    concurrency: int = Field(default=8, ge=1, le=64, description="chunks of a pass that are delivered at once")
    brake: BrakeValue = Field(default=Brake(1000), description="new objects an hour; the rest waits; none: no bound")
    flips: FlipsValue = Field(
        default=FlipsLimit(Flips(10, 3600.0)),
        description="how often a value may go back to one that was sent before; then the record parks; none: no bound",
    )
    lease: Interval = Field(default=300.0, description="a worker holds a row so long; longer than any call")
    sweep: Sweep = Field(default=Sweep(), description="the slow re-read that finds what surfaced late")


class Answers(Part):
    """What a flow answers, where its name alone does not say it."""

    flow: str = Field(description="the flow whose records this one writes back to")
    line: str | None = Field(
        default=None, description="the line of that flow whose objects are read here; its main line unless given"
    )
    by: str | None = Field(
        default=None, description='how the answered record is found, where not by our key: "{{ Order_No__c }}"'
    )


def _by_name(written: Any) -> Any:
    return {"flow": written} if isinstance(written, str) else written


def _or_name(schema: dict[str, Any]) -> None:
    schema["anyOf"].insert(0, {"type": "string"})


class FlowPart(Part):
    """One flow."""

    source: StreamName = Field(alias="from", description="stream that is read: connection.stream")
    destination: StreamName = Field(alias="to", description="stream that is written: connection.stream")
    mapping: str = Field(description="the mapping's file, relative to the configuration")
    answers: Annotated[Answers | None, BeforeValidator(_by_name)] = Field(
        default=None,
        description="the flow whose records this one writes back to: its name, or {flow, line, by}",
        json_schema_extra=_or_name,
    )
    id: FlowId | None = Field(
        default=None, description="begins every key that the flow makes, and lives for ever; the name unless given"
    )
    moved_from: list[FlowId] = Field(default=[], description="ids that this flow had before; never take one out")
    enabled: bool = Field(default=True, description="false: no poll; pending rows stay")
    by: Literal["change", "state"] = Field(
        default="change", description="change: reads what changed; state: at each poll what is so, as where says"
    )
    where: dict[str, Any] = Field(
        default={},
        description="selects by what is so: fields and their values; by state also open, claimed, waiting_longer_than, …",
    )
    every: Interval | None = Field(default=None, description="time between two polls")
    start: StartValue | None = Field(
        default=None,
        description="where the flow begins without a cursor: beginning, now, 7d (before now), or an instant",
    )
    overlap: Duration | None = Field(default=None, description="a read begins so much before its cursor")
    concurrency: int | None = Field(
        default=None, ge=1, le=64, description="chunks of a pass that are delivered at once"
    )
    brake: BrakeValue | None = Field(default=None, description="new objects an hour; the rest waits; none: no bound")
    flips: FlipsValue | None = Field(
        default=None, description="how often a value may go back to one that was sent before; then the record parks"
    )
    lease: Interval | None = Field(default=None, description="a worker holds a row so long; longer than any call")
    without: list[str] = Field(
        default=[], description="lines of the mapping (their ids under also) that this flow does not ask for"
    )
    tell: bool = Field(
        default=True, description="tell at the source what was refused for good, where the mapping says how (`refused`)"
    )
    lane: Literal["write-back", "live"] | None = Field(
        default=None,
        description="which share of a budget of calls its passes use; write-back for a flow that answers another, else live",
    )
    sweep: SweepOfFlow = Field(default=SweepOfFlow(), description="what this flow says differently of the slow re-read")


class Retry(Part):
    """How often and how long one record, or a connection that is down, is tried again."""

    first: Interval = Field(default=30.0, description="pause of one record after its first failure; doubles")
    longest: Interval = Field(default=3600.0, description="longest pause of one record")
    attempts: int = Field(default=12, ge=1, description="then the record parks")
    conflicts: int = Field(default=5, ge=1, description="how often a record that changed under our hands is read again")
    conflict: Interval = Field(default=1.0, description="first pause then; doubles")
    outage: Interval = Field(
        default=30.0, description="pause of a connection that is down; doubles; no record burns an attempt"
    )
    outage_longest: Interval = Field(default=300.0, description="longest pause of a connection that is down")
    auth: Interval = Field(default=300.0, description="pause after refused credentials")
    limited: Interval = Field(
        default=60.0, description="pause when a system asks to slow down without saying until when"
    )
    misconfigured: Interval = Field(default=60.0, description="pause of a flow that an administrator must help")


class Encrypt(Part):
    """Keys of stored records on the disk: 32 bytes in base64 or hex each."""

    key: EncryptionKey | None = Field(
        default=None, description="stored records are encrypted with it; none: they are decrypted again"
    )
    old_keys: list[EncryptionKey] = Field(
        default=[], description="keys used before, read until nothing is stored under them"
    )


class Keep(Part):
    """How long stored records and audit entries stay, and how. Rows, lines and links are never removed."""

    delivered_records: Duration = Field(
        default=7 * 86400.0, description="stored records of delivered rows; what is needed again is fetched again"
    )
    parked: Duration = Field(default=90 * 86400.0, description="stored records of parked rows")
    audit: Duration = Field(default=400 * 86400.0, description="who did what by hand")
    encrypt: Encrypt = Field(default=Encrypt(), description="encrypts stored records on the disk")


class Daemon(Part):
    """Timings of `connector run` itself."""

    stop_grace: Interval = Field(
        default=25.0, description="what is in flight may take so long after SIGTERM; below the container's own limit"
    )
    jitter: Duration = Field(
        default=2.0, description="polls are moved by up to so much, so that flows do not march in step"
    )
    nightly_at: TimeOfDay = Field(default=(2, 30), description="when the wide sweep runs, UTC")
    prune_every: Interval = Field(default=3600.0, description="how often keep is applied")


class Web(Part):
    """Where /healthz, /readyz and /metrics answer."""

    listen: Listen = Field(
        default=listen("127.0.0.1:8080"),
        description="where /healthz and /readyz answer: host:port; port 0: any; none: no server",
    )


class Log(Part):
    """How events are written."""

    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text on a terminal, JSON otherwise"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is logged")


class File(Part):
    """The whole of config.yaml."""

    connections: dict[ConnectionName, dict[str, Any]] = Field(description="a name of your own for each remote system")
    store: str = Field(
        description="where the ledger is: sqlite:///ledger.db (beside this file) or sqlite:////absolute/path"
    )
    flows: dict[FlowId, FlowPart] = Field(description="a name for each flow: letters, digits, - and _, at most 40")
    defaults: Defaults = Field(default=Defaults(), description="what holds for every flow that says nothing else")
    retry: Retry = Field(default=Retry(), description="pauses and numbers of tries")
    keep: Keep = Field(default=Keep(), description="how long stored records stay")
    daemon: Daemon = Field(default=Daemon(), description="timings of connector run")
    web: Web = Field(default=Web(), description="the pages for health checks")
    log: Log = Field(default=Log(), description="how events are written")
