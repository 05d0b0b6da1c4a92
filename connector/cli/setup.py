"""`connector setup`: the files with which an administrator prepares the remote systems, written from the mappings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector.cli.check import uses_of
from connector.cli.root import Session, with_config
from connector.cli.table import plural

if TYPE_CHECKING:
    from connector.config.attributes import Attributes
    from connector.config.uses import Uses
    from connector.model import Setup

FOLDER, DECLARED = "setup", "attributes.yaml"


@click.command()
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Folder that gets one folder for each connection (default: setup, beside the configuration).")  # fmt: skip
@click.option("--attributes", "named", type=click.Path(dir_okay=False, exists=True), metavar="FILE",
              help="Types and labels of the fields (default: attributes.yaml in the folder setup).")  # fmt: skip
@click.option("--check", "only_look", is_flag=True, help="Write nothing; 1 if the folder is not up to date.")
@with_config
def command(session: Session, output: Path | None, named: str | None, only_look: bool) -> int:
    """Write what an administrator must set up in the remote systems, as files that their own tools take.

    For Salesforce: fields, queues and permission sets in source format. For B2C Commerce: attributes and object types as
    import XML, and the OCAPI permissions as JSON. Everything is taken from the configured flows; the network is not
    touched, no secret is written, and nothing is ever deleted. Each folder has a README.md with the steps that remain.

    \b
    Example:
      connector setup
      connector setup --check
    """
    from connector.adapter import SetsUp
    from connector.config import SystemClock

    config, clock = session.load(), SystemClock()
    attributes = _attributes(config.folder, named)
    target = output or config.folder / FOLDER
    adapters = {name: connection.open(clock) for name, connection in config.connections.items()}
    try:
        uses = uses_of(config, adapters)
        made = {
            name: adapter.setup(uses.of(name), attributes.of(config.connections[name].kind))
            for name, adapter in adapters.items()
            if isinstance(adapter, SetsUp)
        }
    finally:
        for adapter in adapters.values():
            adapter.close()
    _refuse([(config.connections[name].kind, setup) for name, setup in made.items()], attributes)
    stale = False
    for name in adapters:
        if name in made:
            stale |= _write(name, made[name], target / name, only_look=only_look)
            _tell_guesses(name, made[name], uses)
        else:
            click.echo(f"{name}: nothing to set up")
    if stale and only_look:
        click.echo("not up to date: run connector setup")
    return 1 if stale and only_look else 0


def _attributes(folder: Path, named: str | None) -> Attributes:
    """What is declared; nothing where nobody named a file and the usual one is not there."""
    from connector.config.attributes import Attributes, load_attributes
    from connector.document import Document

    usual = folder / FOLDER / DECLARED
    if named is None and not usual.exists():
        return Attributes(Document(str(usual)), {})
    return load_attributes(named or str(usual))


def _refuse(made: list[tuple[str, Setup]], attributes: Attributes) -> None:
    """ConfigFault for every declaration that its system cannot have."""
    from connector.errors import ConfigFault, Fault

    faults = [
        Fault(attributes.place(kind, each.stream, each.field), f"{each.field}: {each.message}", each.remedy)
        for kind, setup in made
        for each in setup.problems
    ]
    if faults:
        raise ConfigFault(faults)


def _write(name: str, setup: Setup, folder: Path, *, only_look: bool) -> bool:
    """Write what differs, and say it. True if something differed."""
    states: dict[str, list[str]] = {"new": [], "changed": [], "unchanged": []}
    for path, text in sorted(setup.files.items()):
        file = folder / path
        state = "new" if not file.exists() else "unchanged" if file.read_bytes() == text.encode() else "changed"
        states[state].append(path)
        if state != "unchanged" and not only_look:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
    counted = ", ".join(f"{len(paths)} {state}" for state, paths in states.items() if paths)
    click.echo(f"{name}: {folder}: {plural(len(setup.files), 'file')}, {counted}")
    for state in ("new", "changed"):
        for path in states[state]:
            click.echo(f"  {state:<7}  {path}")
    here = {str(each.relative_to(folder).as_posix()) for each in folder.rglob("*") if each.is_file()}
    for path in sorted(here - setup.files.keys()):
        click.echo(f"  not ours {path}: no flow asks for it, or somebody put it there")
    return bool(states["new"] or states["changed"])


def _tell_guesses(name: str, setup: Setup, uses: Uses) -> None:
    for (stream, field), kind in sorted(setup.guessed.items()):
        click.echo(f"  guessed  {stream} {field}: {kind}, from what the mappings write: check it, or declare the field")
        for place in uses.places(name, stream, field):
            click.echo(f"             {place}")
