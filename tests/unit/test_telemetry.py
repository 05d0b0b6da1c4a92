"""Events: stable names, one document, nothing secret, one line each."""

from __future__ import annotations

import ast
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector import telemetry
from connector.secret import Secret
from connector.telemetry import EVENTS, tell

DOCS = Path(__file__).parents[2] / "docs" / "events.md"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    before, level = list(logging.getLogger().handlers), logging.getLogger().level
    yield
    logging.getLogger().handlers[:] = before
    logging.getLogger().setLevel(level)


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def told_events() -> dict[str, set[str]]:
    """Every `tell("name", …)` in the package, with the files that say it."""
    found: dict[str, set[str]] = {}
    for path in Path(connector.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name not in ("tell", "_tell"):
                continue
            for constant in ast.walk(node.args[0]):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    found.setdefault(constant.value, set()).add(path.name)
    return found


def test_every_event_that_the_package_tells_is_registered() -> None:
    unknown = {name: files for name, files in told_events().items() if name not in EVENTS}
    assert not unknown


def test_every_registered_event_is_told_somewhere() -> None:
    package = Path(connector.__file__).parent
    text = "\n".join(path.read_text() for path in package.rglob("*.py") if path.name != "telemetry.py")
    assert [name for name in EVENTS if f'"{name}"' not in text] == []


def test_every_registered_event_is_documented_with_its_level_and_remedy() -> None:
    text = DOCS.read_text()
    for event in EVENTS.values():
        row = next((line for line in text.splitlines() if line.startswith(f"| `{event.name}` |")), "")
        assert f"| {event.level} |" in row, f"docs/events.md: {event.name} is missing or has another level"
        assert event.remedy in row, f"docs/events.md: {event.name} has another remedy"


def test_no_event_is_documented_that_does_not_exist() -> None:
    documented = [line.split("`")[1] for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    assert sorted(documented) == sorted(EVENTS)


def test_a_container_gets_one_json_object_a_line() -> None:
    out = io.StringIO()
    telemetry.set_up(format="auto", stream=out)
    tell("connection_down", connection="shop", error="Unavailable", reason="refused\nby peer", remedy="start it")
    (line,) = lines(out)
    assert line["event"] == "connection_down"
    assert line["level"] == "warning"
    assert line["connection"] == "shop"
    assert line["remedy"] == "start it"
    assert str(line["text"]).startswith("shop does not work: Unavailable: refused")
    assert str(line["at"]).endswith("Z")


def test_a_terminal_gets_sentences_with_the_remedy_below() -> None:
    out = Terminal()
    telemetry.set_up(format="auto", stream=out)
    tell("flow_unhealthy", flow="orders-to-cases", seconds=312)
    head, remedy = out.getvalue().splitlines()
    assert "orders-to-cases has not polled for 312 s" in head
    assert "/healthz answers 503" in remedy


def test_an_idle_poll_is_silent_unless_debug_is_asked_for() -> None:
    out = io.StringIO()
    telemetry.set_up(format="json", stream=out)
    tell("poll_idle", flow="orders-to-cases", read=0)
    assert out.getvalue() == ""
    telemetry.set_up(format="json", level="debug", stream=out)
    tell("poll_idle", flow="orders-to-cases", read=0)
    assert lines(out)[0]["event"] == "poll_idle"


def test_setting_up_twice_does_not_say_everything_twice() -> None:
    out = io.StringIO()
    telemetry.set_up(format="json", stream=io.StringIO())
    telemetry.set_up(format="json", stream=out)
    tell("flow_healthy", flow="a")
    assert len(lines(out)) == 1


def test_a_secret_among_the_facts_is_masked_in_both_forms() -> None:
    forms: tuple[telemetry.Format, ...] = ("json", "text")
    for form in forms:
        out = io.StringIO()
        telemetry.set_up(format=form, stream=out)
        tell(
            "connection_down", connection="shop", error="AuthFailed", reason=Secret("hunter2"), token=Secret("hunter2")
        )
        assert "hunter2" not in out.getvalue()
        assert "***" in out.getvalue()


def test_a_library_is_heard_from_warning_on_and_in_the_same_form() -> None:
    out = io.StringIO()
    telemetry.set_up(format="json", level="debug", stream=out)
    logging.getLogger("urllib3").debug("GET /secret?token=1")
    logging.getLogger("urllib3").warning("pool is full")
    (line,) = lines(out)
    assert (line["event"], line["logger"], line["text"]) == ("library", "urllib3", "pool is full")


def test_an_event_outside_the_list_is_still_said() -> None:
    out = io.StringIO()
    telemetry.set_up(format="json", stream=out)
    tell("never_heard_of", flow="a")
    assert lines(out)[0]["event"] == "never_heard_of"


def test_a_fact_that_cannot_be_json_does_not_lose_the_line() -> None:
    out = io.StringIO()
    telemetry.set_up(format="json", stream=out)
    tell("poll", flow="a", calls={("shop", 1): 2}, odd=object())
    assert lines(out)[0]["flow"] == "a"


def test_what_a_library_says_a_thousand_times_a_second_comes_once_in_ten_minutes_with_its_number() -> None:
    now = 0.0
    out = io.StringIO()
    telemetry.set_up(format="json", stream=out)
    (handler,) = (each for each in logging.getLogger().handlers if isinstance(each.formatter, telemetry.JsonLines))
    handler.filters[:] = [telemetry.Repeats(lambda: now)]
    library = logging.getLogger("asyncio")
    for _ in range(1000):
        library.error("socket.accept() out of system resource")
    library.error("something else")
    tell("prune_failed", error="x")
    tell("prune_failed", error="x")
    now = 601.0
    library.error("socket.accept() out of system resource")
    said = [(line["event"], line["text"].partition(":")[0], line.get("repeated")) for line in lines(out)]  # type: ignore[attr-defined]
    assert said == [
        ("library", "socket.accept() out of system resource", None),
        ("library", "something else", None),
        ("prune_failed", "the ledger could not be pruned", None),
        ("prune_failed", "the ledger could not be pruned", None),
        ("library", "socket.accept() out of system resource", 999),
    ]
