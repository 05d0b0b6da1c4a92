"""Calls of every shipped flow, each alone, as the sandbox counts them, beside what they may be.

    python -m bench.flows [--each 1000]

A shop with so many records of each kind of business, and the flows of config.example.yaml: once to the case system, then agents
decide every case, each decision that there is, then once back, and once more to the case system for what the shop made of it.

What a flow may cost for 1,000 records that it reads: 12, and 5 for each lookup and each further line that one record has. That
is the price where systems take many at once. The shop takes one object a call, and so do files: there each line costs a call, and
another where its object is looked at directly before (statuses, notes, custom objects before they are made; a file is fetched).
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.processes import Sandbox, run, sandbox
from connector.document import load
from connector.mapping.compile import load_mapping
from connector.states import FACTS
from connector.store import open_store

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("returns", "complaints", "claims", "disputes", "checkouts", "changes")
ALONE = re.compile(
    r"(?:/orders/\{\}|/custom_objects/\w+/\{\}|/products/|/demandware\.static/|/sobjects/ContentVersion$)"
)
"""Paths of one object a call."""
LOOKED = ("orders.", "custom_objects/", "ContentVersion", "products")
"""Streams of such objects that are looked at, or fetched, before a write."""


@contextmanager
def business(each: int, *more: str) -> Iterator[Sandbox]:
    """A shop with so many records of each kind, and as many recalls."""
    counts = [word for kind in KINDS for word in (f"--{kind}", str(each))]
    quiet = ("--shop-code", "0", "--agent-rate", "300", "--exceptions", "0", "--longest-order", "5")
    with sandbox("--orders", str(each), "--products", str(each + 1), *counts, *quiet, *more) as box:
        late = {"confirmation_status": "not_confirmed"}
        box.ask("place_orders", count=each, exception=False, c_addressMismatch=True, **late)
        open_ = {"status": "new", "shipping_status": "not_shipped"}
        box.ask("place_orders", count=each, exception=False, c_riskScore=80, **open_)
        for number, kind in enumerate(("DELAYED", "SPLIT", "NO_CONFIRMATION")):
            some = each // 3 + (number < each % 3)
            box.ask("place_orders", count=some, exception=False, c_fulfillmentStatus=kind, status="open")
        for number in range(each):  # each product is held by two recalls
            products = [f"more-{number + 1}", f"more-{number + 2}"]
            box.ask("agent_recall", products=products, notice=f"Do not use it ({number})")
        yield box


def flows() -> dict[str, dict[str, Any]]:
    """The flows of the example, from the beginning."""
    shipped: dict[str, dict[str, Any]] = load(str(ROOT / "config.example.yaml")).data["flows"]
    made = {name: {k: v for k, v in flow.items() if k not in ("every", "overlap")} for name, flow in shipped.items()}
    for flow in made.values():
        flow["mapping"] = str(ROOT / flow["mapping"])
        if "start" in flow:
            flow["start"] = "beginning"
    return made


def configure(box: Sandbox, folder: Path, **defaults: Any) -> None:
    """A configuration with all of them for this sandbox."""
    config = {
        "connections": {
            "shop": {"adapter": "sfcc", "url": box.sfcc, "auth_url": box.sfcc, "site": "RefArch", "client_id": "bench",
                     "client_secret": "secret", "index_lag": 0, "settle_after": 0.3},
            "service": {"adapter": "salesforce", "url": box.salesforce, "key_field": "Commerce_Key__c",
                        "auth": {"grant": "client_credentials", "client_id": "bench", "client_secret": "secret"},
                        "settle_after": "300ms",
                        "files": {"hosts": [box.sfcc.rpartition("/")[2]], "loopback": True}},
        },
        "store": "sqlite:///ledger.db",
        "flows": flows(),
        "defaults": {"brake": "none", **defaults},
        "web": {"listen": "none"},
        "log": {"format": "json", "level": "debug"},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def calls(box: Sandbox) -> Counter[str]:
    """All calls so far by method and path, without signing in."""
    found: Counter[str] = Counter()
    for system in box.ask("requests").values():
        for path, count in system.items():
            if path != "total" and "token" not in path:
                found[re.sub(r"(static)/.*", r"\1/", path)] += count
    return found


@dataclass(frozen=True)
class Cost:
    """One pass of one flow: records read, lines written one by one, calls of each kind, and what they may be."""

    flow: str
    read: int
    lines: int
    alone: int
    alone_at_most: int
    together: int
    together_at_most: int

    @property
    def fits(self) -> bool:
        return self.alone <= self.alone_at_most and self.together <= self.together_at_most

    def row(self) -> str:
        """A row of the table in docs/performance.md, for 1,000 records."""

        def each(count: int) -> str:
            return f"{count * 1000 / max(self.read, 1):,.0f}"

        return (
            f"| `{self.flow}` | {self.read:,} | {each(self.together)} | {each(self.together_at_most)} "
            f"| {each(self.lines)} | {each(self.alone)} | {each(self.alone_at_most)} |"
        )


class Books:
    """What the ledger says of the lines of a flow: those sent one by one so far, by stream, and the most that a record has."""

    def __init__(self, folder: Path, flow: str) -> None:
        with closing(open_store("sqlite:///ledger.db", base=folder)) as store:
            rows = store.rows(flow=flow, limit=1_000_000)
            self.read = next((books.read for books in store.counts() if books.flow == flow), 0)
        self.lines: Counter[str] = Counter()
        self.most = 0
        for row in rows:
            sent = [line for line in row.lines if line.state == "sent"]
            self.lines.update(stream for line in sent if one_by_one(stream := line.stream))
            self.most = max(self.most, sum(not one_by_one(line.stream) for line in sent))


def one_by_one(stream: str) -> bool:
    """Whether its system takes one object of it a call."""
    return stream.startswith("shop.") or stream.endswith(".ContentVersion")


def at_most(flow: Mapping[str, Any], read: int, most: int) -> int:
    """Calls for so many records, but for those of one object: whole calls of 200, so the last page of each may be short."""
    mapping = load_mapping(flow["mapping"], answers="answers" in flow)
    facts = 2 if (mapping.fields or frozenset()).intersection(FACTS) else 0  # CaseHistory and AgentWork
    each = 5 * (len(mapping.lookups) + facts + max(0, most - 1))
    return math.ceil(12 * read / 1000) + math.ceil(read / 200) * (each // 5) + 2  # the queues' ids, an empty last page


def polled_at_most(flow: Mapping[str, Any], polls: Iterable[Mapping[str, Any]], most: int) -> int:
    """The same for the polls of a daemon, by their events. A poll that found three records pays as one that found two hundred:
    the pages it read, a create, an update, and one more for each lookup and further line (design part 7: 30 for 1,000 records
    at 100 a minute are three calls a minute). A poll that found nothing pays the look, of each of its streams."""
    mapping = load_mapping(flow["mapping"], answers="answers" in flow)
    facts = 2 if (mapping.fields or frozenset()).intersection(FACTS) else 0  # CaseHistory and AgentWork
    changed = 2 + len(mapping.lookups) + facts + max(0, most - 1)
    looks = 1 + sum(lookup.watch for lookup in mapping.lookups)
    together = 0
    for poll in polls:
        new = poll.get("changed", 0)
        due = max(0, poll.get("done", 0) + poll.get("parked", 0) - new)  # what waited goes after what is new, by itself
        together += looks + max(0, math.ceil(poll.get("read", 0) / 200) - 1)
        together += (math.ceil(new / 200) + math.ceil(due / 200)) * changed
    return together


def one_pass(box: Sandbox, folder: Path, name: str) -> Cost:
    """`connector sync` of one flow, and what it cost."""
    before, asked = Books(folder, name), calls(box)
    done = run([sys.executable, "-m", "connector.cli", "sync", name], cwd=folder, env={"PYTHONPATH": str(ROOT)})
    if done.code not in (0, 1):  # 1: the shop has refused something, for another case of the order was faster
        raise SystemExit(f"{name} ended with {done.code}:\n{done.out[-3000:]}")
    made, after = calls(box) - asked, Books(folder, name)
    read = after.read - before.read
    alone = sum(count for path, count in made.items() if ALONE.search(path))
    lines = after.lines - before.lines
    looked = sum(count for stream, count in lines.items() if stream.partition(".")[2].startswith(LOOKED))
    flow = flows()[name]
    few = 4 * len(load_mapping(flow["mapping"], answers="answers" in flow).lookups)  # up to four are read one by one
    fits = at_most(flow, read, after.most)
    return Cost(name, read, lines.total(), alone, lines.total() + looked + few, made.total() - alone, fits)


def decide(box: Sandbox, *, patience: int = 300) -> Counter[tuple[str, str]]:
    """Agents decide all open cases but recalls, which are lifted. How often each decision was taken, by type of case."""
    box.ask("agents", on=True)
    for _ in range(patience):
        box.ask("advance", seconds=1)
        open_ = [case for case in box.ask("cases") if not case["IsClosed"] and case["Type"] != "Recall"]
        if not open_:
            break
    box.ask("agents", on=False)
    for case in box.ask("cases"):
        if case["Type"] == "Recall":
            box.ask("agent_lift", case=case["Id"])
    return Counter((case["Type"], case.get("Resolution__c", "")) for case in box.ask("cases"))


def table(each: int, folder: Path) -> Iterator[Cost]:
    """Every flow in the pass in which it has something to do."""
    every = flows()
    there = [name for name, flow in every.items() if flow["from"].startswith("shop.")]
    first = "recalls-to-products"
    back = [name for name, flow in every.items() if name not in (first, *there) and flow.get("by") != "state"]
    told = [name for name in there if name in ("refunds-to-cases", "changes-done-to-cases", "credits-to-cases")]
    with business(each) as box:
        configure(box, folder)
        yield from (one_pass(box, folder, name) for name in there if name not in told)
        yield one_pass(box, folder, first)
        for case in box.ask("cases"):
            if case["Type"] in ("Return", "Complaint"):
                box.ask("agent_comment", case=case["Id"], text="We look into it.", public=True)
            if case["Type"] == "Return":
                box.ask("agent_attach", case=case["Id"], name="label.pdf")
        decide(box)
        yield from (one_pass(box, folder, name) for name in back)
        box.ask("shop_run")
        yield from (one_pass(box, folder, name) for name in told)


def main(arguments: Sequence[str] | None = None) -> int:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--each", type=int, default=1000, help="records of each kind")
    given = made.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        print("| flow | records read | together | at most | lines one by one | their calls | at most |")
        print("|---|---|---|---|---|---|---|")
        costs = []
        for cost in table(given.each, Path(folder)):
            costs.append(cost)
            print(cost.row() + ("" if cost.fits else "  TOO MANY"), flush=True)
    return 0 if all(cost.fits for cost in costs) else 1


if __name__ == "__main__":
    raise SystemExit(main())
