"""The text of a first config.yaml: chosen flows, their systems, comments, and every secret a reference to the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.adapter import Adapter, Limited, NoStream
from connector.cli.shipped import Shipped

if TYPE_CHECKING:
    from connector.document import Document

SCHEMA = Path("schemas") / "config.schema.json"
PLACEHOLDERS = {"SFCC_URL": "https://shop.example.com", "SALESFORCE_URL": "https://cases.example.com"}
"""What stands for variables that are not set, while the text is tried; `-` for the others."""
_CONNECTIONS = {
    "ocapi": """\
  shop:                                       # docs/adapters/sfcc.md
    adapter: sfcc
    url: ${SFCC_URL}                          # https://<realm>-<instance>.dx.commercecloud.salesforce.com
    site: {site}
    client_id: ${SFCC_CLIENT_ID}              # an API client of Account Manager made for OCAPI
    client_secret: ${SFCC_CLIENT_SECRET}      # or ${file:/run/secrets/sfcc}
""",
    "scapi": """\
  shop:                                       # docs/adapters/sfcc-scapi.md
    adapter: sfcc
    api: scapi
    url: ${SFCC_URL}                          # https://<short code>.api.commercecloud.salesforce.com
    organization: {organization}
    site: {site}
    client_id: ${SFCC_CLIENT_ID}              # an API client of Account Manager made for SCAPI
    client_secret: ${SFCC_CLIENT_SECRET}      # or ${file:/run/secrets/sfcc}
""",
    "salesforce": """\
  service:                                    # docs/adapters/salesforce.md
    adapter: salesforce
    url: ${SALESFORCE_URL}                    # https://<my-domain>.my.salesforce.com
    auth:
      grant: client_credentials
      client_id: ${SALESFORCE_CLIENT_ID}
      client_secret: ${SALESFORCE_CLIENT_SECRET}
    key_field: Commerce_Key__c                # unique External ID field of Case: it carries our key
""",
}
"""What stands under connections, by the API of the shop and by case system."""
CASES = tuple(name for name in _CONNECTIONS if name not in ("ocapi", "scapi"))


@dataclass(frozen=True, slots=True)
class Wish:
    """What was chosen."""

    flows: Sequence[Shipped]
    api: str
    cases: str
    site: str
    start: str
    organization: str = ""
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Flow → what it says beside its header, for what the API cannot."""
    files: Sequence[str] | None = None
    """Hosts that files are fetched from; None where no flow asks for files."""
    scopes: Sequence[str] = ()
    """What the shop's client needs, where the default is not enough."""


def text(wish: Wish, target: Path, mappings: Path) -> str:
    """The whole file. `mappings`: the folder that holds the shipped mappings of all case systems."""
    schema = mappings.parent / SCHEMA
    head = [f"# yaml-language-server: $schema={_relative(schema, target)}"] if schema.is_file() else []
    head += [
        "# Made by `connector init`. What is not said here has its default: docs/configuration.md, config.example.yaml.",
        "# ${NAME} is a variable of the environment, ${file:/path} the content of a file; no secret stands in here.",
        "",
        "connections:",
    ]
    shop = _CONNECTIONS[wish.api].replace("{site}", _as_text(wish.site)).replace("{organization}", wish.organization)
    if wish.scopes:
        shop += f"    scopes: [{', '.join(wish.scopes)}]\n"
    cases = _CONNECTIONS[wish.cases]
    if wish.files is not None:
        comment = (
            ""
            if wish.files
            else "                               # name them: until then a record that brings a file parks"
        )
        cases += (
            "    files:                                    # where files come from: https, never a private address\n"
        )
        cases += f"      hosts: {json.dumps(list(wish.files))}{comment}\n"
    store = "store: sqlite:///ledger.db                    # three slashes: beside this file; four: absolute"
    parts = [*head, shop, cases, store, "", "flows:"]
    for flow in wish.flows:
        parts.append(_flow(flow, wish, target))
    return "\n".join(parts).rstrip() + "\n"


def _as_text(value: str) -> str:
    """As YAML reads it as text: a site may be called 123."""
    from connector.document import load

    return value if load("", f"site: {value}").data == {"site": value} else json.dumps(value)


def _flow(flow: Shipped, wish: Wish, target: Path) -> str:
    """One flow, its summary as comment."""
    says = {**flow.says, "mapping": _relative(flow.file, target), **wish.beside.get(flow.name, {})}
    if flow.answers is None and says.get("by") != "state":
        says["start"] = wish.start
    lines = [f"  # {flow.summary}"] if flow.summary else []
    lines.append(f"  {flow.name}:")
    for name, value in says.items():
        said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        comment = "      # a flow without a cursor begins there: now, 7d, beginning" if name == "start" else ""
        lines.append(f"    {name}: {said}{comment}")
    return "\n".join([*lines, ""])


def beside(flow: Shipped, shop: Adapter, document: Document) -> dict[str, Any]:
    """What a flow must say because the shop's API cannot all that its mapping asks for."""
    from connector.mapping.awaited import awaited
    from connector.model import StreamUse

    said: dict[str, Any] = {}
    ends = {"source": str(flow.says["from"]), "destination": str(flow.says["to"])}
    without = []
    for line in document.data.get("also") or []:
        connection, _, stream = str(line.get("to", "")).partition(".")
        if ends.get(connection, connection).partition(".")[0] == "shop":
            try:
                shop.streams[stream]
            except NoStream:
                without.append(line["id"])
            except KeyError:  # `check` says so
                continue
    if without:
        said["without"] = without
    connection, _, stream = ends["source"].partition(".")
    if connection == "shop" and isinstance(shop, Limited) and "where" not in flow.says:
        waits: dict[str, tuple[Any, ...]] = {}
        for one in awaited(document):
            waits[one.field] = (*waits.get(one.field, ()), one.value)
        for problem in shop.limits([StreamUse(stream, awaits=waits)]):
            said |= problem.flow or {}
    return said


def brings_files(document: Document) -> bool:
    """Whether a mapping names a file by URL in any of its lines."""
    lines = [document.data, *(document.data.get("also") or [])]
    return any(
        isinstance(value, dict) and "file" in value for line in lines for value in (line.get("fields") or {}).values()
    )


def idle(document: Document, said: Mapping[str, Any]) -> bool:
    """Whether nothing of a mapping is left without the lines that the API cannot do."""
    lines = {line["id"] for line in document.data.get("also") or []}
    return "fields" not in document.data and lines <= set(said.get("without", ()))


def scopes(flow: Shipped, shop: Adapter, document: Document) -> list[str]:
    """Scopes that the flow needs and that the connection does not ask for by itself."""
    from connector.model import StreamUse

    if not isinstance(shop, Limited):
        return []
    data, ends = document.data, {"source": str(flow.says["from"]), "destination": str(flow.says["to"])}
    named = [
        (ends["source"], False),
        *((str(each.get("stream")), False) for each in (data.get("lookups") or {}).values()),
    ]
    named += [(ends["destination"], True)] if "fields" in data else []
    named += [(str(line.get("to", "")), True) for line in data.get("also") or []]
    found: dict[str, None] = {}
    for text, writes in named:
        connection, _, stream = text.partition(".")
        if ends.get(connection, connection).partition(".")[0] == "shop":
            use = StreamUse(stream, writes=frozenset({"update"}) if writes else frozenset())
            found |= {str(each.value): None for each in shop.limits([use]) if each.setting == "scopes"}
    return list(found)


def _relative(path: Path, target: Path) -> str:
    return Path(os.path.relpath(path, target.resolve().parent)).as_posix()
