"""What the acceptance tests tell at the end of a run."""

from __future__ import annotations

from collections import Counter

import pytest

KILLS = pytest.StashKey[Counter[str]]()


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> Counter[str]:
    """Kills by moment, each of which ended as a run without it; printed when all tests are through."""
    return request.config.stash.setdefault(KILLS, Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash.get(KILLS, None)
    if counts:
        terminalreporter.section("kills by moment: 0 lost, 0 twice")
        for moment, number in counts.items():
            terminalreporter.write_line(f"{moment:<28} {'#' * number} {number}")
        terminalreporter.write_line(f"{'in all':<28} {sum(counts.values())}")
