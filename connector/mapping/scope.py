"""Which words an expression may use where, and what the expressions of a mapping read."""

from __future__ import annotations

from dataclasses import dataclass, field

from connector.document import did_you_mean
from connector.mapping.parts import Parts

RESERVED = frozenset({"record", "route", "this", "main", "origin", "now", "beside", "loop"})
"""Words that never mean a field; `record.route` reads a field of that name."""

NOW = "now"
"""The instant of the poll: it stands with the record under this name."""
BESIDE = "beside"
"""The other record, in a flow by state that says `claimed_beside`: it stands with the record under this name."""
OF_BESIDE = frozenset({"key", "since"})
"""What it has beside its fields."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be said at one place of a mapping.

    `route`: the names that routes give, None where routes are not known yet. `this`: the element's name in a line
    with `for`. `main`: whether `main.id` may be used, and if not, `no_main` says why.
    """

    lookups: frozenset[str] = frozenset()
    route: frozenset[str] | None = None
    no_route: str = "routes are taken after this"
    this: str | None = None
    of_this: frozenset[str] | None = None
    """The names that the element has; None: not known."""
    main: bool = False
    no_main: str = "main.id is known in fields and target of the lines under also"
    origin: bool = True
    now: bool = False
    """Whether the mapping is of a flow by state, whose records bear the instant of their poll."""
    beside: bool = False
    """Likewise for the other record."""
    no_now: str = "only a flow by state has it: its mapping says `once_per`; elsewhere use record.stamp"

    def problem(self, word: str, name: str | None) -> tuple[str, str] | None:
        """Why `word.name` (or `word` alone) may not stand here, and the remedy; None if it may."""
        match word, name:
            case "record", _:
                return None
            case "route", None:
                return "route alone has no value", "write route.name"
            case "route", str():
                if self.route is None:
                    return "'route' is not known here", self.no_route
                return (
                    None
                    if name in self.route
                    else (f"no route gives '{name}'", did_you_mean(name, self.route) or "add `routes`")
                )
            case "main", "id":
                return None if self.main else ("'main.id' is not known here", self.no_main)
            case "main", _:
                return "main has nothing but 'main.id'", "write main.id"
            case "origin", None:
                return "origin alone has no value", "write origin.key or origin.field"
            case "origin", _:
                return (
                    None
                    if self.origin
                    else ("'origin' is not known here", "only a flow that answers another has an origin")
                )
            case "this", _:
                remedy = (
                    f"here the element is called '{self.this}'" if self.this else "a field called this: record.this"
                )
                return "'this' is known in lines with `for` only" if not self.this else "'this' is not known", remedy
            case "now", None:
                return None if self.now else ("'now' is not known here", self.no_now)
            case "now", _:
                return "now has no parts", "write now"
            case "beside", None:
                return "beside alone has no value", "write beside.key, beside.since or beside.field"
            case "beside", _:
                remedy = (
                    "only a flow by state has it, whose where: says claimed_beside and whose mapping says `once_per`"
                )
                return None if self.beside else ("'beside' is not known here", remedy)
            case _:
                return f"'{word}' is not available", "loops have no counter; use first or join"


@dataclass(slots=True)
class Reads:
    """What the expressions of one mapping read, so that only that is selected and fetched."""

    fields: set[str] = field(default_factory=set)
    parts: set[Parts] = field(default_factory=set)
    """What of these fields."""
    whole: bool = False
    routes: set[str] = field(default_factory=set)
    lookups: dict[str, set[str] | None] = field(default_factory=dict)
    origin: set[str] = field(default_factory=set)
    uses_origin: bool = False
    uses_this: bool = False
    """Whether `origin.this` is read: the element of the line that is answered."""
    sites: dict[tuple[str, str], int] = field(default_factory=dict)
    """Where each is read first: (`record`, `origin` or a lookup's name, field) → the number of its Site."""

    def of_lookup(self, name: str, wanted: str | None) -> None:
        """A field of a lookup; None: the lookup as a whole."""
        known = self.lookups.setdefault(name, set())
        if wanted is None:
            self.lookups[name] = None
        elif known is not None:
            known.add(wanted)

    def of_origin(self, name: str) -> None:
        self.uses_origin = True
        if name == "this":
            self.uses_this = True
        elif name != "key":
            self.origin.add(name)
