"""Promises of a store across processes: who holds what, and what a kill -9 leaves behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.errors import Busy
from connector.store import Store
from connector.testing.store_hooks import FLOW, NOW, StoreHooks, later, order, page

_HOLDER = """
import sys
from datetime import datetime
from connector.store import open_store
url, what, now = sys.argv[1:]
store = open_store(url)
with store.hold(what):
    if what.startswith("flow:"):
        store.lease(what.removeprefix("flow:"), datetime.fromisoformat(now), seconds=300, limit=1)
    print("holds", flush=True)
    sys.stdin.read()
store.close()
"""

_WRITER = """
import sys
from connector.store import open_store
from connector.testing.store_hooks import FLOW, NOW, order, page
store = open_store(sys.argv[1])
store.ingest(FLOW, page(order(sys.argv[2])), NOW)
store.close()
"""


class ProcessPromises(StoreHooks):
    """One holder at a time."""

    @contextmanager
    def another_process(self, folder: Path, what: str) -> Iterator[subprocess.Popen[str]]:
        """A process that holds something; of a flow it leases one row too."""
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-c", _HOLDER, self.url(folder), what, NOW.isoformat()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline() == "holds\n"
                yield process
            finally:
                process.kill()

    @pytest.mark.parametrize("what", ["runner", f"flow:{FLOW}"])
    def test_what_another_process_holds_is_refused_until_it_lets_go(
        self, store: Store, tmp_path: Path, what: str
    ) -> None:
        with self.another_process(tmp_path, what) as other:
            with pytest.raises(Busy, match=what), store.hold(what):
                pass
            with store.hold("flow:another"):
                pass
            other.communicate()  # its input ends: it lets go
            assert other.returncode == 0
            with store.hold(what):
                pass

    def test_a_killed_process_holds_nothing_and_its_rows_are_due_and_uncertain(
        self, store: Store, tmp_path: Path
    ) -> None:
        store.ingest(FLOW, page(order("1"), order("2")), NOW)
        with self.another_process(tmp_path, f"flow:{FLOW}") as other:
            assert [one.key for one in self.take(store)] == ["2"]
            other.kill()
            other.wait()
            with store.hold(f"flow:{FLOW}"):
                (leased,) = self.take(store, later(seconds=1))
        assert (leased.key, leased.uncertain) == ("1", later(seconds=1))

    def test_a_killed_runner_is_followed_by_the_next_at_once(self, store: Store, tmp_path: Path) -> None:
        with self.another_process(tmp_path, "runner") as other:
            other.kill()
            other.wait()
            with store.hold("runner"):
                pass

    def test_one_process_holds_a_flow_once(self, store: Store) -> None:
        with store.hold(f"flow:{FLOW}"):
            with pytest.raises(Busy, match=FLOW), store.hold(f"flow:{FLOW}"):
                pass
            with pytest.raises(Busy), store.hold(f"flow:{FLOW}"):  # the refusal has not let go of it
                pass
        with store.hold(f"flow:{FLOW}"):
            pass

    def test_a_store_opened_beside_another_in_one_process_respects_and_keeps_its_holds(
        self, opened: Callable[[], Store], tmp_path: Path
    ) -> None:
        """`status` beside the daemon's own store, in one process: closing it must not let go of the daemon's runner."""
        daemon, beside = opened(), opened()
        with daemon.hold("runner"):
            with pytest.raises(Busy), beside.hold("runner"):
                pass
            beside.close()
            with pytest.raises(AssertionError), self.another_process(tmp_path, "runner"):
                pass
            with pytest.raises(Busy), opened().hold("runner"):
                pass

    def test_stores_opened_side_by_side_in_one_process_lose_nothing_that_another_process_writes(
        self, opened: Callable[[], Store], tmp_path: Path
    ) -> None:
        """The daemon delivers through one store and answers its pages through another, and a command comes and goes."""
        daemon, pages = opened(), opened()
        daemon.ingest(FLOW, page(order("ours")), NOW)
        assert [row.key for row in pages.rows()] == ["ours"]
        for key in ("theirs", "theirs too"):
            subprocess.run([sys.executable, "-c", _WRITER, self.url(tmp_path), key], check=True)  # noqa: S603 - our own script
        assert {row.key for row in daemon.rows()} == {"ours", "theirs", "theirs too"}
        daemon.ingest(FLOW, page(order("ours again")), NOW)
        assert {row.key for row in opened().rows()} == {"ours", "theirs", "theirs too", "ours again"}
        assert {row.key for row in pages.rows()} == {"ours", "theirs", "theirs too", "ours again"}

    def test_a_hold_ends_with_an_error_too(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError), store.hold("runner"):
            raise ZeroDivisionError
        with store.hold("runner"):
            pass

    def test_a_store_that_is_closed_while_it_holds_lets_go(self, store: Store, tmp_path: Path) -> None:
        with store.hold("runner"):
            store.close()
            store.close()  # again: nothing
            with self.another_process(tmp_path, "runner"):
                pass

    def test_only_the_runner_and_flows_can_be_held(self, store: Store) -> None:
        with pytest.raises(ValueError, match="flow:"), store.hold("flows"):
            pass
