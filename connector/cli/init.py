"""`connector init`: a first config.yaml, from a few questions or from options alone."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connector.cli.root import Session, with_config
from connector.cli.table import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connector.cli.first_config import Wish
    from connector.cli.shipped import Shipped
    from connector.errors import Fault

APIS = ("ocapi", "scapi")
_HOSTS = "Hosts that files are fetched from, with commas, or none yet ({} put files on cases)"
_VARIABLE = re.compile(r": \$\{([A-Z_]+)\}")


@click.command()
@click.option("--flows", "named", metavar="NAME,…", help="Flows by name, or all; what answers them comes along.")
@click.option("--cases", metavar="SYSTEM", help="The case system: a folder of mappings.")
@click.option("--api", type=click.Choice(APIS), help="The API of the shop; each has API clients of its own.")
@click.option("--site", metavar="ID", help="The shop's site id, as in Business Manager.")
@click.option("--organization", metavar="ID", help="With scapi: the organization id, f_ecom_<realm>_<instance>.")
@click.option(
    "--files",
    "hosts",
    metavar="HOST,…",
    help="Hosts that files are fetched from which flows put on cases: media.example.com, *.cdn.example.com.",
)
@click.option(
    "--start",
    default="now",
    show_default=True,
    metavar="WHEN",
    help="Where flows begin: now, 7d, beginning, an instant.",
)
@click.option("--mappings", metavar="PATH", help="The folder of the shipped mappings, if it is not found by itself.")
@click.option(
    "--yes", is_flag=True, help="Ask nothing: what no option says has its default (all flows, ocapi, RefArch)."
)
@with_config
def command(
    session: Session,
    named: str | None,
    cases: str | None,
    api: str | None,
    site: str | None,
    organization: str | None,
    hosts: str | None,
    start: str,
    mappings: str | None,
    yes: bool,
) -> int:
    """Ask which flows, which case system and which API of the shop, and write a config.yaml that `connector check` takes.

    Secrets are never asked for: they stand in the file as references to variables of the environment, and what to set and to
    do next is printed. A file that is there is never written over.

    \b
    Example:
      connector init
      connector init --flows orders-to-cases,returns-to-cases --api scapi --organization f_ecom_zzte_053 --yes
    """
    from connector.cli.first_config import CASES, Wish, text
    from connector.cli.shipped import chosen, folders, shipped

    target = Path(session.path)
    if target.exists():
        raise click.UsageError(f"{target} is there already; name another file with --config, or move it away")
    if not target.parent.is_dir():
        raise click.UsageError(f"there is no folder {target.parent}; make it, or name another file with --config")
    _begins(start)
    places = folders(mappings, session.path)
    systems = [name for name in places if name in CASES]
    cases = cases or (systems[0] if yes or len(systems) == 1 else _asked("case system", systems))
    if cases not in systems:
        raise click.BadParameter(f"{cases!r} is none of {', '.join(systems)}", param_hint="--cases")
    flows = shipped(places[cases])
    api = api or ("ocapi" if yes else _asked("API of the shop", APIS))
    names = _flows(flows, named, yes=yes)
    site = site or ("RefArch" if yes else click.prompt("Site id of the shop", default="RefArch"))
    if api == "scapi" and organization is None:
        if yes:
            raise click.UsageError("--api scapi needs --organization f_ecom_<realm>_<instance>")
        organization = click.prompt("Organization id (f_ecom_<realm>_<instance>)")
    wish = Wish(chosen(flows, names), api, cases, site, start, organization if api == "scapi" and organization else "")
    wish = _with_files(_fitted(wish), hosts, yes=yes)
    made = text(wish, target, places[cases].parent)
    if not yes:
        click.echo(made)
        click.confirm(f"Write {target}?", default=True, abort=True)
    try:
        _tried(made, target)
        with target.open("x", encoding="utf-8") as file:
            file.write(made)
    except OSError as error:
        raise click.UsageError(f"{target} cannot be written: {error.strerror or error}") from error
    _tell(wish, target, made)
    return 0


def _begins(start: str) -> None:
    """What `start` means is asked of the configuration, before anything else is."""
    from connector.config.values import start as read

    try:
        read(start)
    except ValueError as error:
        raise click.UsageError(f"--start: {error}".replace("not a start", f"{start!r} is no start")) from error


def _asked(what: str, known: Sequence[str]) -> str:
    answer: str = click.prompt(f"Which {what}", type=click.Choice(list(known)), default=known[0])
    return answer


def _flows(flows: Mapping[str, Shipped], named: str | None, *, yes: bool) -> list[str]:
    """The names that were chosen, in the order of the choices."""
    from connector.cli.shipped import choices
    from connector.document import did_you_mean

    offered = choices(flows)
    if named is None and not yes:
        for number, one in enumerate(offered, 1):
            back = f"  (with {', '.join(one.back)})" if one.back else ""
            click.echo(f"{number:>3}  {one.name}{back}\n     {one.summary}")
        named = click.prompt("Which flows (numbers or names with commas, or all)", default="all")
    words = [word.strip() for word in ("all" if named is None else named).split(",") if word.strip()]
    if not words:
        raise click.BadParameter("it names no flow; give names with commas, or all", param_hint="--flows")
    if words == ["all"]:
        return [one.name for one in offered]
    names = []
    for word in words:
        name = offered[int(word) - 1].name if word.isdigit() and 0 < int(word) <= len(offered) else word
        if name not in flows:
            raise click.BadParameter(f"no flow {word!r}; {did_you_mean(word, flows)}", param_hint="--flows")
        names.append(name)
    return names


def _fitted(wish: Wish) -> Wish:
    """With what flows must say because the shop's API cannot all that their mappings ask for, and the scopes that they need."""
    from connector.adapter import adapter_class
    from connector.cli.first_config import PLACEHOLDERS, beside, idle, scopes
    from connector.config import SystemClock
    from connector.document import load

    given = {
        "url": PLACEHOLDERS["SFCC_URL"],
        "site": wish.site,
        "client_id": "-",
        "client_secret": "-",
        "api": wish.api,
    }
    kind = adapter_class("sfcc")
    if wish.organization:
        given["organization"] = wish.organization
    try:
        settings = kind.Settings.model_validate(given)
    except ValueError as error:
        raise click.UsageError(_misnamed(given, error)) from error
    shop = kind("shop", settings, clock=SystemClock())  # type: ignore[call-arg]
    try:
        read = [(flow, load(str(flow.file))) for flow in wish.flows]
        found = {flow.name: beside(flow, shop, document) for flow, document in read}
        read = [(flow, document) for flow, document in read if not idle(document, found[flow.name])]
        more = dict.fromkeys(scope for flow, document in read for scope in scopes(flow, shop, document))
    finally:
        shop.close()
    asked = (*getattr(settings, "scopes", ()), *more) if more else ()
    left = {flow.name for flow, _ in read}
    for flow in wish.flows:
        if flow.name not in left:
            click.echo(f"{flow.name} is left out: {wish.api} can do nothing of it")
    if not left:
        raise click.UsageError("no flow is left; choose another one, or another --api")
    said = {name: each for name, each in found.items() if each and name in left}
    return replace(wish, flows=[flow for flow, _ in read], beside=said, scopes=asked)


def _with_files(wish: Wish, hosts: str | None, *, yes: bool) -> Wish:
    """With the hosts that files may come from, where a flow puts files on cases."""
    from connector.adapter import adapter_class
    from connector.cli.first_config import brings_files
    from connector.document import load

    named = [flow.name for flow in wish.flows if brings_files(load(str(flow.file)))]
    if not named and hosts is None:
        return wish
    if hosts is None:
        hosts = "" if yes else click.prompt(_HOSTS.format(", ".join(named)), default="", show_default=False)
    files = adapter_class(wish.cases).Settings.model_fields["files"].annotation
    assert files is not None, "an adapter that takes files says where from"
    words = [word.strip() for word in hosts.split(",") if word.strip()]
    for word in words:
        try:
            files.model_validate({"hosts": [word]})
        except ValueError as error:
            told = f"--files: {word!r} is no host; write media.example.com, *.cdn.example.com or one with a port"
            raise click.UsageError(told) from error
    return replace(wish, files=words)


def _misnamed(given: Mapping[str, str], error: ValueError) -> str:
    """Which option is wrong, and what it may be."""
    names = [str(each["loc"][0]) for each in getattr(error, "errors", list)() if each.get("loc")]
    known = {
        "site": "letters, digits, - and _, at most 32, as in Business Manager",
        "organization": "f_ecom_<realm>_<instance>, as in Business Manager",
    }
    said = [f"--{name}: {given[name]!r} is none; write {known[name]}" for name in names if name in known]
    return "; ".join(said) or str(error)


def _tried(made: str, target: Path) -> None:
    """Read it as `check` will; a fault that is left is ours, that of a mapping, or of a variable. ConfigFault, which names the
    file as it would be written."""
    from connector.cli.first_config import PLACEHOLDERS
    from connector.config import load_config
    from connector.errors import ConfigFault

    trial = target.with_name(f".{target.name}.trial")
    try:
        trial.write_text(made, encoding="utf-8")
        unset = {name: PLACEHOLDERS.get(name, "-") for name in _VARIABLE.findall(made)}
        load_config(trial, environ={**unset, **{name: value for name, value in os.environ.items() if value}})
    except ConfigFault as fault:
        raise ConfigFault([_placed(each, trial, target) for each in fault.faults]) from fault
    finally:
        trial.unlink(missing_ok=True)


def _placed(fault: Fault, trial: Path, target: Path) -> Fault:
    if fault.place.file != str(trial):
        return fault
    return replace(fault, place=replace(fault.place, file=str(target)))


def _tell(wish: Wish, target: Path, made: str) -> None:
    """What was written, and what comes next."""
    click.echo(f"{target}: {plural(len(wish.flows), 'flow')}, shop over {wish.api}, cases in {wish.cases}")
    for name, said in wish.beside.items():
        for key, value in said.items():
            shown = ", ".join(map(str, value)) if isinstance(value, list) else json.dumps(value)
            click.echo(f"  {name}: {key}: {shown}, for what {wish.api} cannot do")
    for flow in wish.flows:
        if flow.says.get("enabled") is False:
            click.echo(f"  {flow.name}: enabled: false, until your team wants it")
    if wish.files is not None and not wish.files:
        click.echo("  files: no host is named, so no file is fetched; name them under files.hosts of service")
    config = "" if str(target) == "config.yaml" else f" --config {target}"
    unset = [name for name in dict.fromkeys(_VARIABLE.findall(made)) if not os.environ.get(name)]
    if unset:
        click.echo(f"next: set {', '.join(unset)} in the environment, then")
    else:
        click.echo("next:")
    for line, why in (
        ("check", "reads it and every mapping"),
        ("setup", "writes what administrators of both systems must set up"),
        ("check --live", "asks the systems whether they are as the files say"),
        ("sync --dry-run", "counts what a first pass would do, and sends nothing"),
        ("run", "is the daemon"),
    ):
        click.echo(f"  connector {line + config:<32}  {why}")
