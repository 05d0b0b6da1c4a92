"""Generated functions: what expressions are wrapped in, and the one place where they are compiled and executed.

Every function takes the same arguments: `r` the record's fields, `rec` the record, `L` lookups by name, `o` and `ok`
the origin's fields and key, `t` the route's names, `m` the main line's id, `e` the element, `q` the steps left.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from connector.mapping import values
from connector.mapping.emit import Emitter
from connector.mapping.filters import FILTERS

ARGUMENTS = ("r", "rec", "L", "o", "ok", "t", "m", "e", "q")
FILENAME = "<mapping>"

Work = Callable[..., Any]

_OPERATORS = (
    "add sub mul div floordiv mod neg pos eq ne lt le gt ge contains lacks get index text cat joined each ref file said "
    "need park key_of keys_of origins_of trimmed"
)


def namespace() -> dict[str, Any]:
    """All that generated code can reach: our operators and filters, no builtins."""
    reach: dict[str, Any] = {name: getattr(values, name) for name in _OPERATORS.split()}
    reach |= {f"filter_{name}": known.work for name, known in FILTERS.items()}
    kinds = {kind.__name__: kind for kind in (str, dict, int, float)}
    return reach | kinds | {"__builtins__": {}}


class Module:
    """Collects the functions of one mapping and compiles them together."""

    def __init__(self) -> None:
        self._functions: list[ast.stmt] = []
        self._reach = namespace()

    def constant(self, value: Any) -> ast.expr:
        """A value that is made once and shared by all records."""
        name = f"C{len(self._reach)}"
        self._reach[name] = value
        return ast.Name(name, ast.Load())

    def function(self, emitter: Emitter, body: list[ast.stmt] | ast.expr) -> str:
        """Add a function that first fetches what `emitter` reads, then does `body`; its name."""
        name = f"g{len(self._functions)}"
        statements: list[ast.stmt] = [
            ast.Assign(
                [ast.Name(local, ast.Store())],
                ast.Call(ast.Attribute(ast.Name(owner, ast.Load()), "get", ast.Load()), [ast.Constant(key)], []),
            )
            for (owner, key), local in emitter.hoists.items()
        ]
        statements += [ast.Return(body)] if isinstance(body, ast.expr) else body
        # Parsed rather than built: later versions of Python add fields to a function's node.
        made = ast.parse(f"def {name}({', '.join(ARGUMENTS)}): pass").body[0]
        assert isinstance(made, ast.FunctionDef)
        made.body = statements
        self._functions.append(made)
        return name

    def compiled(self) -> dict[str, Work]:
        """The functions by name. RecursionError for expressions beyond Python's own bounds."""
        module = ast.Module(self._functions, [])
        for node in ast.walk(module):  # what has no site is never where an expression fails
            if isinstance(node, (ast.expr, ast.stmt, ast.arg, ast.keyword)) and not hasattr(node, "lineno"):
                node.lineno = node.end_lineno = 1
                node.col_offset = node.end_col_offset = 0
        reach = dict(self._reach)
        # The tree was built by `emit` out of the nodes that it knows; no text of an author is compiled.
        exec(compile(module, FILENAME, "exec"), reach)  # noqa: S102
        return {each.name: reach[each.name] for each in self._functions if isinstance(each, ast.FunctionDef)}
