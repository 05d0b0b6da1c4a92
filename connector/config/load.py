"""config.yaml and the mappings it names, read into a Config, or into every fault that they have, at once.

Nothing here touches the network: `connector check` without `--live` is this and no more.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from connector.adapter import Adapter, Clock, adapter_class, adapter_names
from connector.budget import Limits
from connector.config.clock import SystemClock
from connector.config.faults import faults_of, in_document
from connector.config.flows import build_flows
from connector.config.references import Resolved, resolve
from connector.config.schema import Budget, Daemon, File, Keep, Log, Web
from connector.document import Document, did_you_mean, load
from connector.errors import ConfigFault, Fault
from connector.flow import Flow
from connector.retry import Policy
from connector.secret import RecordKeys


@dataclass(frozen=True, slots=True)
class Connection:
    """One configured remote system, not opened yet. `kind` is the adapter's name."""

    name: str
    adapter: type[Adapter]
    settings: BaseModel
    kind: str = ""
    limits: Limits | None = None
    """Its budget, if one is given."""

    def open(self, clock: Clock) -> Adapter:
        """A new adapter; it touches no network until its first verb. Close it."""
        build: Any = self.adapter
        opened: Adapter = build(self.name, self.settings, clock=clock)
        return opened


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without faults. `store` is the ledger's URL, relative to the folder of `path`."""

    path: Path
    connections: Mapping[str, Connection]
    flows: Mapping[str, Flow]
    store: str
    policy: Policy
    keep: Keep
    daemon: Daemon
    web: Web
    log: Log

    @property
    def limits(self) -> Mapping[str, Limits]:
        """Budgets of the connections that have one."""
        return {name: each.limits for name, each in self.connections.items() if each.limits}

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def record_keys(self) -> RecordKeys:
        """Keys of stored records, for `open_store`."""
        encrypt = self.keep.encrypt
        return RecordKeys(encrypt.key, encrypt.old_keys)


def load_config(
    path: Path | str = "config.yaml",
    *,
    environ: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Config:
    """Read the configuration at `path`. ConfigFault names every fault of it and of its mappings."""
    document = load(str(path))
    faults = list(document.faults)
    if not Path(path).exists():
        way_out = "copy config.example.yaml to begin, or name the file with --config"
        faults = [replace(fault, remedy="; ".join(filter(None, (fault.remedy, way_out)))) for fault in faults]
    if not isinstance(document.data, dict):
        if not faults:
            faults.append(Fault(document.place(()), "no configuration", "begin with connections:, store: and flows:"))
        raise ConfigFault(faults)
    resolved = resolve(document, os.environ if environ is None else environ)
    faults += resolved.faults
    file = _shape(document, resolved, faults)
    connections = _connections(document, resolved, faults)
    named = resolved.data.get("connections")
    flows = build_flows(
        document,
        file,
        connections,
        known=list(named) if isinstance(named, dict) else [],
        now=now or SystemClock().now(),
        clock=SystemClock(),
        faults=faults,
    )
    if faults or file is None:
        raise ConfigFault(_in_order(faults))
    return Config(
        path=Path(path),
        connections=connections,
        flows=flows,
        store=file.store,
        policy=Policy(**file.retry.model_dump()),
        keep=file.keep,
        daemon=file.daemon,
        web=file.web,
        log=file.log,
    )


def _shape(document: Document, resolved: Resolved, faults: list[Fault]) -> File | None:
    """The file by its schema. With faults in it, what is left without the faulty values, so that the rest is read too."""
    try:
        return File.model_validate(resolved.data)
    except ValidationError as error:
        faults += faults_of(error, File, document, resolved)
        left = deepcopy(resolved.data)
        for detail in error.errors(include_url=False):
            _without(left, in_document(detail["loc"], document))
    try:
        return File.model_validate({"connections": {}, "store": "", "flows": {}} | left)
    except ValidationError:
        return None


def _without(data: Any, path: tuple[str | int, ...]) -> None:
    """Take the value at `path` away: one of a wrong form, or one that lacks something required."""
    steps = list(path[:-1] if path[-1:] == ("[key]",) else path)
    for step in steps[:-1]:
        data = data[step]
    if steps and isinstance(data, dict):
        data.pop(steps[-1], None)


def _connections(document: Document, resolved: Resolved, faults: list[Fault]) -> dict[str, Connection]:
    """Every connection whose settings are right."""
    out: dict[str, Connection] = {}
    named = resolved.data.get("connections")
    for name, data in named.items() if isinstance(named, dict) else ():
        if not isinstance(data, dict):  # the schema said so already
            continue
        path = ("connections", name)
        kind = data.get("adapter")
        cls = _adapter(kind) if isinstance(kind, str) else None
        if cls is None:
            if (*path, "adapter") in resolved.unknown:
                continue
            message = f"unknown adapter '{kind}'" if "adapter" in data else "key 'adapter' is missing"
            faults.append(document.fault((*path, "adapter"), message, did_you_mean(str(kind), adapter_names())))
            continue
        insecure = list(_insecure(document, data, path))
        limits = _limits(document, resolved, faults, path, cls) if "budget" in data else None
        try:
            values = {key: value for key, value in data.items() if key not in ("adapter", "budget")}
            settings = cls.Settings.model_validate(values)
        except ValidationError as error:
            found = list(faults_of(error, cls.Settings, document, resolved, path))
            said = {fault.place for fault in found}
            faults += found + [fault for fault in insecure if fault.place not in said]
            continue
        faults += insecure
        out[name] = Connection(name, cls, settings, str(kind), limits)
    return out


def _limits(
    document: Document, resolved: Resolved, faults: list[Fault], path: tuple[str, ...], adapter: type[Adapter]
) -> Limits | None:
    """A connection's budget; its form is the same whatever the adapter."""
    path = (*path, "budget")
    try:
        budget = Budget.model_validate(resolved.data["connections"][path[1]]["budget"])
    except ValidationError as error:
        faults += faults_of(error, Budget, document, resolved, path)
        return None
    if budget.calls_per_day is None and not hasattr(adapter, "usage"):
        message = "this system does not tell how many calls were used, so a reserve alone holds nothing back"
        faults.append(document.fault(path, message, "add calls_per_day, which we count ourselves"))
    return Limits(budget.calls_per_day, budget.reserve)


def _adapter(name: str) -> type[Adapter] | None:
    try:
        return adapter_class(name)
    except KeyError:
        return None


def _insecure(document: Document, data: Mapping[str, Any], path: tuple[str | int, ...]) -> list[Fault]:
    """Plain HTTP is for loopback only: tokens and customers' data must not travel readable."""
    out = []
    for key, value in data.items():
        if isinstance(value, dict):
            out += _insecure(document, value, (*path, key))
        elif isinstance(value, str) and value.lower().startswith("http://"):
            try:
                host = urlsplit(value).hostname
            except ValueError:
                host = None
            if not _loopback(host):
                message = f"{key}: http:// is refused except to this machine"
                out.append(document.fault((*path, key), message, "write https://"))
    return out


def _loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False


def _in_order(faults: list[Fault]) -> list[Fault]:
    """By file as first seen, then line and column; each said once."""
    files = {fault.place.file: at for at, fault in reversed(list(enumerate(faults)))}
    unique = dict.fromkeys(faults)
    return sorted(unique, key=lambda fault: (files[fault.place.file], fault.place.line, fault.place.column))
