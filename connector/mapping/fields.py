"""The fields of one line: text, template, `from` with `map`, `ref`, `choice`, and when each is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from connector.mapping.draft import Draft, Path
from connector.mapping.emit import Emitter
from connector.mapping.expressions import has_braces
from connector.mapping.spec import WritePolicy
from connector.mapping.values import text

_WAYS = {
    "from": ("from", "map", "otherwise"),
    "ref": ("ref", "name"),
    "choice": ("choice",),
}
_ALWAYS = ("write", "required", "omit")
_LATER = ("file", "types", "largest")
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

    def compile(self, path: Path, given: Any) -> ast.expr:
        """An expression that makes all values of the line at once."""
        keys: list[ast.expr | None] = []
        values: list[ast.expr] = []
        for name, written in self.draft.names(path, given, "fields").items():
            here = (*path, name)
            self.policies[name] = self.policy
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
        draft.keys(path, written, [*known, *_ALWAYS], _LATER, "a field")
        if "write" in written:
            policy = draft.one_of((*path, "write"), written["write"], POLICIES, "write policy")
            self.policies[name] = cast("WritePolicy", policy)
        value: ast.expr = ast.Constant(None)
        if len(ways) != 1:
            if not set(_LATER) & set(written):
                draft.fault(path, None, "a field has one of from, ref or choice", "keep one of them", key=True)
        elif ways[0] == "from":
            value = self._from(path, name, written)
        elif ways[0] == "ref":
            value = self._ref(path, name, written)
        else:
            spot = draft.spot((*path, "choice"), name)
            value = emitter.call("ref", ast.Constant("choice"), emitter.value(spot, written["choice"]))
        if "required" in written and draft.flag((*path, "required"), written["required"], "required"):
            self.required.add(name)
            emitter.spot = draft.spot((*path, "from") if "from" in written else path, name)
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
        raw, said = emitter.temporary(), emitter.temporary()
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
        length = self.draft.lengths(self.stream, name)
        return self.emitter.value(self.draft.spot((*path, "otherwise"), name, length), otherwise)

    def _table(self, path: Path, given: Any) -> dict[str, Any]:
        table = self.draft.names(path, given, "map")
        if not table:
            self.draft.fault(path, None, "map is empty", "{DAMAGED: Damaged}")
        for key, value in table.items():
            if isinstance(value, (dict, list)) or has_braces(text(value)) or has_braces(key):
                self.draft.fault((*path, key), None, "a value of map stands without braces", "use routes")
        return dict(table)
