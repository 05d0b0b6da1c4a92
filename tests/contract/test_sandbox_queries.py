"""SOQL of the simulated org: what pollers ask, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import SERVICE, Caller, error, refused

KEYSET = (
    "SELECT Id, Commerce_Key__c, SystemModstamp FROM Case WHERE Commerce_Key__c LIKE 'shop:%' AND "
    "(SystemModstamp > {t} OR (SystemModstamp = {t} AND Id > '{id}')) ORDER BY SystemModstamp, Id LIMIT {n}"
)


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=0) as box:
        yield box


@pytest.fixture
def box(house: Sandbox) -> Sandbox:
    house.control.reset()
    return house


@pytest.fixture
def caller(box: Sandbox) -> Iterator[Caller]:
    made = Caller(box)
    yield made
    made.close()


def literal(stamp: str) -> str:
    """A stamp as a SOQL literal."""
    return stamp.replace("+0000", "Z")


def test_a_keyset_walk_meets_every_case_once(box: Sandbox, caller: Caller) -> None:
    for start in range(0, 60, 20):
        caller.upsert(
            *[{"Commerce_Key__c": f"shop:{i}"} for i in range(start, start + 20)], {"Commerce_Key__c": f"x{start}"}
        )
        box.control.advance(3)
    seen: list[str] = []
    stamp, last = "2026-01-01T00:00:00Z", "500000000000000AAA"
    while rows := caller.rows(KEYSET.format(t=stamp, id=last, n=7)):
        seen += [r["Commerce_Key__c"] for r in rows]
        stamp, last = literal(rows[-1]["SystemModstamp"]), rows[-1]["Id"]
    assert seen == [f"shop:{i}" for i in range(60)]


def test_a_changed_case_moves_to_the_end_of_the_walk(box: Sandbox, caller: Caller) -> None:
    caller.upsert(*[{"Commerce_Key__c": f"shop:{i}"} for i in range(3)])
    box.control.advance(2)
    box.control.agent_take("shop:0")
    keys = [r["Commerce_Key__c"] for r in caller.rows("SELECT Commerce_Key__c FROM Case ORDER BY SystemModstamp, Id")]
    assert keys == ["shop:1", "shop:2", "shop:0"]
    box.control.advance(2)
    before = box.control.case("shop:1")
    box.control.touch("shop:1")
    after = box.control.case("shop:1")
    assert after["SystemModstamp"] > before["SystemModstamp"]
    assert after["LastModifiedDate"] == before["LastModifiedDate"]


def test_conditions_choose_rows(box: Sandbox, caller: Caller) -> None:
    caller.upsert(
        {"Commerce_Key__c": "a", "Subject": "O'Brien", "Order_Total__c": 5, "Type": "Return"},
        {"Commerce_Key__c": "b", "Subject": "100%_sure", "Order_Total__c": 50.5, "Type": "return"},
        {"Commerce_Key__c": "c", "Order_Total__c": 500, "IsEscalated": True, "Type": "Complaint"},
    )

    def found(where: str) -> str:
        rows = caller.rows(f"SELECT Commerce_Key__c FROM Case WHERE {where} ORDER BY Commerce_Key__c")
        return "".join(r["Commerce_Key__c"] for r in rows)

    assert found("Subject = 'o\\'brien'") == "a"  # without regard to case
    assert found("Subject LIKE '%brien'") == "a"
    assert found("Subject LIKE '100\\%\\_%'") == "b"
    assert found("Subject LIKE 'O_B%'") == "a"
    assert found("Subject = null") == "c"
    assert found("Subject != null") == "ab"
    assert found("Type = 'Return'") == "ab"
    assert found("Type != 'Return'") == "c"
    assert found("Order_Total__c > 5 AND Order_Total__c <= 500") == "bc"
    assert found("(Order_Total__c = 5 OR Order_Total__c = 500) AND IsEscalated = false") == "a"
    assert found("NOT (Order_Total__c >= 50)") == "a"
    assert found("Commerce_Key__c IN ('A','C','zz')") == "ac"
    assert found("Commerce_Key__c NOT IN ('a')") == "bc"
    assert found("CreatedDate >= 2026-01-01T00:00:00+02:00") == "abc"
    assert found("SystemModstamp < 2026-01-01T00:00:00.000Z") == ""
    assert found("Owner.Name = 'Integration' AND Owner.Type = 'User'") == "abc"
    ids = [c["Id"] for c in box.control.cases()]
    assert found(f"Id IN ('{ids[0]}','{ids[1][:15]}')") == "ab"


def test_relations_come_as_objects_of_their_own(box: Sandbox, caller: Caller) -> None:
    queue = caller.rows("SELECT Id, DeveloperName FROM Group WHERE Type = 'Queue' AND DeveloperName = 'Orders'")[0][
        "Id"
    ]
    caller.upsert({"Commerce_Key__c": "a", "OwnerId": queue})
    (row,) = caller.rows("SELECT Id, Owner.Name, Owner.Type, CreatedBy.Username FROM Case")
    assert row["Owner"]["attributes"]["type"] == "Group"
    assert (row["Owner"]["Name"], row["Owner"]["Type"]) == ("Orders", "Queue")
    assert row["CreatedBy"]["Username"] == "integration@acme.example"
    box.control.agent_take("a")
    (row,) = caller.rows("SELECT Owner.Name, Owner.Type, Parent.Subject FROM Case")
    assert (row["Owner"]["Name"], row["Owner"]["Type"], row["Parent"]) == ("Ines Agent", "User", None)
    assert caller.rows("SELECT Queue.DeveloperName FROM QueueSobject WHERE SobjectType = 'Case'")[0]["Queue"]
    closed = caller.rows("SELECT MasterLabel, IsClosed, IsDefault FROM CaseStatus WHERE IsClosed = true")
    assert [c["MasterLabel"] for c in closed] == ["Closed"]


def test_order_limit_offset_and_nulls(caller: Caller) -> None:
    caller.upsert(
        *[{"Commerce_Key__c": k, "Order_Total__c": n} for k, n in (("a", 2), ("b", None), ("c", 1), ("d", 2))]
    )

    def keys(tail: str) -> str:
        return "".join(r["Commerce_Key__c"] for r in caller.rows(f"SELECT Commerce_Key__c FROM Case {tail}"))

    assert keys("ORDER BY Order_Total__c, Commerce_Key__c") == "bcad"
    assert keys("ORDER BY Order_Total__c ASC NULLS LAST, Commerce_Key__c DESC") == "cdab"
    assert keys("ORDER BY Order_Total__c DESC NULLS LAST, Commerce_Key__c") == "adcb"
    assert keys("ORDER BY Commerce_Key__c LIMIT 2 OFFSET 1") == "bc"
    assert keys("ORDER BY SystemModstamp, Id LIMIT 2 OFFSET 1") == "bc"


def test_counting(caller: Caller) -> None:
    caller.upsert({"Commerce_Key__c": "a"}, {"Commerce_Key__c": "b"})
    assert caller.query("SELECT COUNT() FROM Case").json() == {"totalSize": 2, "done": True, "records": []}
    (row,) = caller.rows("SELECT COUNT(Id) FROM Case WHERE Commerce_Key__c = 'a'")
    assert row["expr0"] == 1


def test_the_recycle_bin_is_seen_by_queryall_only(box: Sandbox, caller: Caller) -> None:
    one, two = (r["id"] for r in caller.upsert({"Commerce_Key__c": "a"}, {"Commerce_Key__c": "b"}).json())
    box.control.agent_merge(one, two)
    assert len(caller.rows("SELECT Id FROM Case")) == 1
    reply = caller.org("GET", "/queryAll", params={"q": "SELECT Id, IsDeleted, MasterRecordId FROM Case ORDER BY Id"})
    assert [(r["IsDeleted"], r["MasterRecordId"]) for r in reply.json()["records"]] == [(False, None), (True, one)]


def test_pages_follow_a_locator_that_ends(box: Sandbox, caller: Caller) -> None:
    box.control.set(page_size=4)
    caller.upsert(*[{"Commerce_Key__c": f"{i:02d}"} for i in range(10)])
    page = caller.org(
        "GET", "/query/", params={"q": "SELECT Commerce_Key__c FROM Case ORDER BY Commerce_Key__c"}
    ).json()
    assert (page["totalSize"], page["done"], len(page["records"])) == (10, False, 4)
    seen = [r["Commerce_Key__c"] for r in page["records"]]
    following = page["nextRecordsUrl"]
    while not page["done"]:
        page = caller.org("GET", page["nextRecordsUrl"]).json()
        seen += [r["Commerce_Key__c"] for r in page["records"]]
    assert seen == [f"{i:02d}" for i in range(10)]
    box.control.set(session_lifetime=10**6)
    box.control.advance(172_801)
    caller.sign_in_org()
    assert error(caller.org("GET", following)) == (400, "INVALID_QUERY_LOCATOR")
    assert error(caller.org("GET", f"{SERVICE}/query/01gnonsense-2000")) == (400, "INVALID_QUERY_LOCATOR")


def test_a_smaller_page_is_a_hint(caller: Caller) -> None:
    for start in (0, 200):
        caller.upsert(*[{"Commerce_Key__c": f"{i}"} for i in range(start, start + 200)])
    reply = caller.query("SELECT Id FROM Case", headers={"Sforce-Query-Options": "batchSize=50"}).json()
    assert len(reply["records"]) == 200  # the least there is


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Id FORM Case", "MALFORMED_QUERY"),
        ("SELECT FROM Case", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Status = Closed", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Subject = 'open", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Subject = 'a' AND Type = 'b' OR Type = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case LIMIT ten", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case LIMIT 1.5", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case LIMIT -1", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Subject = 'a\\u12'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case WHERE Subject = 'a\\x'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Case; DROP", "MALFORMED_QUERY"),
        ("SELECT * FROM Case", "MALFORMED_QUERY"),
        ("SELECT Nope__c FROM Case", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Nope__c = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Case ORDER BY Nope__c", "INVALID_FIELD"),
        ("SELECT Boss.Name FROM Case", "INVALID_FIELD"),
        ("SELECT Owner.Nope FROM Case", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Id FROM Case WHERE SystemModstamp > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE SystemModstamp > 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Order_Total__c = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Subject = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE IsClosed = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM CaseHistory WHERE NewValue = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Case WHERE Id = 'nonsense'", "INVALID_QUERY_FILTER_OPERATOR"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(caller: Caller, text: str, code: str) -> None:
    assert error(caller.query(text)) == (400, code)


def test_a_uri_may_have_sixteen_thousand_bytes(caller: Caller) -> None:
    some = ",".join(f"'{i:040d}'" for i in range(300))
    assert caller.query(f"SELECT Id FROM Case WHERE Commerce_Key__c IN ({some})").status_code == 200
    many = ",".join(f"'{i:040d}'" for i in range(400))
    assert error(caller.query(f"SELECT Id FROM Case WHERE Commerce_Key__c IN ({many})")) == (414, "URI_TOO_LONG")


def test_a_late_commit_is_seen_later_under_its_old_stamp(box: Sandbox, caller: Caller) -> None:
    caller.upsert({"Commerce_Key__c": "shop:1", "Subject": "x"})
    box.control.fault(kind="late_commit", system="salesforce", method="PATCH", seconds=30, times=1)
    caller.upsert({"Commerce_Key__c": "shop:1", "Subject": "y"}, {"Commerce_Key__c": "shop:2"})
    box.control.advance(10)
    caller.upsert({"Commerce_Key__c": "shop:3"})
    text = "SELECT Commerce_Key__c, Subject, SystemModstamp FROM Case ORDER BY SystemModstamp, Id"
    assert [(r["Commerce_Key__c"], r["Subject"]) for r in caller.rows(text)] == [("shop:1", "x"), ("shop:3", None)]
    assert caller.org("GET", "/sobjects/Case/Commerce_Key__c/shop:1").json()["Subject"] == "x"
    assert caller.org("GET", "/sobjects/Case/Commerce_Key__c/shop:2").status_code == 404
    waiting = caller.upsert({"Commerce_Key__c": "shop:1"}, {"Commerce_Key__c": "shop:2"}).json()
    assert [refused(w) for w in waiting] == ["UNABLE_TO_LOCK_ROW"] * 2
    box.control.advance(25)
    rows = caller.rows(text)
    assert [r["Commerce_Key__c"] for r in rows] == ["shop:1", "shop:2", "shop:3"]
    assert rows[1]["SystemModstamp"] < rows[2]["SystemModstamp"]
