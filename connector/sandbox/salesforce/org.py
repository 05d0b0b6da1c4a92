"""The org as its port sees it: sessions, the call budget, and from a path to what it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import unquote

import orjson

from connector.sandbox.clock import Dial
from connector.sandbox.faults import ROW_KINDS, Rule
from connector.sandbox.gate import World, json_reply
from connector.sandbox.salesforce import custom_objects, describe, people
from connector.sandbox.salesforce.access import Access
from connector.sandbox.salesforce.collections import Collections
from connector.sandbox.salesforce.composite import Composite
from connector.sandbox.salesforce.content import Contents
from connector.sandbox.salesforce.ids import full
from connector.sandbox.salesforce.problem import Problem, not_found
from connector.sandbox.salesforce.queries import Queries
from connector.sandbox.salesforce.replication import replicated
from connector.sandbox.salesforce.rows import Rows
from connector.sandbox.salesforce.schema import KEY_FIELD, OBJECTS, WORK, fresh
from connector.sandbox.salesforce.sessions import Session, Sessions
from connector.sandbox.salesforce.table import Row, Table
from connector.sandbox.salesforce.writes import Transaction
from connector.sandbox.server import Reply, Request

_VERSION = re.compile(r"v(\d\d)\.0\Z")
OLDEST, NEWEST, RETIRED = 31, 68, 21
LONGEST_URI = 16_384
_CODES = {
    429: "TOO_MANY_REQUESTS",
    500: "UNKNOWN_EXCEPTION",
    502: "BAD_GATEWAY",
    503: "SERVER_UNAVAILABLE",
    504: "GATEWAY_TIMEOUT",
}


@dataclass(slots=True)
class Call:
    """One authenticated request."""

    org: Org
    request: Request
    session: Session
    version: str
    now: float

    def body(self) -> Any:
        try:
            return orjson.loads(self.request.body)
        except orjson.JSONDecodeError as error:
            raise Problem("JSON_PARSER_ERROR", f"The HTTP entity body is not readable: {error}") from error

    def params(self) -> dict[str, str]:
        return self.request.params()

    def transaction(self) -> Transaction:
        """The default of Sforce-Auto-Assign is TRUE, for updates as well."""
        assign = self.request.header(b"sforce-auto-assign").strip().upper() != "FALSE"
        save = "allowsave=true" in self.request.header(b"sforce-duplicate-rule-header").lower().replace(" ", "")
        return Transaction(self.org, self.session.user, assign=assign, allow_duplicates=save, api=True)

    def attributes(self, table: Table, made: str) -> dict[str, str]:
        kind = table.shape.name
        return {"type": kind, "url": f"/services/data/{self.version}/sobjects/{kind}/{made}"}


class Org:
    """One simulated org."""

    name = "salesforce"
    id = "00DgK0000001Zz9UAE"

    def __init__(self, world: World, url: str = "") -> None:
        self.world = world
        self.url = url
        self.clock = Dial(world.clock, world.options.org_skew)
        self.sessions = Sessions(self)
        self.calls = 0
        self.start()

    def start(self) -> None:
        """An empty org with its people and queues; sessions live on."""
        bare = self.world.options.bare
        shapes = {shape.name: fresh(shape) if bare else shape for shape in OBJECTS}
        self.tables = {name: Table(shape) for name, shape in shapes.items()}
        if not bare:
            self.tables |= {shape.name: Table(shape) for shape in custom_objects.SAMPLE}
        if self.world.options.omni_channel:
            self.tables["AgentWork"] = Table(WORK)
        self.queued: dict[str, str] = {}
        self.cases, self.comments = self.tables["Case"], self.tables["CaseComment"]
        self._numbers = count(1001)
        self.on_case: list[Callable[[Row], None]] = []
        self.row_rules: list[Rule] = []
        self.late = 0.0
        self.hidden_until = 0.0
        self.secure()
        self.case_queues: set[str] = set()
        people.settle(self)
        self.integration = self.user_named(people.INTEGRATION) or ""
        self.default_owner = self.integration
        self.access = Access(self)
        self.contents = Contents(self)
        self.rows = Rows(self)
        self.collections = Collections(self)
        self.queries = Queries(self)
        self.composite = Composite(self)

    def secure(self) -> None:
        """Field-level security, as the knobs say now."""
        options = self.world.options
        for kind, table in self.tables.items():
            table.secure(_of(kind, options.hidden_fields), _of(kind, options.readonly_fields))

    # what the gate asks for
    def error(self, request: Request, status: int, code: str, message: str, arguments: Mapping[str, Any]) -> Reply:
        problem = Problem(code or _CODES.get(status, "UNKNOWN_EXCEPTION"), message or "An unexpected error occurred.")
        problem.status = status
        return self._limited(problem.reply())

    def end_token(self, request: Request) -> None:
        self.sessions.end(request)

    def under(self, rules: Sequence[Rule]) -> None:
        self.row_rules = [r for r in rules if r.kind in ROW_KINDS]
        self.late = max((r.seconds for r in rules if r.kind == "late_commit"), default=0.0)

    def handle(self, request: Request) -> Reply:
        try:
            if request.path == "/services/oauth2/token":
                return self.sessions.grant(request)
            reply = self._handle(request)
        except Problem as problem:
            reply = problem.reply()
        return self._limited(reply)

    def _limited(self, reply: Reply) -> Reply:
        reply.headers += b"Sforce-Limit-Info: api-usage=%d/%d\r\n" % (self.calls, self.world.options.daily_calls)
        return reply

    def _handle(self, request: Request) -> Reply:
        if len(request.target) > LONGEST_URI:
            raise Problem("URI_TOO_LONG", "The URI is longer than 16,384 bytes.", status=414)
        parts = request.path.strip("/").split("/")
        if parts[:2] != ["services", "data"]:
            raise not_found(request.path)
        if len(parts) == 2:  # neither session nor budget needed
            return json_reply(200, [describe.version(n) for n in range(OLDEST, NEWEST + 1)])
        _known_version(parts[2])
        call = Call(self, request, self.sessions.holder(request), parts[2], self.clock.now())
        if self.calls >= self.world.options.daily_calls:
            raise Problem("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        self.calls += 1
        return self.route(call, [unquote(p) for p in parts[3:]])

    def route(self, call: Call, rest: list[str]) -> Reply:
        """From the path below the version to its answer; composite calls come here again for each part."""
        match (call.request.method, rest):
            case ("PATCH", ["composite", "sobjects", kind, field]):
                return self.collections.upsert(call, kind, field)
            case ("POST", ["composite", "sobjects"]):
                return self.collections.create(call)
            case ("PATCH", ["composite", "sobjects"]):
                return self.collections.update(call)
            case ("DELETE", ["composite", "sobjects"]):
                return self.collections.delete(call)
            case ("POST" | "GET", ["composite", "sobjects", kind]):
                return self.collections.retrieve(call, kind)
            case ("POST", ["composite"]):
                return self.composite.composite(call)
            case ("POST", ["composite", "batch"]):
                return self.composite.batch(call)
            case ("GET", ["query" | "queryAll" as verb]):
                return self.queries.first(call, deleted=verb == "queryAll")
            case ("GET", ["query" | "queryAll", locator]):
                return self.queries.more(call, locator)
            case ("GET", ["limits"]):
                return self._limits()
            case ("GET", ["sobjects"]):
                return json_reply(200, describe.everything(self, call.version))
            case ("GET", ["sobjects", kind, "describe"]):
                unique = self.world.options.unique_key
                return json_reply(200, describe.describe(self.table(kind), call.version, unique_key=unique))
            case ("GET", ["sobjects", kind, "updated" | "deleted" as which]):
                return replicated(self, call, self.table(kind), deleted=which == "deleted")
            case (_, ["sobjects", kind, *more]) if len(more) <= 2:
                return self.rows.handle(call, self.table(kind), more)
        raise not_found("/".join(rest)) if not rest or rest[0] != "composite" else _no_method(call.request.method)

    def _limits(self) -> Reply:
        most = self.world.options.daily_calls
        return json_reply(200, {"DailyApiRequests": {"Max": most, "Remaining": most - self.calls}})

    # what the parts ask for
    def table(self, kind: str) -> Table:
        table = self.tables.get(kind)
        if table is None:
            table = next((t for n, t in self.tables.items() if n.lower() == kind.lower()), None)
        if table is None or not table.may("read"):
            raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
        return table

    def table_of(self, given: str) -> Table:
        for table in self.tables.values():
            if given.startswith(table.shape.prefix):
                return table
        raise Problem("MALFORMED_ID", f"malformed id {given}", ["Id"])

    def row(self, table: Table, given: str, now: float) -> Row:
        """A row that a write names by id, whether deleted or not."""
        known = full(given)
        if known is None:
            raise Problem("MALFORMED_ID", f"{table.shape.name} ID: id value of incorrect type: {given}", ["Id"])
        row = table.rows.get(known)
        if row is None or row.seen(now) is None:
            raise Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        return row

    def user_named(self, name: str) -> str | None:
        for row in self.tables["User"]:
            if row.values["Username"] == name:
                return str(row.values["Id"])
        return None

    def owner_name(self, owner: str) -> str:
        row = self.tables["User"].rows.get(owner) or self.tables["Group"].rows.get(owner)
        return "" if row is None else str(row.values["Name"])

    def next_case_number(self) -> str:
        return f"{next(self._numbers):08d}"

    # what the journal is told
    def case_created(self, row: Row) -> None:
        key = row.values.get(KEY_FIELD)
        if key is None:
            self.world.journal.keyless += 1
        else:
            self.world.journal.created[key] += 1
        for listener in self.on_case:
            listener(row)

    def case_updated(self, row: Row) -> None:
        self.world.journal.updated[row.values.get(KEY_FIELD) or row.values["Id"]] += 1

    def comment_created(self, row: Row) -> None:
        values = row.values
        self.world.journal.comments[values.get("ParentId", ""), str(values.get("CommentBody"))] += 1


def _of(kind: str, paths: Iterable[str]) -> set[str]:
    """The fields of one object among `Case.Site__c` and the like."""
    return {field for owner, _, field in (path.partition(".") for path in paths) if owner == kind}


def _known_version(token: str) -> None:
    match = _VERSION.match(token)
    number = int(match[1]) if match else 0
    if RETIRED <= number < OLDEST:
        raise Problem("UNSUPPORTED_API_VERSION", f"API version {token} is retired.", status=410)
    if not OLDEST <= number <= NEWEST:
        raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)


def _no_method(method: str) -> Problem:
    return Problem("METHOD_NOT_ALLOWED", f"HTTP Method '{method}' not allowed.", status=405)
