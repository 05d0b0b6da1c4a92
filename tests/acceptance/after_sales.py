"""What comes after a sale, on the real daemon: flows as config.example.yaml ships them, faults, kills and new starts."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import yaml

from tests.acceptance.processes import PATIENCE, Daemon
from tests.acceptance.stage import ROOT, Stage, stage

FAULTS: Sequence[dict[str, Any]] = (
    {
        "kind": "drop_after",
        "system": "salesforce",
        "method": "POST",
        "path": "composite/sobjects",
        "every": 2,
        "times": 3,
    },
    {
        "kind": "drop_after",
        "system": "salesforce",
        "method": "PATCH",
        "path": "composite/sobjects",
        "every": 2,
        "times": 3,
    },
    {"kind": "drop_after", "system": "sfcc", "method": "PUT", "path": "custom_objects/", "every": 2, "times": 3},
    {"kind": "drop_after", "system": "sfcc", "method": "PATCH", "path": "custom_objects/", "every": 2, "times": 3},
    {"kind": "status", "system": "sfcc", "status": 503, "form": "html", "every": 11, "times": 5},
    {"kind": "status", "system": "salesforce", "status": 429, "retry_after": 0, "every": 13, "times": 5},
    {"kind": "row_locked", "share": 0.5, "per_key": 1},
)
"""Lost replies on both sides, an outage's page, a limit, locked rows."""


class Life:
    """The daemon on a stage; one that was killed is started again."""

    def __init__(self, where: Stage, flows: Sequence[str]) -> None:
        self.where, self.control, self.flows, self.kills = where, where.box.control, flows, 0
        self.daemon = Daemon(where.folder)

    def __enter__(self) -> Self:
        self.daemon.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.__exit__(None, None, None)

    def storm(self) -> None:
        """Faults on both sides from now on, each a few times."""
        for rule in FAULTS:
            self.control.fault(**rule)

    def assert_stormed(self) -> None:
        fired = [rule for rule in self.control.faults() if rule["fired"] + rule["failed"]]
        assert {rule["system"] for rule in fired if rule["kind"] == "drop_after"} == {"sfcc", "salesforce"}

    def kill_at(self, **rule: Any) -> None:
        """The daemon dies when such a request has taken effect."""
        self.control.fault(kind="kill", pid=self.daemon.process.pid, commit=True, times=1, **rule)

    def until(self, what: Callable[[], Any]) -> Any:
        """Look again until something is so, whoever dies meanwhile."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := what():
                return found
            if self.daemon.process.poll() == -signal.SIGKILL:
                self.kills += 1
                self.daemon.__exit__(None, None, None)
                self.daemon = Daemon(self.where.folder)
                self.daemon.__enter__()
            time.sleep(0.05)
        raise AssertionError("it never came to be; the daemon said:\n" + "\n".join(self.daemon.lines[-30:]))

    def rest(self) -> None:
        """Until nothing is owed and every flow has looked twice since, also where the daemon dies meanwhile."""
        self.until(lambda: not any(books.pending for books in self.where.books().values()))
        seen: dict[Daemon, int] = {}

        def looked() -> bool:
            """The first of the two may have been under way."""
            idle = self.daemon.idle_polls(seen.setdefault(self.daemon, len(self.daemon.events())))
            return all(idle[flow] >= 2 for flow in self.flows)

        self.until(looked)
        self.until(lambda: not any(books.pending for books in self.where.books().values()))

    def object(self, kind: str, key: str) -> dict[str, Any]:
        return next(one for one in self.control.objects(kind) if one["key_value_string"] == key)

    def case(self, key: str) -> dict[str, Any]:
        """The case under a key of ours, once it is there."""
        found: dict[str, Any] = self.until(
            lambda: next((one for one in self.control.cases() if one["Commerce_Key__c"] == key), None)
        )
        return found

    def shown(self, kind: str, key: str, **fields: Any) -> dict[str, Any]:
        """The object, once it shows these values; None: without the attribute."""

        def there() -> dict[str, Any] | None:
            one = self.object(kind, key)
            return one if all(one.get(name) == value for name, value in fields.items()) else None

        found: dict[str, Any] = self.until(there)
        return found

    def decide(self, key: str, resolution: str, **more: Any) -> None:
        """Decides in a later second than what was decided before: ClosedDate names the decision."""
        self.control.advance(2)
        self.control.agent_decide(key, resolution, **more)

    def mails(self) -> list[tuple[str, str]]:
        """Kind and subject of what the shop's mailer has sent, in order; it sees no notice a second time."""
        self.control.shop_run()
        told = self.control.mails()
        assert told["refused"] == []
        return [(one["c_kind"], one["c_subject"]) for one in told["sent"].values()]

    def comments(self, case: str) -> list[str]:
        """What is said at a case, in the order in which Salesforce shows it, without heads and our marks."""
        every = sorted(self.control.comments(case), key=lambda one: (one["CreatedDate"], one["Id"]))
        return [one["CommentBody"].partition(":\n")[2].rpartition("\n")[0] or one["CommentBody"] for one in every]

    def notes(self) -> list[str]:
        """Subjects of all notes of orders, without our marks."""
        return [str(note["subject"]).partition(" [")[0] for note in self.control.notes()]

    def assert_well(self, *, parked: int = 0) -> None:
        self.where.assert_nothing_twice()
        assert sum(books.parked for books in self.where.books().values()) == parked


@contextmanager
def life(folder: Path, flows: Sequence[str], *, orders: int = 8, **more: Any) -> Iterator[Life]:
    """A shop whose orders need nobody, and the daemon with these flows and no others."""
    data = {"returns": 0, "complaints": 0, "seed": 11, **more}
    with stage(folder, orders=orders, **data) as where:
        config = yaml.safe_load((folder / "config.yaml").read_text())
        shipped = yaml.safe_load((ROOT / "config.example.yaml").read_text())["flows"]
        config["flows"] = {name: _flow(shipped[name]) for name in flows}
        config["defaults"]["every"] = "200ms"
        config["log"]["level"] = "debug"  # idle polls are told there
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        with Life(where, flows) as made:
            yield made


def _flow(shipped: dict[str, Any]) -> dict[str, Any]:
    flow = {key: value for key, value in shipped.items() if key not in ("every", "overlap")}
    flow["mapping"] = str(ROOT / shipped["mapping"])
    if "start" in flow:
        flow["start"] = "beginning"
    return flow
