"""`each`: a main line for every element of a list, its key the element."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from connector.mapping.draft import Draft
from connector.mapping.scope import RESERVED, Scope

if TYPE_CHECKING:
    from connector.mapping.lines import DraftLine

_KEYS = ("of", "as")


@dataclass(slots=True)
class Each:
    """Generated functions: the elements, the key of one, and `when` where it reads the element (then it chooses among them)."""

    this: str
    loop: str
    key: str
    when: str = ""

    def inside(self, scope: Scope) -> Scope:
        """Where the element is known."""
        return replace(scope, this=self.this)

    def main(self, line: DraftLine) -> DraftLine:
        """The main line, once for each element."""
        line.loop, line.key, line.when = self.loop, self.key, self.when
        return line


def each_of(draft: Draft, data: dict[str, Any], scope: Scope) -> Each | None:
    """What the mapping says of `each`; None where it has none."""
    if "each" not in data:
        return None
    entry = draft.keys(("each",), data["each"], _KEYS, (), "each")
    this = "this"
    if "as" in entry:
        this = draft.text(("each", "as"), entry["as"], "as")
        if not draft.identifier(("each", "as"), this, "an element", (RESERVED | scope.lookups) - {"this"}):
            this = "this"
    if isinstance(data["each"], dict) and "of" not in entry:
        draft.fault(("each",), None, "each needs 'of'", 'each: {of: "{{ c_products | split }}", as: product}', key=True)
    if "key" in data:
        draft.fault(("key",), None, "with `each` the key is the element", "take one of them away", key=True)
    if draft.answers and "target" not in data:
        remedy = "give each element a `target:`, or write lines under also with `for`"
        draft.fault(("each",), None, "every element would write to the one record that is answered", remedy, key=True)
    emitter = draft.emitter(scope)
    elements = emitter.lone(draft.spot(("each", "of")), entry.get("of", False), "of")
    loop = draft.module.function(emitter, emitter.call("each", elements, ast.Name("q", ast.Load())))
    emitter = draft.emitter(replace(scope, this=this))
    emitter.spot = draft.spot(("each", "of"))
    made = emitter.call("key_of", ast.Name("e", ast.Load()), ast.Constant("the element of each"))
    return Each(this, loop, draft.module.function(emitter, made))
