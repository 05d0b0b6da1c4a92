"""What the acceptance tests tell at the end of a run."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

KILLS = pytest.StashKey[Counter[str]]()


def _counted(config: pytest.Config) -> Counter[str]:
    return config.stash.setdefault(KILLS, Counter())


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> Counter[str]:
    """Kills by moment, each of which ended as a run without it; printed when all tests are through."""
    return _counted(request.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes that run the tests hands over what it counted."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["kills"] = dict(_counted(session.config))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Source: https://pytest-xdist.readthedocs.io/en/stable/how-to.html (workeroutput)"""
    _counted(node.config).update(getattr(node, "workeroutput", {}).get("kills", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = _counted(config)
    if counts:
        terminalreporter.section("kills by moment: 0 lost, 0 twice")
        for moment, number in counts.items():
            terminalreporter.write_line(f"{moment:<28} {'#' * number} {number}")
        terminalreporter.write_line(f"{'in all':<28} {sum(counts.values())}")
