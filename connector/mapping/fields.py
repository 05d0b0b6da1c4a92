"""The fields of one line: text, template, `from` with `map`, `ref`, `choice`, `file`, and when each is written."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast, get_args

from connector.document import did_you_mean
from connector.files import TYPES
from connector.mapping.draft import Draft, Path
from connector.mapping.emit import Emitter
from connector.mapping.expressions import has_braces
from connector.mapping.spec import WritePolicy
from connector.mapping.values import text

_WAYS = {
    "from": ("from", "map", "otherwise"),
    "ref": ("ref", "name"),
    "choice": ("choice",),
    "file": ("file", "types", "largest"),
}
_ALWAYS = ("write", "required", "omit")
_SIZE = re.compile(r"(\d{1,9})(KB|MB)?\Z")
_UNITS = {None: 1, "KB": 1_000, "MB": 1_000_000}
LARGEST_FILE = 100_000_000
"""Bytes: a file is held in memory while it is sent."""
POLICIES = cast("tuple[WritePolicy, ...]", get_args(WritePolicy))


@dataclass(slots=True)
class Fields:
    """The fields of one line while they are compiled. `stream` is what its lengths are asked of."""

    draft: Draft
    emitter: Emitter
    stream: str
    policy: WritePolicy = "always"
    policies: dict[str, WritePolicy] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def compile(self, path: Path, given: Any) -> ast.expr:
        """An expression that makes all values of the line at once."""
        keys: list[ast.expr | None] = []
        values: list[ast.expr] = []
        with self.emitter.known.in_order() as certain:
            for name, written in self.draft.names(path, given, "fields").items():
                here = (*path, name)
                self.policies[name] = self.policy
                certain(not isinstance(written, dict) or "omit" not in written)
                if not isinstance(written, dict):
                    value, omit = self._plain(here, name, written), None
                else:
                    value, omit = self._full(here, name, written)
                if omit is None:
                    keys.append(ast.Constant(name))
                    values.append(value)
                else:  # {**({} if omit else {name: value})}: what is left alone is not even worked out
                    keys.append(None)
                    values.append(ast.IfExp(omit, ast.Dict([], []), ast.Dict([ast.Constant(name)], [value])))
        return ast.Dict(keys, values)

    def _plain(self, path: Path, name: str, written: Any) -> ast.expr:
        if isinstance(written, list):
            remedy = 'write text, "{{ … }}" or {from: …}'
            self.draft.fault(path, None, "a field is text or an object, not a list", remedy)
            return ast.Constant(None)
        length = self.draft.lengths(self.stream, name)
        return self.emitter.value(self.draft.spot(path, name, length), written)

    def _full(self, path: Path, name: str, written: dict[str, Any]) -> tuple[ast.expr, ast.expr | None]:
        draft, emitter = self.draft, self.emitter
        ways = [way for way in _WAYS if way in written]
        known = [each for way in ways or _WAYS for each in _WAYS[way]]
        draft.keys(path, written, [*known, *_ALWAYS], (), "a field")
        if "write" in written:
            policy = draft.one_of((*path, "write"), written["write"], POLICIES, "write policy")
            self.policies[name] = cast("WritePolicy", policy)
        value: ast.expr = ast.Constant(None)
        if len(ways) != 1:
            draft.fault(path, None, "a field has one of from, ref, choice or file", "keep one of them", key=True)
        elif ways[0] == "from":
            value = self._from(path, name, written)
        elif ways[0] == "ref":
            value = self._ref(path, name, written)
        elif ways[0] == "file":
            value = self._file(path, name, written)
        else:
            spot = draft.spot((*path, "choice"), name)
            value = emitter.call("ref", ast.Constant("choice"), emitter.value(spot, written["choice"]))
        if "required" in written and draft.flag((*path, "required"), written["required"], "required"):
            self.required.add(name)
            way = next((each for each in ("from", "file") if each in written), "")
            emitter.spot = draft.spot((*path, way) if way else path, name)
            value = emitter.call("need", value)
        omit = None
        if "omit" in written:
            omit = emitter.lone(draft.spot((*path, "omit"), name), written["omit"], "omit")
        return value, omit

    def _ref(self, path: Path, name: str, written: dict[str, Any]) -> ast.expr:
        draft, emitter = self.draft, self.emitter
        kind = draft.text((*path, "ref"), written["ref"], "ref")
        if has_braces(kind) or not kind:
            draft.fault((*path, "ref"), None, "ref is the kind of object, without braces", "{ref: queue, name: …}")
        if "name" not in written:
            draft.fault(path, None, "ref needs 'name'", "{ref: queue, name: Returns}", key=True)
        spot = draft.spot((*path, "name"), name)
        return emitter.call("ref", ast.Constant(kind), emitter.value(spot, written.get("name")))

    def _file(self, path: Path, name: str, written: dict[str, Any]) -> ast.expr:
        """A file by URL or as base64: of which types, and how large it may be, is said here and nowhere else."""
        draft, emitter = self.draft, self.emitter
        self.files.add(name)
        if self.policies[name] not in ("once", "on-create"):
            remedy = "write: once (another URL later parks), or write: on-create (it is left alone)"
            draft.fault(path, None, "a file is sent one time", remedy, key=True)
        types = draft.sequence((*path, "types"), written.get("types"), "types")
        if not types:
            draft.fault(path, None, "a file needs 'types'", "types: [application/pdf, image/jpeg]", key=True)
        for at, each in enumerate(types):
            if each not in TYPES:
                message = f"unknown type of file '{each}'"
                draft.fault((*path, "types", at), None, message, did_you_mean(str(each), TYPES))
        if isinstance(written["file"], (dict, list)) or written["file"] is None:
            draft.fault((*path, "file"), None, "file is a template that gives a URL or base64")
            return ast.Constant(None)
        spot = draft.spot((*path, "file"), name)
        value, known = emitter.value(spot, written["file"]), draft.module.constant(tuple(map(str, types)))
        emitter.spot = spot
        return emitter.call("file", value, known, ast.Constant(self._largest(path, written)))

    def _largest(self, path: Path, written: dict[str, Any]) -> int:
        """In bytes."""
        if "largest" not in written:
            self.draft.fault(path, None, "a file needs 'largest'", "largest: 10MB", key=True)
            return 0
        match = _SIZE.match(str(written["largest"]))
        size = int(match[1]) * _UNITS[match[2]] if match else 0
        if not 0 < size <= LARGEST_FILE:
            remedy = f"write 500KB or 10MB, at most {LARGEST_FILE // 1_000_000}MB"
            self.draft.fault((*path, "largest"), None, f"'{written['largest']}' is no size of a file", remedy)
        return size

    def _from(self, path: Path, name: str, written: dict[str, Any]) -> ast.expr:
        draft, emitter = self.draft, self.emitter
        spot = draft.spot((*path, "from"), name, draft.lengths(self.stream, name))
        if isinstance(written["from"], (dict, list)):
            draft.fault((*path, "from"), None, "from is text or a template")
            return ast.Constant(None)
        value = emitter.value(spot, written["from"])
        if "map" not in written:
            if "otherwise" in written:
                remedy = "add `map`, or use the filter default"
                draft.fault((*path, "otherwise"), None, "'otherwise' needs 'map'", remedy, key=True)
            return value
        table = self._table((*path, "map"), written["map"])
        raw, said = emitter.known.temporary(), emitter.known.temporary()
        emitter.spot = spot
        asked = emitter.call("said", ast.NamedExpr(ast.Name(raw, ast.Store()), value))
        listed = ast.Compare(
            ast.NamedExpr(ast.Name(said, ast.Store()), asked), [ast.In()], [draft.module.constant(table)]
        )
        found = ast.Subscript(draft.module.constant(table), ast.Name(said, ast.Load()), ast.Load())
        park = emitter.call("park", ast.Name(raw, ast.Load()))
        return ast.IfExp(listed, found, self._otherwise(path, name, written, said, park))

    def _otherwise(self, path: Path, name: str, written: dict[str, Any], said: str, park: ast.expr) -> ast.expr:
        if "otherwise" not in written:
            null = ast.Compare(ast.Name(said, ast.Load()), [ast.Is()], [ast.Constant(None)])
            return ast.IfExp(null, ast.Constant(None), park)
        otherwise = written["otherwise"]
        if otherwise == "park":
            return park
        if isinstance(otherwise, (dict, list)):
            self.draft.fault((*path, "otherwise"), None, "otherwise is a value, a template, or park")
            return park
        spot = self.draft.spot((*path, "otherwise"), name, self.draft.lengths(self.stream, name))
        return self.emitter.known.perhaps(partial(self.emitter.value, spot), otherwise)

    def _table(self, path: Path, given: Any) -> dict[str, Any]:
        table = self.draft.names(path, given, "map")
        if not table:
            self.draft.fault(path, None, "map is empty", "{DAMAGED: Damaged}")
        for key, value in table.items():
            if isinstance(value, (dict, list)) or has_braces(text(value)) or has_braces(key):
                self.draft.fault((*path, key), None, "a value of map stands without braces", "use routes")
        return dict(table)
