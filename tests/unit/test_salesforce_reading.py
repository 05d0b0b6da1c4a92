"""Reading by (SystemModstamp, Id), the saved cursor and its cap, claims, and fetching many at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from requests import PreparedRequest

from connector.errors import Misconfigured, Unavailable
from connector.model import Page, Select
from tests.unit.salesforce_wire import (
    BASE,
    FIELDS,
    KEY,
    QUERY,
    TOKEN,
    URL,
    USER,
    Answer,
    case,
    found,
    json_answer,
    org,
    row_id,
)

AGENT = "005000000000077AAA"
HEAD = f"SELECT Id,SystemModstamp,{KEY},OwnerId,Owner.Name,Owner.Type,IsClosed,Status FROM Case"
TAIL = "ORDER BY SystemModstamp,Id LIMIT"


def at(seconds: int) -> str:
    return f"2026-11-20T09:{seconds // 60:02d}:{seconds % 60:02d}.000+0000"


def test_an_idle_poll_is_one_call_and_one_empty_page() -> None:
    with org() as (adapter, wire, clock):
        wire.script("GET", QUERY, found())
        [page] = adapter.read("Case", '{"stamp":"2026-11-20T09:30:00.000Z","id":"500X"}', select=FIELDS)
        assert page.records == []
        assert page.read_at == clock.now()
        assert wire.queries() == [f"{HEAD} WHERE SystemModstamp >= 2026-11-20T09:29:00Z {TAIL} 2000"]


def test_without_a_cursor_reading_begins_at_the_beginning_or_at_the_instant() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found())
        list(adapter.read("Case", None, select=FIELDS))
        list(adapter.read("Case", datetime(2026, 11, 1, tzinfo=UTC), select=FIELDS, overlap=3600))
        assert wire.queries() == [
            f"{HEAD} {TAIL} 2000",
            f"{HEAD} WHERE SystemModstamp >= 2026-10-31T23:00:00Z {TAIL} 2000",
        ]


def test_more_equal_stamps_than_a_page_holds_are_read_to_their_end() -> None:
    rows = [case(number, at(0)) for number in range(1, 8)]
    with org(page=3) as (adapter, wire, _):
        wire.on("GET", QUERY, lambda request: _answer(rows, request, 3))
        pages = list(adapter.read("Case", None, select=FIELDS))
        assert [record.key for page in pages for record in page.records] == [row_id(number) for number in range(1, 8)]
        assert wire.queries()[1] == (
            f"{HEAD} WHERE SystemModstamp >= 2026-11-20T09:00:00Z"
            f" AND (SystemModstamp > 2026-11-20T09:00:00Z OR Id > '{row_id(3)}') {TAIL} 3"
        )


def _answer(rows: list[dict[str, Any]], request: PreparedRequest, most: int, *, done: bool = True) -> Answer:
    """Rows behind the keyset of the query."""
    query = str(request.params["q"])  # type: ignore[attr-defined]
    last = re.search(r"Id > '(\w+)'", query)
    rest = [dict(row) for row in rows if last is None or row["Id"] > last[1]]
    more = done or not rest[most:]
    return found(*rest[:most], done=more, more="" if more else "/services/data/v66.0/query/01g-2000")


def test_a_server_that_gives_fewer_rows_than_asked_for_is_read_on_by_keyset() -> None:
    rows = [case(number, at(number)) for number in range(1, 6)]
    with org(page=100) as (adapter, wire, _):
        wire.on("GET", QUERY, lambda request: _answer(rows, request, 2, done=False))
        pages = list(adapter.read("Case", None, select=FIELDS))
        assert [len(page.records) for page in pages] == [2, 2, 1]


def cursors(pages: list[Page]) -> list[str | None]:
    return [page.cursor for page in pages]


def test_the_saved_cursor_stops_at_the_server_s_clock_less_the_margin_while_newer_records_come_through() -> None:
    newer = [case(1, "2026-11-20T09:59:50.000+0000"), case(2, "2026-11-20T09:59:58.000+0000")]
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found(*newer))
        [page] = adapter.read("Case", None, select=FIELDS)
        assert [record.key for record in page.records] == [row_id(1), row_id(2)]
        assert page.cursor == '{"stamp":"2026-11-20T09:59:55.000Z","id":""}'


def test_the_cap_goes_back_by_the_time_that_the_query_took() -> None:
    with org() as (adapter, wire, clock):

        def slow(request: PreparedRequest) -> Answer:
            clock.forward(seconds=20)
            return found()

        wire.on("GET", QUERY, slow)
        [page] = adapter.read("Case", None, select=FIELDS)
        assert page.cursor == '{"stamp":"2026-11-20T09:59:35.000Z","id":""}'


def test_within_a_backlog_the_cursor_names_the_last_record_and_at_the_end_the_server_s_clock() -> None:
    rows = [case(number, at(number)) for number in range(1, 4)]
    with org(page=2) as (adapter, wire, _):
        wire.on("GET", QUERY, lambda request: _answer(rows, request, 2))
        assert cursors(list(adapter.read("Case", None, select=FIELDS))) == [
            f'{{"stamp":"2026-11-20T09:00:02.000Z","id":"{row_id(2)}"}}',
            '{"stamp":"2026-11-20T09:59:55.000Z","id":""}',
        ]


def test_a_cursor_never_moves_back() -> None:
    saved = '{"stamp":"2026-11-20T09:59:59.000Z","id":""}'
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found(case(1, "2026-11-20T09:59:30.000+0000")))
        assert cursors(list(adapter.read("Case", saved, select=FIELDS))) == [None]


def test_without_overlap_a_read_goes_on_behind_the_saved_record() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found())
        list(adapter.read("Case", '{"stamp":"2026-11-20T09:00:00.000Z","id":"500B"}', select=FIELDS, overlap=0))
        assert "OR Id > '500B')" in wire.queries()[0]


def test_records_bear_our_key_their_stamp_and_plain_fields() -> None:
    row = case(1, at(5), **{KEY: "f:s:1"}, OwnerId="00G1", Status="New")
    row["Owner"] = {"attributes": {"type": "Group", "url": "x"}, "Name": "Returns", "Type": "Queue"}
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found(row))
        [page] = adapter.read("Case", None, select=Select(fields=("Status", "Owner")))
        [record] = page.records
        assert (record.key, record.stamp, record.our_key) == (row_id(1), "2026-11-20T09:00:05.000Z", "f:s:1")
        assert record.fields == {
            "Id": row_id(1),
            "SystemModstamp": at(5),
            KEY: "f:s:1",
            "OwnerId": "00G1",
            "Owner": {"Name": "Returns", "Type": "Queue"},
            "Status": "New",
        }
        assert (record.claimed_by, record.own, record.deleted, record.site) == (None, False, False, "")


@pytest.mark.parametrize(
    ("owner", "name", "claimed"),
    [
        (AGENT, "Ada", "Ada"),
        (AGENT, None, AGENT),
        ("00G000000000001AAA", "Returns", None),
        (USER, "Integration", None),
        (USER[:15], "Integration", None),
        ("005000000000055AAA", "Robot", None),
        ("005000000000066AAA", "Night shift", None),
        (None, None, None),
    ],
)
def test_a_case_is_claimed_when_a_person_owns_it(owner: str | None, name: str | None, claimed: str | None) -> None:
    row = case(1, OwnerId=owner, Owner={"attributes": {}, "Name": name} if name else None)
    with org(unclaimed_owners=["005000000000055", "Night shift"]) as (adapter, wire, _):
        wire.script("GET", QUERY, found(row))
        [page] = adapter.read("Case", None, select=FIELDS)
        assert page.records[0].claimed_by == claimed


def test_a_key_prefix_is_asked_for_with_its_wildcards_escaped() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found())
        list(adapter.read("Case", None, select=Select(fields=("Status",), key_prefix="re_turns%'\\:")))
        list(adapter.read("Case", None, select=Select(fields=("Status",), key_prefix="")))
        assert wire.queries() == [
            rf"{HEAD} WHERE {KEY} LIKE 're\_turns\%\'\\:%' {TAIL} 2000",
            f"{HEAD} WHERE {KEY} != null {TAIL} 2000",
        ]


def test_a_sweep_selects_key_and_stamp_only() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found())
        list(adapter.read("Case", None, select=Select(fields=("Status",), keys_only=True)))
        assert wire.queries() == [f"SELECT Id,SystemModstamp,{KEY} FROM Case {TAIL} 2000"]


def test_a_where_of_the_flow_is_passed_on_as_literals() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found())
        where = {"IsClosed": False, "Origin": ["Web", "O'Brien"], "Risk_Score__c": 75, "ParentId": None}
        list(adapter.read("Case", None, select=Select(fields=("Status",), where=where)))
        asked = r"IsClosed = false AND Origin IN ('Web','O\'Brien') AND Risk_Score__c = 75 AND ParentId = null"
        assert asked in wire.queries()[0]
        with pytest.raises(Misconfigured, match="waiting"):
            list(adapter.read("Case", None, select=Select(fields=("Status",), where={"waiting longer": "15m"})))
        with pytest.raises(Misconfigured, match="dict"):
            list(adapter.read("Case", None, select=Select(fields=("Status",), where={"Origin": {"a": 1}})))


def test_without_fields_everything_is_selected_as_the_object_describes_itself_once() -> None:
    described = {"fields": [{"name": "Id"}, {"name": "Subject"}, {"name": "Body", "type": "base64"}]}
    with org() as (adapter, wire, _):
        wire.script("GET", BASE + "sobjects/Case/describe", json_answer(described))
        wire.script("GET", QUERY, found())
        list(adapter.read("Case", None, select=Select()))
        list(adapter.read("Case", None, select=Select()))
        assert wire.queries()[0].startswith(HEAD.replace(",Status", ",Subject") + " ORDER")
        assert len(wire.sent(BASE + "sobjects/Case/describe")) == 1


def test_a_name_that_cannot_be_a_field_is_refused_before_anything_is_sent() -> None:
    with org() as (adapter, wire, _):
        for name in ("Status FROM User", "1st", "a'b", "x-y"):
            with pytest.raises(Misconfigured, match="cannot be a field"):
                list(adapter.read("Case", None, select=Select(fields=(name,))))
        with pytest.raises(Misconfigured, match="cannot be an object"):
            adapter.read("orders.notes", None, select=FIELDS)
        assert (wire.queries(), wire.tokens) == ([], 0)


def test_known_and_custom_relationships_are_spelled_out() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found())
        fields = ("Account", "Order__r", "Parent.CaseNumber", "Status", "Status")
        list(adapter.read("Case", None, select=Select(fields=fields)))
        assert ",Account.Name,Order__r.Name,Parent.CaseNumber,Status FROM Case" in wire.queries()[0]


def test_fetching_by_id_leaves_missing_ones_out_and_takes_short_ids() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found(case(1), case(2)))
        keys = [row_id(1), row_id(2)[:15], row_id(3), "not an id", row_id(1)]
        found_ = adapter.fetch("Case", keys, select=FIELDS)
        assert {key: record.key for key, record in found_.items()} == {row_id(1): row_id(1), row_id(2)[:15]: row_id(2)}
        assert wire.queries() == [f"{HEAD} WHERE Id IN ('{row_id(1)}','{row_id(2)[:15]}','{row_id(3)}') ORDER BY Id"]


def test_fetching_what_cannot_exist_makes_no_call() -> None:
    with org() as (adapter, wire, _):
        assert adapter.fetch("Case", ["", "x"], select=FIELDS) == {}
        assert adapter.fetch("Case", [], by="our_key", select=FIELDS) == {}
        assert wire.queries() == []


def test_fetching_many_keys_stays_below_the_length_of_a_uri_and_finds_each() -> None:
    keys = [f"orders:_ref_arch:{number:08d}{'x' * (number % 90)}" for number in range(1000)]
    with org() as (adapter, wire, _):

        def answer(request: PreparedRequest) -> Answer:
            asked = re.findall(r"'([^']+)'", str(request.params["q"]).split(" IN ")[1])  # type: ignore[attr-defined]
            return found(*(case(keys.index(key), **{KEY: key}) for key in asked))

        wire.on("GET", QUERY, answer)
        found_ = adapter.fetch("Case", keys, by="our_key", select=FIELDS)
        assert list(found_) == keys
        assert all(record.our_key == key for key, record in found_.items())
        lengths = [len(str(request.url)) - len(QUERY) for request in wire.sent(QUERY)]
        assert max(lengths) < 14_100
        assert len(lengths) <= 12


def test_a_fetch_whose_result_comes_in_parts_is_whole() -> None:
    with org() as (adapter, wire, _):
        more = "/services/data/v66.0/query/01g-1"
        wire.script("GET", QUERY, found(case(1, **{KEY: "a"}), done=False, more=more))
        wire.script(
            "GET", BASE.removesuffix("v66.0/") + more.removeprefix("/services/data/"), found(case(2, **{KEY: "b"}))
        )
        assert set(adapter.fetch("Case", ["a", "b"], by="our_key", select=FIELDS)) == {"a", "b"}


def test_keys_with_quotes_cannot_break_out_of_the_query() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found())
        adapter.fetch("Case", ["x') OR (Name != '", "a\\"], by="our_key", select=FIELDS)
        assert wire.queries()[0].endswith(rf"WHERE {KEY} IN ('x\') OR (Name != \'','a\\') ORDER BY Id")
        assert urlsplit(str(wire.sent(QUERY)[0].url)).netloc == "acme.my.salesforce.com"


def test_objects_that_cannot_bear_our_key_take_no_writes_and_are_not_asked_for_it() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found())
        assert adapter.streams["EmailMessage"].writes == frozenset()
        list(adapter.read("EmailMessage", None, select=Select(fields=("TextBody",))))
        assert wire.queries() == [f"SELECT Id,SystemModstamp,TextBody FROM EmailMessage {TAIL} 2000"]
        with pytest.raises(Misconfigured, match="no key of ours"):
            adapter.fetch("EmailMessage", ["k"], by="our_key", select=Select(fields=("TextBody",)))


@pytest.mark.parametrize(
    ("user", "own"), [("", [True, True, False]), (USER, [False, True, False])], ids=["unknown", "known"]
)
def test_whose_comment_it_is_the_marker_says_alone_only_while_our_user_is_not_known(user: str, own: list[bool]) -> None:
    with org(unclaimed_owners=["Former User"]) as (adapter, wire, _):
        token = {"access_token": "00D000000000001!t", "instance_url": URL}
        wire.script("POST", TOKEN, json_answer(token | ({"id": f"{URL}/id/00D000000000001EAA/{user}"} if user else {})))
        marked = "Hello\n[complaints:_ref_arch:_c_p-1:messages:m1]"
        wire.script(
            "GET",
            QUERY,
            found(
                case(1, CommentBody=marked, CreatedById="005000000000009AAA", CreatedBy={"Name": "Ada Lee"}),
                case(2, CommentBody=marked, CreatedById="005000000000008AAA", CreatedBy={"Name": "Former User"}),
                case(3, CommentBody=None, CreatedById=USER, CreatedBy=None),
            ),
        )
        [page] = adapter.read("CaseComment", None, select=Select(fields=("CommentBody",)))
        assert [record.own for record in page.records] == own


@pytest.mark.parametrize("body", [[], {}, {"records": None}, "text"])
def test_an_answer_without_records_is_an_outage_not_an_empty_page(body: Any) -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, json_answer(body))
        with pytest.raises(Unavailable, match="without records"):
            list(adapter.read("Case", None, select=FIELDS))
