"""Which part of a record an expression reads: of `customer_info.email` no more than that, by paths of names.

The tree is looked at, nothing is executed. What is not seen through is read whole, so a path never says too little.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from jinja2 import nodes

Parts = tuple[str, ...]
"""A field of a record and, within it, names below names; places in lists are left out. A field alone is read whole."""


def parts_read(body: Sequence[nodes.Node], words: Collection[str]) -> set[Parts]:
    """What a template reads of the record. `words` are names that are no fields (lookups, the element, reserved ones)."""
    walk = _Walk(words)
    for node in body:
        walk.read(node)
    return walk.found


def paths(parts: Iterable[Parts]) -> frozenset[str]:
    """Parts as paths with dots, none within another. Where a name has a dot in it, what holds it is read whole; a field with
    one in its own name leaves no path that would be clear, so that all fields are."""
    known = {_plain(each) for each in parts}
    if any("." in each[0] for each in known):
        return frozenset(each[0] for each in known)
    return frozenset(".".join(each) for each in known if not any(each[:end] in known for end in range(1, len(each))))


def _plain(parts: Parts) -> Parts:
    return parts[: next((place for place, name in enumerate(parts) if place and "." in name), len(parts))]


class _Walk:
    """Walks one template; `below` is what is read of a node's value: names below names, nothing for all of it."""

    def __init__(self, words: Collection[str]) -> None:
        self.found: set[Parts] = set()
        self._words = words
        self._locals: dict[str, Parts | None] = {}

    def read(self, node: nodes.Node | None, below: Parts = ()) -> None:
        member = _member(node)
        match node:
            case None:
                return
            case nodes.Name():
                origin = self._origin(node)
                if origin is not None:
                    self.found.add((*origin, *below))
            case nodes.Getattr() | nodes.Getitem() if member is not None:
                self._read_member(node, member, below)
            case nodes.Getitem():
                self.read(node.node, below if _is_place(node.arg) else ())
                self.read(node.arg)
            case nodes.Filter():
                self._read_filtered(node, below)
            case nodes.For():
                self._read_loop(node)
            case _:
                for child in node.iter_child_nodes():
                    self.read(child)

    def _read_member(self, node: nodes.Getattr | nodes.Getitem, member: str, below: Parts) -> None:
        if self._is_record(node.node):
            if member not in ("key", "stamp"):
                self.found.add((member, *below))
            return
        self.read(node.node, (member, *below))

    def _read_filtered(self, node: nodes.Filter, below: Parts) -> None:
        name = _constant(node.args[0]) if node.args else None
        match node.name:
            case "first":
                self.read(node.node, below)
            case "map" if name is not None:
                self.read(node.node, (name, *below))
            case "where" if name is not None:
                self.read(node.node, (name,))
                self.read(node.node, below)
            case _:
                self.read(node.node)
        for each in node.args:
            self.read(each)

    def _read_loop(self, node: nodes.For) -> None:
        """What the body reads of the element is read of each one in the list; nothing of it: the list itself is."""
        name = node.target.name if isinstance(node.target, nodes.Name) else ""
        list_ = self._seen_through(node.iter)
        outer, found = self._locals, self.found
        self._locals, self.found = {**outer, name: list_}, set()
        for each in (node.test, *node.body, *node.else_):
            self.read(each)
        inner, self.found, self._locals = self.found, found, outer
        self.found |= inner
        if list_ is None or not any(each[: len(list_)] == list_ for each in inner):
            self.read(node.iter)
        else:
            self._read_conditions(node.iter)

    def _read_conditions(self, node: nodes.Node | None) -> None:
        """What chooses the elements of a list that is read in parts."""
        if isinstance(node, nodes.Filter):
            if node.name == "where":
                self.read(node.node, (_constant(node.args[0]) or "",))
            for each in node.args:
                self.read(each)
        if isinstance(node, (nodes.Filter, nodes.Getattr, nodes.Getitem)):
            self._read_conditions(node.node)

    def _origin(self, node: nodes.Name) -> Parts | None:
        """Where a name's value stands in the record; None: not there, or not known."""
        if node.name in self._locals:
            return self._locals[node.name]
        return None if node.name in self._words else (node.name,)

    def _is_record(self, node: nodes.Node) -> bool:
        return isinstance(node, nodes.Name) and node.name == "record" and node.name not in self._locals

    def _seen_through(self, node: nodes.Node | None) -> Parts | None:
        """Where a list stands in the record, if it is no more than a part of it."""
        member = _member(node)
        match node:
            case nodes.Name():
                return self._origin(node)
            case nodes.Getattr() | nodes.Getitem() if member is not None:
                if self._is_record(node.node):
                    return None if member in ("key", "stamp") else (member,)
                owner = self._seen_through(node.node)
                return None if owner is None else (*owner, member)
            case nodes.Getitem() if _is_place(node.arg):
                return self._seen_through(node.node)
            case nodes.Filter() if node.name == "first" or (node.name == "where" and _constant(node.args[0])):
                return self._seen_through(node.node)
            case nodes.Filter() if node.name == "map" and (name := _constant(node.args[0])):
                owner = self._seen_through(node.node)
                return None if owner is None else (*owner, name)
            case _:
                return None


def _member(node: nodes.Node | None) -> str | None:
    """The name in `value.name` and `value['name']`."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    return _constant(node.arg) if isinstance(node, nodes.Getitem) else None


def _is_place(node: nodes.Node) -> bool:
    """A place in a list, `[0]` or `[-1]`: nothing else can be meant."""
    inner = node.node if isinstance(node, nodes.Neg) else node
    return isinstance(inner, nodes.Const) and type(inner.value) is int


def _constant(node: nodes.Node) -> str | None:
    return node.value if isinstance(node, nodes.Const) and isinstance(node.value, str) else None
