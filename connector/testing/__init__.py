"""For tests, ours and adapter authors': a clock that stands still, a remote system by script, and the suites per seam."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"connector.testing.store_{what}"
        for what in ("hooks", "ingest", "lease", "books", "keeping", "hand", "processes")
    ),
    *(f"connector.testing.adapter_{what}" for what in ("contract", "hooks", "writing")),
)

from connector.testing.adapter_contract import AdapterContract  # noqa: E402 - after it, or asserts explain nothing
from connector.testing.adapter_writing import AppendContract, ConditionContract, CreateContract  # noqa: E402
from connector.testing.clock import FrozenClock  # noqa: E402
from connector.testing.scripted import ScriptedAdapter  # noqa: E402
from connector.testing.store_contract import StoreContract  # noqa: E402

__all__ = [
    "AdapterContract",
    "AppendContract",
    "ConditionContract",
    "CreateContract",
    "FrozenClock",
    "ScriptedAdapter",
    "StoreContract",
]
