"""The group of all commands. A command's module is loaded only when it is named, so that `--help` is quick."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from connector.config import Config
    from connector.telemetry import Level, Tell

F = TypeVar("F", bound=Callable[..., Any])

COMMANDS = {
    "init": "Write a first config.yaml, from a few questions or from options alone.",
    "run": "Run the daemon: every flow on its schedule, until SIGTERM.",
    "sync": "Make one pass of every flow, or of those named.",
    "check": "Read the configuration and all mappings; --live also asks the remote systems.",
    "setup": "Write what an administrator must set up in the remote systems.",
    "preview": "Show what one record would become, without sending anything.",
    "test": "Run the tests that stand inside mappings.",
    "schema": "Print the JSON Schema of the configuration or of a mapping, for editors.",
    "status": "Show the books of every flow and the health of every connection.",
    "explain": "Say what became of a record, and what to do.",
    "parked": "List, show, retry and drop what waits for a person.",
    "report": "Tell what the ledger knows about the work: how long cases wait in their queues.",
    "remap": "Map settled records anew after a mapping has changed; --dry-run only counts.",
    "rekey": "Bring stored records under the configured key, or under none.",
    "backfill": "Read the records of a window of time, beside the flow's own cursor.",
    "reconcile": "Compare both sides of a flow by key; --apply queues the repairs.",
    "forget": "Erase a customer's record from the ledger, and say what remains elsewhere.",
    "backup": "Write a copy of the ledger while the daemon runs.",
    "sandbox": "Start the simulated shop and case system.",
    "selftest": "Run the daemon under every fault and many kills, and compare both systems and the ledger.",
    "demo": "Show the whole way, with the sandbox and the real daemon.",
}


@dataclass(slots=True)
class Session:
    """What the options before the command said."""

    path: str = "config.yaml"
    debug: bool = False

    def load(self) -> Config:
        """The configuration; ConfigFault names every fault."""
        from connector.config import load_config

        return load_config(self.path)

    def tell(self, config: Config, *, level: Level | None = None) -> Tell:
        """Events of this process, in the form that the configuration asks for."""
        from connector import telemetry

        telemetry.set_up(format=config.log.format, level=level or config.log.level)
        return telemetry.tell


class Commands(click.Group):
    """Finds a command as the object `command` of the module named after it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"connector.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from connector.document import did_you_mean

            raise click.UsageError(f"no command {args[0]!r}; {did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--config", "path", default="config.yaml", envvar="CONNECTOR_CONFIG", show_default=True, show_envvar=True,
              help="The configuration file.")  # fmt: skip
@click.option("--debug", is_flag=True, help="Show the traceback of a defect.")
@click.version_option(package_name="commerce-case-connector", message="%(version)s")
@click.pass_obj
def root(session: Session, path: str, debug: bool) -> None:
    """Turns commerce records that need a person into cases, and carries the decisions back.

    \b
    Exit codes: 0 all well, 1 something was parked, failed, differs or was not found, 2 our files or the command are wrong,
    3 a remote system could not be reached.

    \b
    Example:
      connector check
    """
    session.path, session.debug = path, debug


def with_config(function: F) -> F:
    """`--config` after the command too; the function gets the Session as its first argument."""

    def remember(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.obj.path = value

    option = click.option("--config", expose_value=False, callback=remember, metavar="PATH",
                          help="The configuration file (default: config.yaml).")  # fmt: skip
    return cast("F", option(click.pass_obj(function)))


def by() -> str:
    """Who runs this command, for the audit."""
    return f"uid {os.getuid()}"
