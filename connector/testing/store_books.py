"""Promises of a store about its books: both equations, after anything, also when many threads work at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.model import RowState
from connector.store import Books, Leased, LeaseToken, Store
from connector.testing.store_hooks import MAPPING, NOW, StoreHooks, books, order, outcome, page

STATES = ("done", "filtered", "foreign", "parked", "pending")
OPEN_OR_DROPPED = (*STATES, "dropped")

_RECORDS = st.lists(
    st.builds(
        lambda key, site, minute, n: order(key, site=site, minute=minute, fields={"n": n}),
        st.sampled_from("abc"),
        st.sampled_from(["RefArch", "RefArchGlobal"]),
        st.one_of(st.none(), st.integers(0, 3)),
        st.integers(0, 1),
    ),
    max_size=5,
)
_OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("ingest"), _RECORDS, st.sampled_from([None, 60.0])),
        st.tuples(st.just("lease"), st.integers(1, 4), st.sampled_from([30.0, 60.0])),
        st.tuples(st.just("settle"), st.lists(st.sampled_from(STATES), min_size=8, max_size=8), st.integers(0, 9)),
        st.tuples(st.just("replay"), st.booleans(), st.none()),
        st.tuples(st.just("drop"), st.sampled_from("abc"), st.none()),
        st.tuples(st.just("take over"), st.none(), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([1.0, 45.0, 120.0]), st.none()),
    ),
    max_size=20,
)


@dataclass
class _Version:
    """What the ledger should hold of one record."""

    state: RowState
    rev: int
    record: Any


@dataclass
class _Model:
    """A ledger's books kept the slow way, from the definitions."""

    rows: dict[tuple[str, str], _Version] = field(default_factory=dict)
    read: int = 0
    repeated: int = 0
    superseded: int = 0
    leases: list[tuple[LeaseToken, list[Leased]]] = field(default_factory=list)

    def ingest(self, records: list[Any]) -> None:
        self.read += len(records)
        newest: dict[tuple[str, str], Any] = {}
        for record in records:
            place = (record.site, record.key)
            other = newest.get(place)
            self.repeated += other is not None
            if other is None or record.stamp is None or other.stamp is None or record.stamp >= other.stamp:
                newest[place] = record
        for place, record in newest.items():
            held = self.rows.get(place)
            if held is None:
                self.rows[place] = _Version("pending", 1, record)
            elif self._is_new(held.record, record):
                self.superseded += held.state == "pending"
                state: RowState = "dropped" if held.state == "dropped" else "pending"
                self.rows[place] = _Version(state, held.rev + 1, record)
            else:
                self.repeated += 1

    @staticmethod
    def _is_new(old: Any, new: Any) -> bool:
        if old.stamp and new.stamp and old.stamp != new.stamp:
            return bool(new.stamp > old.stamp)
        return bool(old.fields != new.fields)

    def books(self, flow: str) -> Books:
        states = Counter(version.state for version in self.rows.values())
        open_ = states["pending"]
        settled = self.read - self.repeated - self.superseded - open_
        return Books(
            flow, len(self.rows), states["done"], states["filtered"], states["foreign"], states["parked"],
            states["pending"], states["dropped"], self.read, self.repeated, self.superseded, settled, open_,
        )  # fmt: skip


class BooksPromises(StoreHooks):
    """Rows by state, versions by fate."""

    def states(self, folder: Path, store: Store, flow: str) -> Mapping[str, int]:
        """How many rows are in which state, counted one by one; better past the store's own counters."""
        return Counter(row.state for row in store.rows(flow=flow, limit=1_000_000))

    def test_books_of_one_life(self, store: Store) -> None:
        self.settled(store, "done", order("1"), order("2"))
        self.bring(store, order("1", minute=1), order("2"))
        store.ingest("orders-to-cases", page(order("1", minute=2)), NOW)
        assert books(store) == Books(
            "orders-to-cases", rows=2, done=1, filtered=0, foreign=0, parked=0, pending=1, dropped=0,
            read=5, repeated=1, superseded=1, settled=2, open=1,
        )  # fmt: skip

    def test_the_books_balance_after_any_sequence_of_operations(self) -> None:
        with TemporaryDirectory() as folder:
            store = self.make(Path(folder))
            flows = iter(range(1_000_000))

            @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
            @given(_OPERATIONS)
            def any_sequence(operations: list[tuple[Any, Any, Any]]) -> None:
                flow, model, now = f"flow-{next(flows)}", _Model(), NOW
                store.ingest(flow, page(), now)
                for verb, first, second in operations:
                    if verb == "wait":
                        now += timedelta(seconds=first)
                    self._apply(store, flow, model, now, verb, first, second)
                    kept = books(store, flow)
                    assert kept.balanced, (verb, kept)
                    assert kept == model.books(flow), verb
                    counted = self.states(Path(folder), store, flow)
                    assert {state: counted.get(state, 0) for state in OPEN_OR_DROPPED} == {
                        state: getattr(kept, state) for state in OPEN_OR_DROPPED
                    }

            try:
                any_sequence()
            finally:
                store.close()

    @staticmethod
    def _apply(store: Store, flow: str, model: _Model, now: datetime, verb: str, first: Any, second: Any) -> None:
        if verb == "ingest":
            model.ingest(first)
            done = store.ingest(flow, page(*first), now, lease=second)
            if done.token is not None:
                model.leases.append((done.token, done.leased))
        elif verb == "lease":
            model.leases.append(store.lease(flow, now, seconds=second, limit=first))
        elif verb == "settle" and model.leases:
            token, leased = model.leases[second % len(model.leases)]  # an old one again is a zombie
            settles = [outcome(one, state, due=now) for one, state in zip(leased, first, strict=False)]
            before = {(row.site, row.key): row for row in store.rows(flow=flow)}
            moved = store.settle(flow, token, settles, now, mapping=MAPPING)
            settled = 0
            for one, settle in zip(leased, settles, strict=False):
                row, version = store.row(flow, one.site, one.key), model.rows[(one.site, one.key)]
                held = before[(one.site, one.key)].leased_until is not None
                if row is not None and held and row.leased_until is None and version.rev == one.rev:
                    version.state, settled = settle.state, settled + 1
            assert moved.settled == settled
            assert moved.settled + moved.lost == len(settles)
        elif verb == "replay":
            left = "dropped" if first else "parked"
            chosen = [version for version in model.rows.values() if version.state == left]
            assert store.replay(now, flow=flow, dropped=first) == len(chosen)
            for version in chosen:
                version.state = "pending"
        elif verb == "drop":
            parked = [v for (_, key), v in model.rows.items() if v.state == "parked" and key == first]
            assert store.drop(now, why="enough", by="uid 7", flow=flow, key=first) == len(parked)
            for version in parked:
                version.state = "dropped"
        elif verb == "take over":
            with store.hold(f"flow:{flow}"):
                pass

    def test_sixteen_threads_in_two_stores_do_not_block_each_other(self, opened: Callable[[], Store]) -> None:
        stores = [opened(), opened()]
        faults: list[BaseException] = []

        def work(number: int) -> None:
            store, flow = stores[number % 2], f"flow-{number}"
            try:
                with store.hold(f"flow:{flow}"):
                    for turn in range(5):
                        records = [order(f"{turn}-{n}", site=f"site-{number}") for n in range(20)]
                        done = store.ingest(flow, page(*records, cursor=str(turn)), NOW, lease=60 if turn % 2 else None)
                        token, leased = store.lease(flow, NOW, seconds=60, limit=100)
                        for held, rows in ((token, leased), (done.token, done.leased)):
                            if held is not None:
                                settles = [outcome(one, created=1) for one in rows]
                                store.settle(flow, held, settles, NOW, mapping=f"v{number}-{turn}")
            except BaseException as fault:  # noqa: BLE001 - given to the test, which names it
                faults.append(fault)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        for number in range(16):
            kept = books(stores[0], f"flow-{number}")
            assert (kept.rows, kept.done, kept.settled, kept.balanced) == (100, 100, 100, True)
            assert stores[1].created(f"flow-{number}", NOW) == 100
            assert {row.site for row in stores[1].rows(flow=f"flow-{number}")} == {f"site-{number}"}
