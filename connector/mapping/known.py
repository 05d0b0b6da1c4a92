"""Values of a generated function that have a name: one that is needed again, and what was looked up before."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

Again = Callable[[], ast.Name]
"""The name once more: a node stands in one place of a tree."""


class Known:
    """What is known by name at the place that is being compiled."""

    def __init__(self) -> None:
        self.looped = 0
        """It stands within so many lists that loops go through."""
        self._certain = False
        self._names: dict[Hashable, str] = {}
        self._looks_up: dict[ast.expr, Hashable] = {}
        self._count = 0

    def temporary(self) -> str:
        """A fresh name."""
        self._count += 1
        return f"v{self._count}"

    @contextmanager
    def in_order(self) -> Iterator[Callable[[bool], None]]:
        """Values that are worked out one after the other: what two of them look up is looked up once. Yields what says whether
        the next one is worked out in any case."""
        self._names.clear()

        def certain(is_so: bool) -> None:
            self._certain = is_so

        yield certain
        self._certain = False
        self._names.clear()

    def perhaps(self, make: Callable[[Any], ast.expr], node: Any) -> ast.expr:
        """What stands in a branch or in a loop, and may not be worked out."""
        certain, self._certain = self._certain, False
        made = make(node)
        self._certain = certain
        return made

    def looked_up(self, made: ast.expr, owner: ast.expr, key: Any) -> None:
        """This expression does no more than look up `key` in `owner`."""
        if isinstance(owner, ast.Name):
            self._looks_up[made] = (owner.id, key.__class__, key)

    def named(self, made: ast.expr) -> tuple[ast.expr, Again | None]:
        """An expression whose value is needed again under a name, and that name. None where Python lets none be given: in what a
        loop goes through."""
        what = self._looks_up.get(made)
        if isinstance(made, ast.Name):
            name = made.id
        elif what in self._names:
            name = self._names[what]
            made = ast.Name(name, ast.Load())
        elif self.looped:
            return made, None
        else:
            name = self.temporary()
            made = ast.NamedExpr(ast.Name(name, ast.Store()), made)
            if self._certain and what is not None:
                self._names[what] = name
        return made, lambda: ast.Name(name, ast.Load())
