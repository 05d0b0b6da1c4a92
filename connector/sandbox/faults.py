"""Fault switches: which request is to go wrong, and how. A rule is plain data, so that it also travels through the control API.

`docs/sandbox.md` lists the kinds; a test holds that table and `KINDS` together.
"""

from __future__ import annotations

import dataclasses
import re
import signal as signals
from collections.abc import Mapping
from dataclasses import dataclass, fields
from random import Random
from typing import Any
from zlib import crc32

KINDS: Mapping[str, str] = {
    "status": "answers `status` (429, 500, 502, 503, 504 …) as `form` json, html or empty; `retry_after` adds the header",
    "error": "answers `status` in the vendor's own form with `code` and `message` (shop: and `arguments`, as hooks do)",
    "html200": "answers 200 with an HTML page, as a maintenance page or a proxy does",
    "hang": "says nothing for `seconds`, then closes; the request takes effect unless `commit` is false",
    "slow": "answers `seconds` later",
    "drop_before": "closes the connection (`reset`: breaks it); the request takes no effect",
    "drop_after": "carries the request out, then closes the connection (`reset`: breaks it) without an answer",
    "truncate": "carries the request out and sends half of the answer's body",
    "half_json": "carries the request out and answers half of the JSON as if it were all of it",
    "page_again": "answers a search or query with what the page before it showed, as a cache between does",
    "moving": "saves `rows` other records before a search or query is answered, so that they change their places",
    "expired_token": "ends the request's token: 401 for it and for all that use the token",
    "row_error": "fails rows of a collection call inside HTTP 200 with `code`, `message` and `field`",
    "row_locked": "row_error with UNABLE_TO_LOCK_ROW",
    "row_rejected": "row_error with FIELD_CUSTOM_VALIDATION_EXCEPTION",
    "too_many_retries": "fails every row of a collection call with more than `rows` rows: Too many batch retries",
    "late_commit": "Salesforce: what the request writes is visible `seconds` later, under its old stamp",
    "commit_later": "answers as `reply` says (drop, 504 or hang) and carries the request out `seconds` later",
    "index_lag": "shop: what the request writes reaches the search index `seconds` later",
    "meanwhile": "a person does `act` (agent_take …) with `arguments`, `when` before or after the request takes effect",
    "kill": "sends `signal` to `pid`: before the request takes effect or after it (`commit`), `when` after: once it is answered",
}
"""Kind of fault → what happens."""

ROW_KINDS = frozenset({"row_error", "row_locked", "row_rejected", "too_many_retries"})
LATE_KINDS = frozenset({"late_commit", "index_lag"})
BESIDE_KINDS = ROW_KINDS | LATE_KINDS | {"meanwhile", "moving"}
"""Kinds that shape what a request does, and leave its answer to the first rule of another kind."""
_PERSON = re.compile(r"(?:agent_[a-z_]+|customer_[a-z_]+|touch|change_product)\Z")
_TAKES_EFFECT = frozenset({"hang"})


class BadRule(ValueError):
    """A fault rule names something that does not exist."""


@dataclass(slots=True, kw_only=True)
class Rule:
    """When a request goes wrong, and how.

    Pattern: `system` (sfcc, salesforce or empty), `method`, `path` and `body` (regular expressions, searched; the path
    with its query). Of the matching requests, beyond the first `skip`: the `nth`, or every `every`-th, or a share
    `probability` drawn with `seed`; all of them when none is given. At most `times` times (nth: once).
    """

    kind: str
    system: str = ""
    method: str = ""
    path: str = ""
    body: str = ""
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    seed: int = 1
    skip: int = 0
    times: int | None = None
    # what happens
    status: int = 503
    form: str = "json"
    retry_after: float | None = None
    code: str = ""
    message: str = ""
    field: str = ""
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seconds: float = 1.0
    commit: bool | None = None
    reply: str = "drop"
    reset: bool = False
    rows: int | None = None
    share: float | None = None
    per_key: int | None = None
    act: str = ""
    when: str = "before"
    pid: int | None = None
    signal: int = int(signals.SIGKILL)
    # kept by the sandbox
    id: int = 0
    seen: int = 0
    fired: int = 0
    failed: int = 0
    _random: Random = dataclasses.field(init=False, repr=False)
    _path: re.Pattern[str] = dataclasses.field(init=False, repr=False)
    _body: re.Pattern[bytes] = dataclasses.field(init=False, repr=False)
    _failed: dict[str, int] = dataclasses.field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadRule(f"unknown kind of fault {self.kind!r}; known: {', '.join(KINDS)}")
        if self.system not in ("", "sfcc", "salesforce"):
            raise BadRule(f"unknown system {self.system!r}; known: sfcc, salesforce")
        if self.kind == "kill" and self.pid is None:
            raise BadRule("kind kill needs a pid")
        if self.kind == "meanwhile" and not _PERSON.match(self.act):
            raise BadRule(f"kind meanwhile needs an act of a person, such as agent_take, not {self.act!r}")
        if self.when not in ("before", "after"):
            raise BadRule(f"unknown moment {self.when!r}; known: before, after")
        if self.reply not in ("drop", "hang") and not self.reply.isdigit():
            raise BadRule(f"unknown reply {self.reply!r}; known: drop, hang, or a status such as 504")
        if self.times is None and self.nth is not None:
            self.times = 1
        if self.commit is None:
            self.commit = self.kind in _TAKES_EFFECT
        self._random = Random(self.seed)
        self._path = re.compile(self.path)
        self._body = re.compile(self.body.encode())

    def hits(self, system: str, method: str, target: str, body: bytes) -> bool:
        """Counts the request if it matches, and says whether it goes wrong."""
        if self.times is not None and self.fired >= self.times:
            return False
        if (self.system and self.system != system) or (self.method and self.method != method):
            return False
        if not self._path.search(target) or (self.body and not self._body.search(body)):
            return False
        self.seen += 1
        place = self.seen - self.skip
        if place < 1 or not self._chosen(place):
            return False
        self.fired += 1
        return True

    def _chosen(self, place: int) -> bool:
        if self.nth is not None:
            return place == self.nth
        if self.every is not None:
            return place % self.every == 0
        if self.probability is not None:
            return self._random.random() < self.probability
        return True

    def row_fails(self, position: int, count: int, key: str) -> bool:
        """Whether one row of a collection call fails. By share: always the same keys, whatever the order of the calls."""
        fails = self._fails(position, count, key)
        self.failed += fails
        return fails

    def _fails(self, position: int, count: int, key: str) -> bool:
        if self.kind == "too_many_retries":
            return count > (self.rows or 0)
        if self.rows is not None and position >= self.rows:
            return False
        if self.share is not None and crc32(f"{self.seed}|{key}".encode()) / 2**32 >= self.share:
            return False
        if self.per_key is not None:
            self._failed[key] = failed = self._failed.get(key, 0) + 1
            return failed <= self.per_key
        return True

    def row_error(self) -> tuple[str, str, list[str]]:
        """statusCode, message and fields of a row that fails."""
        named = [self.field] if self.field else []
        if self.kind == "row_locked":
            return (self.code or "UNABLE_TO_LOCK_ROW", self.message or _LOCKED, named)
        if self.kind == "row_rejected":
            return (
                self.code or "FIELD_CUSTOM_VALIDATION_EXCEPTION",
                self.message or "refused by a validation rule",
                named,
            )
        if self.kind == "too_many_retries":
            return (self.code or "UNKNOWN_EXCEPTION", self.message or _RETRIES, [])
        return (self.code or "UNKNOWN_EXCEPTION", self.message or "An unexpected error occurred.", named)

    def shown(self) -> dict[str, Any]:
        """The rule as data: what was asked for, and how often it was met and fired."""
        return {f.name: getattr(self, f.name) for f in fields(self) if not f.name.startswith("_")}


_LOCKED = "unable to obtain exclusive access to this record or 1 records"
_RETRIES = "Too many batch retries in the presence of Apex triggers and partial failures."


class Faults:
    """The rules in force, in the order in which they were given."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._next = 1

    def add(self, **rule: Any) -> Rule:
        made = Rule(**rule)
        made.id, self._next = self._next, self._next + 1
        self.rules.append(made)
        return made

    def clear(self, rule: int | None = None) -> None:
        self.rules = [] if rule is None else [r for r in self.rules if r.id != rule]

    def fired(self, system: str, method: str, target: str, body: bytes) -> list[Rule]:
        return [rule for rule in self.rules if rule.hits(system, method, target, body)]
