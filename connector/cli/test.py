"""`connector test`: the tests that stand inside mappings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from connector.cli.root import Session, with_config
from connector.cli.table import plural


@click.command()
@click.argument("mappings", nargs=-1, metavar="[MAPPING…]")
@with_config
def command(session: Session, mappings: tuple[str, ...]) -> int:
    """Run the tests inside mappings: files, or all *.yaml in folders; without arguments the folder `mappings` beside the
    configuration. No configuration, no secrets and no network are needed.

    Exits with 1 when a test fails and with 2 when a mapping itself is faulty.

    \b
    Example:
      connector test
      connector test mappings/salesforce/return-to-case.yaml
    """
    from connector.errors import ConfigFault, Fault
    from connector.mapping.compile import load_mapping
    from connector.mapping.own_tests import run_tests

    faults: list[Fault] = []
    ran = failed = 0
    for file in files_of(mappings or (str(Path(session.path).parent / "mappings"),)):
        try:
            outcomes = run_tests(load_mapping(str(file)))
        except ConfigFault as fault:
            faults += fault.faults
            continue
        ran += len(outcomes)
        bad = [outcome for outcome in outcomes if not outcome.passed]
        failed += len(bad)
        verdict = (
            f"{len(bad)} of {plural(len(outcomes), 'test')} failed"
            if bad
            else plural(len(outcomes), "test") + " passed"
        )
        click.echo(f"{file}: {verdict if outcomes else 'has no tests'}")
        for outcome in bad:
            click.echo(f"  {outcome.name}")
            for failure in outcome.failures:
                click.echo("    " + str(failure).replace("\n", "\n    "))
    if faults:
        raise ConfigFault(faults)
    click.echo(f"{plural(ran, 'test')}, {failed or 'none'} failed")
    return 1 if failed else 0


def files_of(paths: Sequence[str]) -> Iterator[Path]:
    """The files, and every *.yaml below the folders, in order of name."""
    for path in map(Path, paths):
        found = sorted(path.rglob("*.yaml")) if path.is_dir() else [path] if path.is_file() else []
        if not found:
            raise click.UsageError(f"{path}: {'no *.yaml in it' if path.is_dir() else 'no such file or folder'}")
        yield from found
