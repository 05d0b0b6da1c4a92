"""What may stand in config.yaml, key by key, with its default. docs/configuration.md and config.example.yaml explain each.

Connections are checked against the Settings of their adapter, so here they are plain mappings.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from connector.config.values import (
    Brake,
    BrakeValue,
    Duration,
    Interval,
    Listen,
    Start,
    StartValue,
    TimeOfDay,
    listen,
)

ConnectionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")]
FlowId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
StreamName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*\.\S+$")]


class Part(BaseModel):
    """One section of the file: no unknown keys, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=False)


class Sweep(Part):
    """The slow, wide re-read of keys and stamps that finds what surfaced late."""

    every: Interval = 600.0
    width: Interval = 1800.0
    nightly: Interval = 86400.0


class SweepOfFlow(Part):
    """What one flow says differently."""

    every: Interval | None = None
    width: Interval | None = None
    nightly: Interval | None = None


class Defaults(Part):
    """What holds for every flow that says nothing else."""

    every: Interval = 60.0
    start: StartValue = Start(0.0)
    overlap: Duration = 60.0
    concurrency: int = Field(default=8, ge=1, le=64)
    brake: BrakeValue = Brake(1000)
    lease: Interval = 300.0
    sweep: Sweep = Sweep()


class FlowPart(Part):
    """One flow."""

    source: StreamName = Field(alias="from")
    destination: StreamName = Field(alias="to")
    mapping: str
    answers: str | None = None
    id: FlowId | None = None
    moved_from: list[FlowId] = []
    enabled: bool = True
    where: dict[str, Any] = {}
    every: Interval | None = None
    start: StartValue | None = None
    overlap: Duration | None = None
    concurrency: int | None = Field(default=None, ge=1, le=64)
    brake: BrakeValue | None = None
    lease: Interval | None = None
    sweep: SweepOfFlow = SweepOfFlow()


class Retry(Part):
    """How often and how long one record, or a connection that is down, is tried again."""

    first: Interval = 30.0
    longest: Interval = 3600.0
    attempts: int = Field(default=12, ge=1)
    conflicts: int = Field(default=5, ge=1)
    conflict: Interval = 1.0
    outage: Interval = 30.0
    outage_longest: Interval = 300.0
    auth: Interval = 300.0
    limited: Interval = 60.0
    misconfigured: Interval = 60.0


class Keep(Part):
    """How long stored records and audit entries stay. Rows, lines and links are never removed."""

    delivered_records: Duration = 7 * 86400.0
    parked: Duration = 90 * 86400.0
    audit: Duration = 400 * 86400.0


class Daemon(Part):
    """Timings of `connector run` itself."""

    stop_grace: Interval = 25.0
    jitter: Duration = 2.0
    nightly_at: TimeOfDay = (2, 30)
    prune_every: Interval = 3600.0


class Web(Part):
    """Where /healthz, /readyz and /metrics answer."""

    listen: Listen = listen("127.0.0.1:8080")


class Log(Part):
    """How events are written."""

    format: Literal["auto", "json", "text"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class File(Part):
    """The whole of config.yaml."""

    connections: dict[ConnectionName, dict[str, Any]]
    store: str
    flows: dict[FlowId, FlowPart]
    defaults: Defaults = Defaults()
    retry: Retry = Retry()
    keep: Keep = Keep()
    daemon: Daemon = Daemon()
    web: Web = Web()
    log: Log = Log()
