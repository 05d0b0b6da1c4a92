"""The command `connector`: one command a function, errors in words, exit codes as a promise.

0 all well · 1 something was parked, failed, differs or was not found · 2 our files or the command are wrong · 3 a remote
system could not be reached.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import click

from connector.cli.root import Session, root
from connector.cli.streams import shown_streams

WELL, FAILED, WRONG, UNREACHABLE = 0, 1, 2, 3
_MACHINE = {
    errno.EMFILE: "let this process open more files (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine: find out by whom (lsof)",
    errno.ENOSPC: "free some of that disk",
    errno.EDQUOT: "the quota of that disk is used up: free some of it",
    errno.EROFS: "that disk is read-only: mount it writable, or write elsewhere",
    errno.EIO: "that disk cannot be read or written: look at it (dmesg)",
    errno.ENOMEM: "this machine has no memory left for it",
}
"""Faults of the machine that are no defects, each with its way out."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; never ends in a traceback unless `--debug` is given."""
    with shown_streams():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    session = Session()
    try:
        code = root.main(args=argv, prog_name="connector", standalone_mode=False, obj=session)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return FAILED
    except BrokenPipeError:  # `connector status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WELL
    except Exception as error:
        if session.debug:
            raise
        return _explained(error)
    return code if isinstance(code, int) else WELL


def _explained(error: Exception) -> int:
    """One message with place and remedy on standard error, and the exit code that goes with its class."""
    from connector.errors import Busy, ConfigFault, ConnectionFault, ConnectorError, RemoteError

    if isinstance(error, ConfigFault):
        for fault in error.faults:
            click.echo(str(fault), err=True)
        many = len(error.faults)
        click.echo(f"{many} fault{'s' if many > 1 else ''}; nothing was started", err=True)
        return WRONG
    if isinstance(error, RemoteError):
        click.echo(f"{type(error).__name__}: {error}", err=True)
        if error.remedy:
            click.echo(f"  {error.remedy}", err=True)
        return UNREACHABLE if isinstance(error, ConnectionFault) else FAILED
    if isinstance(error, Busy):
        click.echo(f"busy: {error}", err=True)
        return WRONG
    if isinstance(error, ConnectorError):
        click.echo(str(error), err=True)
        return WRONG
    if isinstance(error, OSError) and error.errno in _MACHINE:
        click.echo(f"this machine: {error}", err=True)
        click.echo(f"  {_MACHINE[error.errno]}", err=True)
        return WRONG
    from connector.secret import said

    click.echo(f"defect: {said(error)}", err=True)
    click.echo(
        "  this should not happen: run it again with --debug before the command and report what it prints", err=True
    )
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
