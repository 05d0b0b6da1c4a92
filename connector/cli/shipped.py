"""The shipped flows, as the mappings themselves say them: `# Flow:` at the head of each, and `# Answered:` for the way back.

So a new mapping is offered by itself. A flow's name begins its keys and lives for ever: it is what the mapping that answers calls
it, else what NAMES says, else the name of the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

import connector
from connector.document import load

NAMES = {
    "order-exception-to-case": "orders-to-cases",
    "case-to-order-review": "cases-to-reviews",
    "case-to-warranty": "cases-to-warranty",
    "comment-to-note": "comments-to-returns",
    "file-to-document": "files-to-returns",
    "case-to-checkout-problem": "cases-to-checkouts",
    "case-to-order-change": "cases-to-changes",
    "order-change-straight": "changes-straight",
    "order-change-result-to-case": "changes-done-to-cases",
    "waiting-case-to-escalation": "declined-payments-in-time",
    "idle-case-to-queue": "idle-cases",
    "double-claim-to-comment": "double-claims",
}
"""Names of flows that neither a header nor the file's name tells, as in config.example.yaml."""
_HEAD = re.compile(r"^# Flow:\s*(\{.*)$", re.MULTILINE)
_ANSWERED = re.compile(r"^# Answered:(.*(?:\n#  .*)*)", re.MULTILINE)
_FILE = re.compile(r"([\w-]+)\.yaml")
_ORDER = ("from", "to", "mapping", "answers")


@dataclass(frozen=True, slots=True)
class Shipped:
    """One flow: its mapping's file and summary, what the header says of it, and the flows that belong to it."""

    name: str
    file: Path
    summary: str
    says: Mapping[str, Any] = field(default_factory=dict)
    back: tuple[str, ...] = ()

    @property
    def answers(self) -> str | None:
        return self.says.get("answers")


def folders(given: str | None, config: str) -> Mapping[str, Path]:
    """The folders of shipped mappings by case system: as given, or below `mappings` here, beside the configuration or the
    package."""
    places = (
        [Path(given)]
        if given
        else [
            folder / "mappings"
            for folder in (Path(), Path(config).parent, Path(connector.__file__).resolve().parent.parent)
        ]
    )
    for place in places:
        found = {each.name: each.resolve() for each in sorted(place.glob("*")) if any(each.glob("*.yaml"))}
        if found:
            return found
    looked = " or ".join(str(place) for place in dict.fromkeys(places))
    raise click.UsageError(f"there are no mappings in {looked}; name the folder that holds them with --mappings")


def shipped(folder: Path) -> dict[str, Shipped]:
    """The flows of one case system by name, those that begin a way first."""
    heads = {file.stem: _head(file) for file in sorted(folder.glob("*.yaml"))}
    heads = {stem: head for stem, head in heads.items() if head.says}
    backs = {stem: [each for each in head.back if each in heads] for stem, head in heads.items()}
    names = {stem: _name(stem, backs[stem], heads) for stem in heads}
    made = {
        names[stem]: replace(head, name=names[stem], back=tuple(names[each] for each in backs[stem]))
        for stem, head in heads.items()
    }
    for one in list(made.values()):
        if one.answers in made and one.name not in made[one.answers].back:
            of = made[one.answers]
            made[of.name] = replace(of, back=(*of.back, one.name))
    return dict(sorted(made.items(), key=lambda each: (each[0] in _behind(made), each[0])))


def choices(flows: Mapping[str, Shipped]) -> list[Shipped]:
    """What a person chooses from: flows that belong to no other."""
    return [one for one in flows.values() if one.name not in _behind(flows)]


def chosen(flows: Mapping[str, Shipped], names: list[str]) -> list[Shipped]:
    """These flows, each with those that belong to it."""
    wanted: dict[str, None] = {}
    for name in names:
        wanted |= dict.fromkeys((name, *flows[name].back))
    return [flows[name] for name in wanted]


def _behind(flows: Mapping[str, Shipped]) -> set[str]:
    return {name for one in flows.values() for name in one.back}


def _name(stem: str, backs: list[str], heads: Mapping[str, Shipped]) -> str:
    told = [heads[each].answers for each in backs]
    return next((name for name in told if name), None) or NAMES.get(stem) or _plural(stem)


def _plural(stem: str) -> str:
    """`cases-to-refunds` of `case-to-refund`."""
    return "-to-".join(part if part.endswith("s") else f"{part}s" for part in stem.split("-to-"))


def _head(file: Path) -> Shipped:
    """What the comments at the head of a mapping say; `says` is empty where they say no flow."""
    text = file.read_text(encoding="utf-8")
    found = _HEAD.search(text)
    flow = _braces(text[found.start(1) :]) if found else ""
    answered = _ANSWERED.search(text)
    summary = load(str(file)).data
    return Shipped(
        file.stem,
        file,
        str(summary.get("summary", "")) if isinstance(summary, dict) else "",
        _read(flow, file) if flow else {},
        tuple(_FILE.findall(answered[1])) if answered else (),
    )


def _braces(text: str) -> str:
    """From the first brace to the one that closes it, comment signs taken away."""
    depth, out = 0, list[str]()
    for line in text.split("\n"):
        for sign in line.removeprefix("#") if out else line:
            out.append(sign)
            depth += (sign == "{") - (sign == "}")
            if not depth:
                return "".join(out)
        out.append(" ")
        if not line.startswith(("#", "{")):
            break
    return ""


def _read(flow: str, file: Path) -> Mapping[str, Any]:
    """The braces as YAML."""
    data = load(str(file), flow).data
    return data if isinstance(data, dict) and set(_ORDER[:3]) <= set(data) else {}
