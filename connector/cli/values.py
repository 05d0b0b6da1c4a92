"""What a stored record is mapped to: values for `explain --values`, worked out from the ledger alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.config import Config
    from connector.flow import Flow
    from connector.mapping.spec import Mapped
    from connector.model import Record, Row
    from connector.store import Store


def mapped(store: Store, row: Row, config: Config) -> Iterator[str]:
    """Every line of a row with its values, as its record is mapped today; or why that cannot be said."""
    flow = _flow(row, config)
    if flow is None or row.state in ("filtered", "foreign"):
        return
    made = _map(store, row, config, flow)
    if isinstance(made, str):
        yield f"  values: {made}"
        return
    if made.filtered:
        yield f"  values: its mapping leaves it out today ({made.filtered})"
    for line in made.lines:
        yield f"  values of {line.spec.id}{' ' + line.key if line.key else ''}:"
        for name, value in (line.values or {}).items():
            yield f"    {name}  {_shown(value)}"


def foreseen(store: Store, rows: Iterable[Row], config: Config) -> Counter[str]:
    """What would become of rows that are tried again, as far as the ledger alone can say, and of how many."""
    found: Counter[str] = Counter()
    for row in rows:
        flow = _flow(row, config)
        if flow is None:
            found[f"flow {row.flow} is not configured: nothing tries it"] += 1
            continue
        made = _map(store, row, config, flow, of=flow.name)
        if isinstance(made, str):
            found[made if made.endswith(_FETCHES) else f"would park again: {made}"] += 1
        elif made.filtered:
            found[f"would be left out: {made.filtered}"] += 1
        else:
            found["can be mapped, and would be sent again"] += 1
    return found


_FETCHES = "fetches what is needed"


def _flow(row: Row, config: Config) -> Flow | None:
    return next((each for each in config.flows.values() if each.id == row.flow), None)


def _map(store: Store, row: Row, config: Config, flow: Flow, *, of: str = "") -> Mapped | str:
    """What a row's record asks for today; or why that cannot be said, or why it parks. `of`: said of many rows at once."""
    from connector.errors import MappingFault

    record, origin = _record(store, row), _origin(store, row, config, flow)
    if record is None or origin is None or flow.mapping.lookups:
        what = (
            "its record is" if record is None else "the record that it answers is" if origin is None else "lookups are"
        )
        key = "KEY" if of else row.key
        return f"{what} not stored; `connector preview {flow.name} --key {key}` {_FETCHES}"
    main = next((line.target for line in row.lines if line.id == "main"), None)
    try:
        return flow.mapping.map(record, origin=origin, entered=not flow.answers and row.entered, main_id=main)
    except MappingFault as fault:
        return str(fault)


def _record(store: Store, row: Row) -> Record | None:
    return store.records([row.id]).get(row.id, (None, None))[0]


def _origin(store: Store, row: Row, config: Config, flow: Flow) -> Record | None:
    """The record that a row answers; any record where none is needed; None where it is not stored."""
    from connector import keys
    from connector.model import Record

    ours = keys.parse(row.our_key or "")
    if flow.answers is not None and (flow.by is not None or flow.of_line is not None):
        return None
    if flow.answers is None or ours is None:
        return Record("", {})
    origin = store.row(config.flows[flow.answers].id, ours.site, ours.record)
    stored = _record(store, origin) if origin is not None else None
    return stored or (None if flow.mapping.uses_origin else Record(ours.record, {}, site=ours.site))


def _shown(value: object) -> str:
    from connector.cli.preview import shown

    return shown(value)
