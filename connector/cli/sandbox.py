"""`connector sandbox`: the simulated systems, in the foreground."""

from __future__ import annotations

import click


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.option("--options", "listed", is_flag=True, help="List the options of the sandbox and end.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF THE SANDBOX]")
def command(listed: bool, arguments: tuple[str, ...]) -> int:
    """Start the simulated shop and case system on this machine, until Ctrl-C or SIGTERM.

    Prints one JSON line with the URLs of shop, case system and control API. Sign in with client id `bench` and secret
    `secret`. docs/sandbox.md lists data, faults and control verbs.

    \b
    Example:
      connector sandbox --orders 200 --agents
      connector sandbox --options
    """
    from connector.sandbox.__main__ import main

    try:
        return main(["--help"] if listed else list(arguments))
    except SystemExit as ended:  # argparse ends by itself; its codes are ours: 0 and 2
        return ended.code if isinstance(ended.code, int) else 2
