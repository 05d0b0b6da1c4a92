"""Whatever is in a record's key or a vendor's message: a terminal shows it, and a log's line stays one line."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from connector import telemetry
from connector.cli.streams import drawn_on, shown_streams
from connector.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("00001301", "00001301"),
        ("Zoë 北京 🎁 a'b\"c %2f ../", "Zoë 北京 🎁 a'b\"c %2f ../"),
        ("x\n2026 ERROR forged", "x\\n2026 ERROR forged"),
        ("a\r\tb", "a\\r\\tb"),
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x9b31m\x85\x00\x7f", "\\x9b31m\\x85\\x00\\x7f"),
        ("rtl\u202eabc\u2066\u200b\ufeff", "rtl\\u202eabc\\u2066\\u200b\\ufeff"),
        ("half \ud83d of it\u2028", "half \\ud83d of it\\u2028"),
    ],
)
def test_no_character_of_others_acts(text: str, shown: str) -> None:
    assert visible(text) == shown
    shown.encode()


def test_our_own_line_ends_and_tabs_stay() -> None:
    assert visible("a\n\tb\x1b", lines=True) == "a\n\tb\\x1b"


def test_commands_print_what_no_terminal_obeys_and_never_fail_by_it(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_streams():
        print("key \x1b[31m\ud83d\u202e")
        print("error \x07", file=sys.stderr)
        print("\x1b[1m", end="", file=drawn_on(sys.stderr))
    assert capsys.readouterr() == ("key \\x1b[31m\\ud83d\\u202e\n", "error \\x07\n\x1b[1m")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_line_cannot_be_forged_and_is_never_lost(form: telemetry.Format) -> None:
    out = io.StringIO()
    telemetry.set_up(format=form, stream=out)
    try:
        telemetry.tell("flow_moved", flow="a", rows=1, old="x\n2026 ERROR forged \x1b[2J \ud83d")
    finally:
        telemetry.set_up()
    said = out.getvalue()
    assert said.count("\n") == 1
    assert "ERROR forged" in said
    assert "\x1b" not in said
    said.encode()


def test_a_librarys_warning_and_trace_say_nothing_of_a_record() -> None:
    out, name = io.StringIO(), "Zyxwvut Quellstein"
    telemetry.set_up(format="json", stream=out)
    try:
        try:
            int(name)
        except ValueError:
            logging.getLogger("urllib3").exception("failed for token=hunter2hunter2 of ada@example.org")
    finally:
        telemetry.set_up()
    said = out.getvalue()
    assert "ValueError" in said
    assert "test_visible.py" in said
    assert not [each for each in ("Quellstein", "hunter2", "ada@") if each in said]
