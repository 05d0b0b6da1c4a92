"""A template's tree becomes a Python expression: a short list of nodes is known, everything else is refused.

The expression reaches nothing but a record's data, the operators of `values` and the filters of `filters`: no
attribute of an object is read, nothing is called that an author names. A node's line number in the generated code is
the number of its Site, so that a failure at run time names the file, line and column of the expression.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from typing import Any

from jinja2 import nodes

from connector.document import did_you_mean
from connector.mapping.expressions import Template, Unparsable, has_braces, parse
from connector.mapping.filters import FILTERS
from connector.mapping.known import Known
from connector.mapping.operators import COMPARISONS, OPERATORS, REFUSED, plainly
from connector.mapping.parts import parts_read
from connector.mapping.scope import BESIDE, NOW, OF_BESIDE, RESERVED, Reads, Scope
from connector.mapping.sites import Site, Spot, start, written

MOST_PIECES = 8
"""Values in one text that are joined without looking at their size first."""


class Emitter:
    """Makes the expressions of one generated function; `hoists` are the names that it reads, fetched once each."""

    def __init__(self, scope: Scope, reads: Reads, sites: list[Site], fault: Callable[..., None]) -> None:
        self.scope, self.reads, self.sites, self._fault = scope, reads, sites, fault
        self.hoists: dict[tuple[str, str], str] = {}
        self.locals: dict[str, str] = {}
        self.variable = False
        self.needs_main = False
        self.reads_element = False
        self.known = Known()
        self.spot = Spot(())
        self.source = ""

    def value(self, spot: Spot, written: Any) -> ast.expr:
        """A scalar from YAML: a constant, or a template (a lone expression keeps its type, else it is text)."""
        template = self._parse(spot, written)
        if template is None:
            return self._at(ast.Constant(written), self.site(None))
        if template.lone is not None:
            return self._node(template.lone)
        made = self._body(template.body)
        if all(isinstance(each, nodes.Output) for each in template.body):
            return made
        return self.call("trimmed", made)  # a loop that writes lines leaves a newline behind

    def lone(self, spot: Spot, written: Any, what: str) -> ast.expr:
        """An expression in braces (a condition, a list), or true or false."""
        template = self._parse(spot, written)
        if template is not None and template.lone is not None:
            return self._node(template.lone)
        if not isinstance(written, bool):
            self._fault(spot.path, 0, f"{what} needs one expression in braces", 'write "{{ … }}"')
        return self._at(ast.Constant(bool(written)), self.site(None))

    def call(self, name: str, *args: ast.expr, site: int | None = None) -> ast.expr:
        """A call of one of our functions, at the place of the value that is being compiled."""
        made = ast.Call(ast.Name(name, ast.Load()), list(args), [])
        return self._at(made, self.site(None) if site is None else site)

    def site(self, node: nodes.Node | None, operands: Sequence[nodes.Node] = ()) -> int:
        """A new Site's number."""
        offset = None if node is None else start(node)
        names = tuple(written(each) for each in operands)
        self.sites.append(Site(self.spot.path, offset, self.spot.field, self.source, names))
        return len(self.sites)

    def _parse(self, spot: Spot, written: Any) -> Template | None:
        self.spot, self.source = spot, ""
        if not isinstance(written, str) or not has_braces(written):
            return None
        self.source = written
        try:
            template = parse(written)
        except Unparsable as error:
            self._fault(spot.path, error.offset, error.message, error.remedy)
            return Template(written, [], nodes.Const(None, lineno=0))
        self.reads.parts |= parts_read(template.body, {*RESERVED, *self.scope.lookups, self.scope.this or ""})
        return template

    @staticmethod
    def _at(made: ast.expr, site: int) -> ast.expr:
        for each in ast.walk(made):
            if not hasattr(each, "lineno") and isinstance(each, (ast.expr, ast.keyword)):
                each.lineno = each.end_lineno = site
                each.col_offset = each.end_col_offset = 0
        return made

    def _refuse(self, node: nodes.Node, message: str, remedy: str = "") -> ast.expr:
        self._fault(self.spot.path, start(node), message, remedy)
        return self._at(ast.Constant(None), 1)

    # --- text -------------------------------------------------------------------------------------------------

    def _body(self, body: Sequence[nodes.Node]) -> ast.expr:
        pieces: list[ast.expr] = []
        for node in body:
            match node:
                case nodes.Output():
                    pieces += [self._piece(each) for each in node.nodes]
                case nodes.If():
                    pieces.append(self._if(node))
                case nodes.For():
                    pieces.append(self._for(node))
                case nodes.FilterBlock():
                    block = self.call("trimmed", self._body(node.body))
                    pieces.append(self.call("text", self._filter(node.filter, block), site=self.site(node)))
                case _:
                    pieces.append(self._unknown(node))
        return self._text(pieces)

    def _text(self, pieces: list[ast.expr]) -> ast.expr:
        site = self.site(None)
        if len(pieces) == 1:
            return pieces[0]
        if sum(not isinstance(each, ast.Constant) for each in pieces) > MOST_PIECES:
            return self.call("cat", *pieces, site=site)
        parts = [each if isinstance(each, ast.Constant) else ast.FormattedValue(each, -1, None) for each in pieces]
        return self._at(ast.JoinedStr(parts), site)  # type: ignore[arg-type]  # 3.11's stub wants list[expr]

    def _piece(self, node: nodes.Expr) -> ast.expr:
        if isinstance(node, nodes.TemplateData):
            return self._at(ast.Constant(node.data), self.site(node))
        made = self._node(node)
        if isinstance(made, ast.Constant) and isinstance(made.value, str):
            return made
        site = self.site(node, [node])
        made, again = self.known.named(made)
        if again is None:
            return self.call("text", made, site=site)
        kind = ast.Attribute(made, "__class__", ast.Load())  # most values are text already: spare the call
        is_text = ast.Compare(kind, [ast.Is()], [ast.Name("str", ast.Load())])
        return self._at(ast.IfExp(is_text, again(), self.call("text", again(), site=site)), site)

    def _if(self, node: nodes.If) -> ast.expr:
        test, body = self._node(node.test), self.known.perhaps(self._body, node.body)
        rest = [nodes.If(each.test, each.body, [], [], lineno=each.lineno) for each in node.elif_]
        otherwise = self.known.perhaps(self._body, node.else_)
        for each in reversed(rest):
            then = self.known.perhaps(self._node, each.test), self.known.perhaps(self._body, each.body)
            otherwise = self._at(ast.IfExp(*then, otherwise), self.site(each))
        return self._at(ast.IfExp(test, body, otherwise), self.site(node))

    def _for(self, node: nodes.For) -> ast.expr:
        if node.recursive or node.else_ or not isinstance(node.target, nodes.Name):
            return self._refuse(node, "only plain loops are possible", "{% for x in list %}…{% endfor %}")
        name = node.target.name
        site = self.site(node, [node.iter])
        self.known.looped += 1
        source = self.call("each", self._node(node.iter), ast.Name("q", ast.Load()), site=site)
        self.known.looped -= 1
        outer, inner = self.locals, self.known.temporary()
        self.locals = {**outer, name: inner}
        tests = [self.known.perhaps(self._node, node.test)] if node.test is not None else []
        body = self.known.perhaps(self._body, node.body)
        self.locals = outer
        loop = ast.comprehension(ast.Name(inner, ast.Store()), source, tests, 0)
        return self.call("joined", ast.GeneratorExp(body, [loop]), site=site)

    # --- expressions ------------------------------------------------------------------------------------------

    def _node(self, node: nodes.Node) -> ast.expr:
        match node:
            case nodes.Const():
                return self._constant(node)
            case nodes.Name():
                return self._name(node)
            case nodes.Getattr():
                return self._member(node, node.node, node.attr)
            case nodes.Getitem():
                return self._item(node)
            case nodes.Compare():
                return self._compare(node)
            case nodes.And() | nodes.Or():
                join = ast.And() if isinstance(node, nodes.And) else ast.Or()
                both = [self._node(node.left), self.known.perhaps(self._node, node.right)]
                return self._at(ast.BoolOp(join, both), self.site(node))
            case nodes.Not():
                return self._at(ast.UnaryOp(ast.Not(), self._node(node.node)), self.site(node))
            case nodes.CondExpr():
                test, then = self._node(node.test), self.known.perhaps(self._node, node.expr1)
                otherwise = self.known.perhaps(self._node, node.expr2) if node.expr2 is not None else ast.Constant(None)
                return self._at(ast.IfExp(test, then, otherwise), self.site(node))
            case nodes.Concat():
                pieces = [self._piece(each) for each in node.nodes]
                return self.call("cat", *pieces, site=self.site(node, node.nodes))
            case nodes.Filter():
                return self._filter(node)
            case nodes.Test():
                return self._test(node)
            case nodes.List() | nodes.Tuple():
                items = [self._node(each) for each in node.items]
                return self._at(ast.List(items, ast.Load()), self.site(node))
            case nodes.BinExpr() if type(node) in OPERATORS:
                args = [self._node(node.left), self._node(node.right)]
                return self.call(OPERATORS[type(node)], *args, site=self.site(node, [node.left, node.right]))
            case nodes.UnaryExpr() if type(node) in OPERATORS:
                return self.call(OPERATORS[type(node)], self._node(node.node), site=self.site(node, [node.node]))
            case _:
                return self._unknown(node)

    def _unknown(self, node: nodes.Node) -> ast.expr:
        message, remedy = REFUSED.get(type(node), (f"{type(node).__name__.lower()} is not possible here", ""))
        return self._refuse(node, message, remedy or "see docs/mapping.md, Expressions")

    def _constant(self, node: nodes.Const) -> ast.expr:
        value = node.value
        if isinstance(value, float) and not math.isfinite(value):
            return self._refuse(node, "a number that is too large")
        return self._at(ast.Constant(value), self.site(node))

    def _compare(self, node: nodes.Compare) -> ast.expr:
        made: list[ast.expr] = []
        left = node.expr
        for operand in node.ops:
            site = self.site(node, [left, operand.expr])
            if made:
                args = (self.known.perhaps(self._node, left), self.known.perhaps(self._node, operand.expr))
            else:
                args = (self._node(left), self._node(operand.expr))
            made.append(self._compared(operand.op, *args, site))
            left = operand.expr
        return made[0] if len(made) == 1 else self._at(ast.BoolOp(ast.And(), made), self.site(node))

    def _compared(self, op: str, left: ast.expr, right: ast.expr, site: int) -> ast.expr:
        """A comparison. With a text or a whole number that is written there, Python's own says the same of the same kind: spare
        the call."""
        kinds, own = plainly(op, right)
        left, again = self.known.named(left) if kinds else (left, None)
        if again is None or own is None:
            return self.call(COMPARISONS[op], left, right, site=site)
        tests: list[ast.expr] = [
            ast.Compare(ast.Attribute(each, "__class__", ast.Load()), [ast.Is()], [ast.Name(kind, ast.Load())])
            for each, kind in zip((left, again()), kinds, strict=False)
        ]
        alike = tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), tests)
        quick = ast.Compare(again(), [own], [right])
        return self._at(ast.IfExp(alike, quick, self.call(COMPARISONS[op], again(), right, site=site)), site)

    def _test(self, node: nodes.Test) -> ast.expr:
        if node.name != "none" or node.args or node.kwargs:
            return self._refuse(node, f"unknown test 'is {node.name}'", "known: is none, is not none")
        return self._at(ast.Compare(self._node(node.node), [ast.Is()], [ast.Constant(None)]), self.site(node))

    def _filter(self, node: nodes.Filter, block: ast.expr | None = None) -> ast.expr:
        """A filter's call; `block` is what stands in `{% filter … %}`, where the filter has no value before it."""
        known = FILTERS.get(node.name)
        if known is None:
            return self._refuse(node, f"unknown filter '{node.name}'", did_you_mean(node.name, FILTERS))
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            return self._refuse(node, f"filter '{node.name}' takes its values in order, without names")
        least, most = known.args
        if not least <= len(node.args) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            return self._refuse(node, f"filter '{node.name}' takes {wanted} values, not {len(node.args)}")
        args = [self._filtered(node.node, block), *map(self._node, node.args)]
        if node.name == "truncate" and not node.args:
            args.append(ast.Constant(self.spot.length))
        operands = [each for each in (node.node, *node.args) if each is not None]
        return self.call(f"filter_{node.name}", *args, site=self.site(node, operands))

    def _filtered(self, node: nodes.Expr | None, block: ast.expr | None) -> ast.expr:
        if block is None:
            return self._node(node or nodes.Const(None, lineno=0))
        return self._filter(node, block) if isinstance(node, nodes.Filter) else block

    # --- names ------------------------------------------------------------------------------------------------

    def _item(self, node: nodes.Getitem) -> ast.expr:
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return self._member(node, node.node, node.arg.value)
        if isinstance(node.arg, nodes.Slice):
            return self._unknown(node.arg)
        owner, at = self._node(node.node), self._node(node.arg)
        made = self.call("index", owner, at, site=self.site(node, [node.node, node.arg]))
        if isinstance(at, ast.Constant):
            self.known.looked_up(made, owner, at.value)
        return made

    def _member(self, node: nodes.Node, owner: nodes.Node, name: str) -> ast.expr:
        if name.startswith("__"):
            return self._refuse(node, f"names like '{name}' are not possible", "no remote field begins with __")
        if isinstance(owner, nodes.Name) and owner.name not in self.locals:
            made = self._of_name(node, owner.name, name)
            if made is not None:
                return made
        return self._get(self._node(owner), name, self.site(node, [owner]))

    def _get(self, owner: ast.expr, name: str, site: int) -> ast.expr:
        """`owner.name`. Most owners are objects: spare the call."""
        owner, again = self.known.named(owner)
        if again is None:
            return self.call("get", owner, ast.Constant(name), site=site)
        kind = ast.Attribute(owner, "__class__", ast.Load())
        is_object = ast.Compare(kind, [ast.Is()], [ast.Name("dict", ast.Load())])
        found = ast.Call(ast.Attribute(again(), "get", ast.Load()), [ast.Constant(name)], [])
        made = ast.IfExp(is_object, found, self.call("get", again(), ast.Constant(name), site=site))
        self.known.looked_up(made, again(), name)
        return self._at(made, site)

    def _of_name(self, node: nodes.Node, owner: str, name: str) -> ast.expr | None:
        """`owner.name` where owner is a word of the mapping; None where it is an ordinary value."""
        scope = self.scope
        if owner == scope.this:
            if scope.of_this is not None and name not in scope.of_this:
                return self._refuse(node, f"'{owner}' has no '{name}'", did_you_mean(name, scope.of_this))
            return None
        if owner in scope.lookups:
            self.variable = True
            self.reads.of_lookup(owner, name)
            self._first_read(node, owner, name)
            return self._get(self._hoist("L", owner), name, self.site(node, []))
        if owner in RESERVED:
            problem = scope.problem(owner, name)
            if problem is not None:
                return self._refuse(node, *problem)
            return self._word(node, owner, name)
        return None

    def _word(self, node: nodes.Node, owner: str, name: str) -> ast.expr:
        self.variable = True
        if owner == "main":
            self.needs_main = True
            return self._load("m")
        if owner == "route":
            self.reads.routes.add(name)
            return self._hoist("t", name)
        if owner == "origin":
            self.reads.of_origin(name)
            self._first_read(node, owner, name)
            return self._load("ok") if name == "key" else self._hoist("o", name)
        if owner == BESIDE:
            for each in {BESIDE, name} - OF_BESIDE:  # both records are read with the same fields
                self.reads.fields.add(each)
                self.reads.parts.add((each,))
                self._first_read(node, "record", each)
            return self._get(self._hoist("r", BESIDE), name, self.site(node, []))
        if name in ("key", "stamp"):
            return self._at(ast.Attribute(ast.Name("rec", ast.Load()), name, ast.Load()), self.site(None))
        return self._field(node, name)

    def _name(self, node: nodes.Name) -> ast.expr:
        name = node.name
        if name.startswith("__"):
            return self._refuse(node, f"names like '{name}' are not possible", "no remote field begins with __")
        if name in self.locals:
            return self._load(self.locals[name])
        self.variable = True
        if name == self.scope.this:
            self.reads_element = True
            return self._load("e")
        if name in self.scope.lookups:
            self.reads.of_lookup(name, None)
            return self._hoist("L", name)
        if name not in RESERVED:
            return self._field(node, name)
        problem = self.scope.problem(name, None)
        if problem is not None:
            return self._refuse(node, *problem)
        if name == NOW:
            return self._hoist("r", NOW)
        self.reads.whole = True  # `record` itself: scope lets no other word stand alone
        return self._load("r")

    def _field(self, node: nodes.Node, name: str) -> ast.expr:
        self.variable = True
        self.reads.fields.add(name)
        self._first_read(node, "record", name)
        return self._hoist("r", name)

    def _first_read(self, node: nodes.Node, owner: str, name: str) -> None:
        if (owner, name) not in self.reads.sites:
            self.reads.sites[owner, name] = self.site(node)

    def _hoist(self, owner: str, name: str) -> ast.expr:
        return self._load(self.hoists.setdefault((owner, name), f"f{len(self.hoists)}"))

    def _load(self, name: str) -> ast.expr:
        return self._at(ast.Name(name, ast.Load()), self.site(None))
