"""Text with `{{ … }}` and `{% … %}` parsed to a tree whose nodes know their offset in the text.

Only Jinja's lexer and parser are used. What the tree may hold is decided by `emit`, which knows a few kinds of nodes
and refuses the rest; Jinja's own runtime, filters, globals and attribute access are never reached.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST = 20_000
"""Characters that one template may have."""
DEEPEST = 60
"""Levels of its tree, so that whoever walks it may do so by recursion."""


class Unparsable(ValueError):
    """A template that cannot be compiled; `offset` is the place in its text."""

    def __init__(self, message: str, offset: int, remedy: str = "") -> None:
        super().__init__(message)
        self.message, self.offset, self.remedy = message, offset, remedy


@dataclass(frozen=True, slots=True)
class Template:
    """`lone` is the expression where the text is nothing else: its value keeps its type."""

    source: str
    body: list[nodes.Node]
    lone: nodes.Expr | None


class _Environment(ImmutableSandboxedEnvironment):
    """Gives tokens their offset as line number, so that every node of the tree carries it."""

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> TokenStream:
        return TokenStream(self.lexer.wrap(self._offsets(source, state), name, filename), name, filename)

    def _offsets(self, source: str, state: str | None) -> Iterator[tuple[int, str, str]]:
        try:
            tokens = list(self.lexer.tokeniter(source, None, None, state))
        except TemplateSyntaxError as error:
            raise _unreadable(source, error) from None
        at = 0
        for _, token, value in tokens:
            # Blanks that `{%-` and trim_blocks swallow are not in the tokens: look for the next one.
            found = source.find(value, at)
            at = found if found >= 0 else at
            yield at, token, value
            at += len(value)


# optimized=False: nothing is worked out while parsing.
_ENVIRONMENT = _Environment(optimized=False, trim_blocks=True, lstrip_blocks=True)


def has_braces(text: str) -> bool:
    """Whether text is a template at all; without braces it stays as it stands."""
    return "{{" in text or "{%" in text or "{#" in text


def parse(source: str) -> Template:
    """The tree of one template; Unparsable says what is wrong and where."""
    if len(source) > LONGEST:
        raise Unparsable(f"longer than {LONGEST:,} characters", 0, "split the expression")
    try:
        body = Parser(_ENVIRONMENT, source).parse().body
    except TemplateSyntaxError as error:
        raise Unparsable(str(error.message), min(error.lineno, len(source)), _remedy(source)) from None
    except RecursionError:
        raise Unparsable("nested too deep", 0, "split the expression") from None
    except ValueError as error:  # int() of a number with thousands of digits
        if isinstance(error, Unparsable):
            raise
        raise Unparsable("a number that is too long", 0) from None
    _check_depth(body)
    return Template(source, body, _lone(body))


def _check_depth(body: list[nodes.Node]) -> None:
    level: list[nodes.Node] = list(body)
    for _ in range(DEEPEST):
        level = [child for node in level for child in node.iter_child_nodes()]
    if level:
        raise Unparsable("nested too deep", max(level[0].lineno or 0, 0), "split the expression")


def _lone(body: list[nodes.Node]) -> nodes.Expr | None:
    parts: list[nodes.Node] = []
    for node in body:
        parts += node.nodes if isinstance(node, nodes.Output) else [node]
    rest = [part for part in parts if not (isinstance(part, nodes.TemplateData) and not part.data.strip())]
    only = rest[0] if len(rest) == 1 else None
    return only if isinstance(only, nodes.Expr) and not isinstance(only, nodes.TemplateData) else None


def _unreadable(source: str, error: TemplateSyntaxError) -> Unparsable:
    """The lexer says a line, and for a character that it does not know also the offset."""
    message = str(error.message)
    found = re.search(r" at (\d+)\Z", message)
    if found is not None:
        return Unparsable(message[: found.start()], min(int(found[1]), len(source)), _remedy(source))
    start = sum(len(each) + 1 for each in source.split("\n")[: error.lineno - 1])
    return Unparsable(message, start, _remedy(source))


def _remedy(source: str) -> str:
    if source.count("{{") != source.count("}}"):
        return "every {{ needs its }}"
    if "&&" in source or "||" in source or "!" in source.replace("!=", ""):
        return "write and, or, not"
    return "see docs/mapping.md, Expressions"
