"""Whatever customers write and however records are numbered: it arrives as it was written, both ways, and acts nowhere."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from tests.acceptance.stage import stage

TEXTS = (
    "nul \0 in it",
    "\x01\x1b[31mred\x1b]0;title\x07",
    "right \u202eto left\u2066 and \u200bnothing",
    "one\r\ntwo\u2028three",
    "<script>alert(1)</script>&amp;\"'",
    "' OR Name != ''; DROP TABLE \"row\"; --",
    "{{ 9 * 9 }}{% for a in b %}${HOME}%s{0}",
    "👨‍👩‍👧 Zoë 北京 \U0010ffff",
)
KEYS = ('it\'s "quoted" \\', "a%2fb", "x\ny", "{{ 9 }}", "100 % 100_0", "\x1b[2J", "a b+c&d=e#f?g", "é:É")
"""Keys that a path may hold, once it is escaped; those that name another resource are refused elsewhere."""


def test_every_text_and_key_arrives_as_it_was_written(tmp_path: Path) -> None:
    with stage(tmp_path, orders=12, returns=0) as st:
        control = st.box.control
        numbers = [order["order_no"] for order in control.orders("RefArch")]
        wanted = dict(zip(numbers, itertools.cycle(TEXTS), strict=False))
        for number, text in wanted.items():
            control.change_order(number, customer_name=text, c_paymentError=text, c_addressMismatch=True)
        for number, key in zip(numbers, KEYS, strict=False):
            control.place_return(number, key=key)
        ended = st.run("sync")
        assert (ended.code, ended.err) == (0, "")
        cases = {case["Order_No__c"]: case for case in control.cases() if case["Type"] != "Return"}
        assert {number: cases[number]["SuppliedName"] for number in numbers if number in cases} == {
            number: text for number, text in wanted.items() if number in cases
        }
        assert len(cases) >= len(TEXTS)
        assert all(wanted[number] in case["Description"] for number, case in cases.items())
        before = {one["key_value_string"]: one.get("c_status") for one in control.objects("ReturnRequest")}
        st.decide_all()
        for _ in range(2):
            assert st.run("sync").code == 0
        after = {one["key_value_string"]: one.get("c_status") for one in control.objects("ReturnRequest")}
        returned = [case for case in control.cases() if case["Type"] == "Return"]
        assert returned
        assert sum(after[key] != before[key] for key in KEYS) == len(returned), (before, after)
        for key in (KEYS[0], KEYS[2], KEYS[5]):
            said = st.run("explain", key).out
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said)
            assert said.startswith("returns-to-cases: "), said
        assert all(books.parked == 0 for books in st.books().values())
        st.assert_nothing_twice()
