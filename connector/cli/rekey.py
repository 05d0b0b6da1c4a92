"""`connector rekey`: stored records under the configured key, now."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime

import click

from connector.cli.root import Session, by, with_config
from connector.cli.table import plural

_PAUSE = 0.01
"""Seconds in which the ledger is left to others, after each step."""


@click.command()
@click.option("--lost", is_flag=True, help="Forget records whose key is lost; what is needed of them is fetched again.")
@with_config
def command(session: Session, lost: bool) -> int:
    """Bring stored records under the key in keep.encrypt, or under none if there is no key, without waiting for the daemon.

    It works beside a running daemon that has the same configuration, in small steps; cut off, it goes on the next time. The
    daemon changes keys by itself; this command says when an old one is no longer needed, and once encryption was turned on,
    it writes the ledger anew, so that nothing readable is left in its unused space.

    \b
    Example:
      connector rekey
    """
    config = session.load()
    from connector.store import open_store

    store = open_store(config.store, base=config.folder, keys=replace(config.record_keys, lost=lost))
    try:
        now, pause = datetime.now(UTC), threading.Event()
        done = store.rekey(now, go_on=lambda: not pause.wait(_PAUSE))
        if done.records or done.forgotten or done.retired:
            store.audit("rekey", now, by=by(), records=str(done.records), forgotten=str(done.forgotten))
        extent = store.extent()
        clean = store.compact() if extent.remnants else True
    finally:
        store.close()
    how = "all are encrypted with the configured key" if extent.encrypted else "none is encrypted"
    click.echo(f"{plural(done.records, 'stored record')} changed; {how}")
    if done.forgotten:
        click.echo(f"{plural(done.forgotten, 'stored record')} forgotten: no key opens them")
    if not clean:
        click.echo("another process reads the ledger: copies may be left in unused space; run it again to clear them")
    click.echo("no other key is needed any more: keep.encrypt.old_keys may be empty")
    return 0 if clean else 1
