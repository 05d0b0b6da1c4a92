"""`connector backup`: a copy of the ledger while the daemon runs."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.root import Session, with_config


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_config
def command(session: Session, file: Path) -> int:
    """Write a copy of the ledger as of one moment, for its owner's eyes only, while the daemon goes on.

    It may be put back whenever you like (docs/operations.md): what happened after it is looked up or read again, and nothing is
    made a second time. It holds the key of the ledger's digests and the stored records: keep it as you keep the ledger.

    \b
    Example:
      connector backup ledger-backup.db
    """
    from connector.cli.status import ledger
    from connector.config import SystemClock

    config = session.load()
    with ledger(config) as store:
        size = store.backup(file, SystemClock().now())
    click.echo(f"{file}: {size:,} bytes; how to put it back: docs/operations.md")
    return 0
