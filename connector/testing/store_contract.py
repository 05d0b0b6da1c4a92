"""What every store promises, as a suite for pytest. A new store passes it before anything runs on it:

class TestMine(StoreContract):
    def make(self, folder: Path) -> Store:
        return open_store(self.url(folder))

    def url(self, folder: Path) -> str:
        return f"mine:///{folder}/ledger"
"""

from __future__ import annotations

from connector.testing.store_books import BooksPromises
from connector.testing.store_budget import BudgetPromises
from connector.testing.store_desk import DeskPromises
from connector.testing.store_hand import HandPromises
from connector.testing.store_holds import HoldPromises
from connector.testing.store_ingest import IngestPromises
from connector.testing.store_keeping import KeepingPromises
from connector.testing.store_keys import KeyPromises
from connector.testing.store_lease import LeasePromises
from connector.testing.store_processes import ProcessPromises
from connector.testing.store_remap import RemapPromises
from connector.testing.store_sharing import SharingPromises
from connector.testing.store_stays import StaysPromises
from connector.testing.store_tools import ToolsPromises
from connector.testing.store_watch import WatchPromises


class StoreContract(
    IngestPromises,
    LeasePromises,
    BooksPromises,
    KeepingPromises,
    KeyPromises,
    HandPromises,
    DeskPromises,
    RemapPromises,
    BudgetPromises,
    ToolsPromises,
    StaysPromises,
    SharingPromises,
    WatchPromises,
    HoldPromises,
    ProcessPromises,
):
    """Every promise of `connector.store.Store`. `make` and `url` are yours."""
