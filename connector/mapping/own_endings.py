"""In a mapping's own tests: lines that were sent before (`had`), and what becomes of those that end (`ends`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connector.document import did_you_mean
from connector.errors import Fault
from connector.mapping.draft import Draft, Path
from connector.mapping.spec import Ending, LineSpec, Mapped

HAD = ("line", "key")
ENDS = ("line", "key", "how", "fields", "delete_if")
HOW = {"undo": "restore", "leave": "leave", "write": "write", "delete": "delete", "choose": "choose"}
"""How a line ends, in the words of a test."""


def lint_ends(draft: Draft, path: Path, test: Mapping[str, Any], specs: Sequence[LineSpec]) -> None:
    """Faults in `had` and `ends` themselves."""
    known = [spec.id for spec in specs]
    for name, keys in (("had", HAD), ("ends", ENDS)):
        for at, written in enumerate(draft.sequence((*path, name), test.get(name), name)):
            here = (*path, name, at)
            entry = draft.keys(here, written, keys, (), "a line that was sent" if name == "had" else "an end")
            line = entry.get("line", "main")
            if line not in known:
                draft.fault((*here, "line"), None, f"no line is called '{line}'", did_you_mean(str(line), known))
            if "how" in entry:
                draft.one_of((*here, "how"), entry["how"], HOW.values(), "end")
    if "ends" in test and "had" not in test:
        draft.fault((*path, "ends"), None, "'ends' needs 'had'", "had: [{line: main, key: P1}]", key=True)


def ends_of(
    test: Mapping[str, Any], mapped: Mapped, specs: Sequence[LineSpec], ending: Callable[[str, str], Ending | None]
) -> dict[tuple[str, str], Ending]:
    """What becomes of the lines that were sent before and that the record asks for no longer."""
    asked = {(line.spec.id, line.key) for line in mapped.lines}
    ends = {spec.id: spec.ends for spec in specs}
    found = {}
    for entry in test.get("had") or ():
        name = (str(entry.get("line", "main")), str(entry.get("key", "")))
        kind = ends.get(name[0], "")
        counts = kind not in ("", "leave") if mapped.care else name[0] == "main" and kind in ("undo", "leave")
        if name not in asked and counts and (made := ending(*name)) is not None:
            found[name] = made
    return found


def compare_ends(
    found: Mapping[tuple[str, str], Ending],
    written: Sequence[Any],
    path: Path,
    fault: Callable[[Path, str], Fault],
    equal: Callable[[Any, Any], bool],
) -> list[Fault]:
    """Expected ends are all of them, in any order."""
    failures, left = [], dict(found)
    for at, entry in enumerate(written):
        here = (*path, at)
        name = (str(entry.get("line", "main")), str(entry.get("key", "")))
        ended = left.pop(name, None)
        said = " ".join(filter(None, name))
        if ended is None:
            failures.append(fault(here, f"expected line '{said}' to end; it does not"))
            continue
        if "how" in entry and entry["how"] != HOW[ended.kind]:
            failures.append(fault((*here, "how"), f"line '{said}': expected {entry['how']}, got {HOW[ended.kind]}"))
        for part, given in (("fields", ended.fields), ("delete_if", ended.only_if or {})):
            for field, wanted in (entry.get(part) or {}).items():
                if field not in given or not equal(wanted, given[field]):
                    failures.append(
                        fault((*here, part, field), f"{field}: expected {wanted!r}, got {given.get(field)!r}")
                    )
    for name, made in left.items():
        failures.append(fault(path, f"line '{' '.join(filter(None, name))}' ends by {HOW[made.kind]} too"))
    return failures
