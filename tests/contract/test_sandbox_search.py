"""order_search of the simulated shop: its grammar, its pages, its index that lags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import Caller, fault

CHANGED = [{"field": "last_modified", "sort_order": "asc"}, {"field": "order_no", "sort_order": "asc"}]


@pytest.fixture(scope="module")
def house() -> Iterator[Sandbox]:
    with Sandbox(orders=60, equal_run=20) as box:
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


def term(field: str, operator: str, *values: Any) -> dict[str, Any]:
    return {"term_query": {"fields": [field], "operator": operator, "values": list(values)}}


def window(low: str | None, high: str | None, **more: Any) -> dict[str, Any]:
    limits = {k: v for k, v in (("from", low), ("to", high)) if v}
    inner = {"range_filter": {"field": "last_modified", **limits, **more}}
    return {"filtered_query": {"query": {"match_all_query": {}}, "filter": inner}}


def truth(box: Sandbox) -> list[dict[str, Any]]:
    orders: list[dict[str, Any]] = box.control.orders("RefArch")
    return sorted(orders, key=lambda o: (o["last_modified"], o["order_no"]))


def test_pages_cover_everything_once_in_order(box: Sandbox, caller: Caller) -> None:
    seen: list[str] = []
    start: int | None = 0
    while start is not None:
        page = caller.search(sorts=CHANGED, start=start, count=25).json()
        assert (page["total"], page["start"]) == (60, start)
        seen += [h["data"]["order_no"] for h in page["hits"]]
        start = page.get("next", {}).get("start")
    assert seen == [o["order_no"] for o in truth(box)]
    last = caller.search(sorts=CHANGED, start=50, count=25).json()
    assert "next" not in last
    assert last["previous"] == {"_type": "result_page", "start": 25, "count": 25}


def test_descending_is_the_reverse(box: Sandbox, caller: Caller) -> None:
    down = [{"field": "last_modified", "sort_order": "desc"}, {"field": "order_no", "sort_order": "desc"}]
    assert caller.numbers(sorts=down, count=7, start=3) == [o["order_no"] for o in reversed(truth(box))][3:10]


def test_other_sorts_are_stable_over_several_fields(box: Sandbox, caller: Caller) -> None:
    by_status = [{"field": "status", "sort_order": "desc"}, {"field": "order_no", "sort_order": "asc"}]
    found = caller.numbers(sorts=by_status, count=60)
    assert len(found) == 60
    status = {o["order_no"]: o["status"] for o in truth(box)}
    assert found == sorted(sorted(status), key=lambda n: status[n], reverse=True)


def test_a_window_respects_its_bounds(box: Sandbox, caller: Caller) -> None:
    stamps = [o["last_modified"] for o in truth(box)]
    low, high = stamps[10], stamps[40]

    def expected(keep: Any) -> list[str]:
        return [o["order_no"] for o in truth(box) if keep(o["last_modified"])]

    assert caller.numbers(window(low, high), sorts=CHANGED, count=60) == expected(lambda s: low <= s <= high)
    half = window(low, high, to_inclusive=False)
    assert caller.numbers(half, sorts=CHANGED, count=60) == expected(lambda s: low <= s < high)
    inner = window(low, high, from_inclusive=False, to_inclusive=False)
    assert caller.numbers(inner, sorts=CHANGED, count=60) == expected(lambda s: low < s < high)
    assert caller.numbers(window(low, None), sorts=CHANGED, count=60) == expected(lambda s: s >= low)
    assert caller.numbers(window(None, low), sorts=CHANGED, count=60) == expected(lambda s: s <= low)


def test_dates_are_taken_in_every_precision(box: Sandbox, caller: Caller) -> None:
    minute = truth(box)[30]["last_modified"][:16]
    for written in (minute + "Z", minute + ":00Z", minute + ":00.000Z", minute + ":00+00:00"):
        found = caller.numbers(window(written, None), sorts=CHANGED, count=60)
        assert found == [o["order_no"] for o in truth(box) if o["last_modified"][:16] >= minute]


def test_terms_compare_texts_numbers_and_flags(box: Sandbox, caller: Caller) -> None:
    orders = truth(box)

    def expected(keep: Any) -> list[str]:
        return [o["order_no"] for o in orders if keep(o)]

    def found(query: Any) -> list[str]:
        return caller.numbers(query, sorts=CHANGED, count=60)

    assert found(term("status", "is", "new")) == expected(lambda o: o["status"] == "new")
    assert found(term("status", "one_of", "new", "open")) == expected(lambda o: o["status"] in ("new", "open"))
    assert found(term("status", "neq", "new")) == expected(lambda o: o["status"] != "new")
    assert found(term("c_riskScore", "greater", "40")) == expected(lambda o: o["c_riskScore"] > 40)
    assert found(term("total_gross_price", "less", 100)) == expected(lambda o: o["order_total"] < 100)
    assert found(term("c_addressMismatch", "is", True)) == expected(lambda o: o["c_addressMismatch"])
    guests = expected(lambda o: "customer_no" not in o["customer_info"])
    assert guests
    assert found({"term_query": {"fields": ["customer_no"], "operator": "is_null"}}) == guests
    assert set(guests) <= set(found(term("customer_no", "not_in", "C1")))  # negations also give nulls
    wanted = [o["order_no"] for o in orders[5:9]]
    assert found(term("order_no", "one_of", *wanted)) == wanted
    product = orders[0]["product_items"][0]["product_id"]
    assert orders[0]["order_no"] in found(term("product_items.product_id", "is", product))


def test_queries_nest(box: Sandbox, caller: Caller) -> None:
    orders = truth(box)
    low = orders[20]["last_modified"]
    query = {
        "filtered_query": {
            "query": {"bool_query": {
                "should": [term("payment_status", "is", "not_paid"), term("c_riskScore", "greater", 50)],
                "must_not": [term("status", "is", "completed")]}},
            "filter": {"bool_filter": {"operator": "and", "filters": [
                {"range_filter": {"field": "last_modified", "from": low}},
                {"bool_filter": {"operator": "not", "filters": [
                    {"term_filter": {"field": "c_fulfillmentStatus", "operator": "is", "values": ["DELAYED"]}}]}},
                {"query_filter": {"query": {"match_all_query": {}}}}]}},
        }
    }  # fmt: skip
    expected = [
        o["order_no"]
        for o in orders
        if (o["payment_status"] == "not_paid" or o["c_riskScore"] > 50)
        and o["status"] != "completed"
        and o["last_modified"] >= low
        and o["c_fulfillmentStatus"] != "DELAYED"
    ]
    assert expected
    assert caller.numbers(query, sorts=CHANGED, count=60) == expected


def test_an_or_of_windows_is_not_taken_for_one_window(box: Sandbox, caller: Caller) -> None:
    orders = truth(box)
    early, late = orders[5]["last_modified"], orders[50]["last_modified"]
    filters = [{"range_filter": {"field": "last_modified", "to": early}},
               {"range_filter": {"field": "last_modified", "from": late}}]  # fmt: skip
    query = {"filtered_query": {"query": {"match_all_query": {}},
                                "filter": {"bool_filter": {"operator": "or", "filters": filters}}}}  # fmt: skip
    expected = [o["order_no"] for o in orders if o["last_modified"] <= early or o["last_modified"] >= late]
    assert caller.numbers(query, sorts=CHANGED, count=60) == expected


def test_text_and_double_ranges(box: Sandbox, caller: Caller) -> None:
    orders = truth(box)
    name = orders[0]["customer_name"]
    text = {"text_query": {"fields": ["customer_name"], "search_phrase": name}}
    assert orders[0]["order_no"] in caller.numbers(text, count=60)
    low, high = orders[10]["last_modified"], orders[30]["last_modified"]
    body = {"from_field": "creation_date", "to_field": "last_modified", "from_value": low, "to_value": high}

    def found(mode: str) -> set[str]:
        query = {"filtered_query": {"query": {"match_all_query": {}},
                                    "filter": {"range2_filter": {**body, "filter_mode": mode}}}}  # fmt: skip
        return set(caller.numbers(query, count=60))

    def expected(keep: Any) -> set[str]:
        return {o["order_no"] for o in orders if keep(o["creation_date"], o["last_modified"])}

    assert found("overlap") == expected(lambda a, b: a <= high and low <= b)
    assert found("contained") == expected(lambda a, b: low <= a and b <= high)
    assert found("containing") == expected(lambda a, b: a <= low and high <= b)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"count": 201}, "MalformedParameterException"),
        ({"count": 0}, "MalformedParameterException"),
        ({"start": -1}, "MalformedParameterException"),
        ({"select": "(hits"}, "MalformedSelectorException"),
        ({"sorts": [{"field": "nothing"}]}, "FieldNotSortableException"),
        ({"sorts": [{"field": "status", "sort_order": "up"}]}, "EnumConstraintViolationException"),
        (
            {"query": {"range_query": {"field": "last_modified", "from": "2026-01-01T00:00:00Z"}}},
            "BodyDecodingException",
        ),
        ({"query": term("nothing", "is", 1)}, "MalformedParameterException"),
        ({"query": term("c_nothing", "is", 1)}, "InvalidCustomPropertyException"),
        ({"query": term("status", "like", "n")}, "EnumConstraintViolationException"),
        ({"query": term("status", "is")}, "MalformedParameterException"),
        ({"query": term("last_modified", "is", "soon")}, "InvalidSearchFieldTypeException"),
        ({"query": term("c_riskScore", "is", "high")}, "InvalidSearchFieldTypeException"),
        ({"query": window(None, None)}, "MalformedParameterException"),
        ({"query": {}}, "MalformedParameterException"),
        ({"sorts": ["status"]}, "MalformedParameterException"),
        ({"limit": 3}, "BodyDecodingException"),
    ],
)
def test_a_search_that_cannot_be_answered_is_refused(caller: Caller, change: dict[str, Any], kind: str) -> None:
    assert fault(caller.search(**change)) == (400, kind)


def test_a_selector_shapes_the_whole_result(caller: Caller) -> None:
    result = caller.search(select="(hits.(data.(order_no,c_riskScore)),total)", count=3).json()
    assert set(result) == {"_v", "_type", "hits", "total"}
    assert set(result["hits"][0]["data"]) == {"_type", "_resource_state", "order_no", "c_riskScore"}


def test_without_a_selector_hardly_anything_comes_back(caller: Caller) -> None:
    hit = caller.shop("POST", "/order_search", {"query": {"match_all_query": {}}}).json()["hits"][0]["data"]
    assert set(hit) == {"_type", "_resource_state", "order_no"}


def test_an_empty_result_has_no_hits(caller: Caller) -> None:
    result = caller.search(window("2040-01-01T00:00:00Z", None)).json()
    assert (result["total"], result["count"]) == (0, 0)
    assert "hits" not in result


def test_deep_pages_end_at_the_cap(box: Sandbox, caller: Caller) -> None:
    box.control.set(paging_cap=50)
    assert caller.search(start=25, count=25).status_code == 200
    assert fault(caller.search(start=50, count=25)) == (400, "MalformedParameterException")


def test_next_may_be_missing(box: Sandbox, caller: Caller) -> None:
    box.control.set(show_next=False)
    assert "next" not in caller.search(count=5).json()


def test_without_incremental_indexing_the_search_answers_500(box: Sandbox, caller: Caller) -> None:
    box.control.set(indexing=False)
    assert caller.search().status_code == 500


def test_search_lags_behind_the_truth(box: Sandbox, caller: Caller) -> None:
    box.control.set(index_lag=30)
    number = truth(box)[0]["order_no"]
    caller.shop("PATCH", f"/orders/{number}", {"c_caseNumber": "42"})
    assert caller.shop("GET", f"/orders/{number}").json()["c_caseNumber"] == "42"
    assert box.control.index_waiting() == 1
    (hit,) = caller.search(term("order_no", "is", number)).json()["hits"]
    assert "c_caseNumber" not in hit["data"]
    assert caller.numbers(sorts=CHANGED, count=1) == [number]  # under its old stamp
    box.control.advance(31)
    (hit,) = caller.search(term("order_no", "is", number)).json()["hits"]
    assert hit["data"]["c_caseNumber"] == "42"
    assert caller.numbers(sorts=CHANGED, count=60)[-1] == number


def test_documents_may_reach_the_index_out_of_order(box: Sandbox, caller: Caller) -> None:
    first, second = truth(box)[0]["order_no"], truth(box)[1]["order_no"]
    box.control.lag(first, 60)
    box.control.change_order(first, c_riskScore=1)
    box.control.change_order(second, c_riskScore=2)
    since = box.control.order(first)["last_modified"]
    assert caller.numbers(window(since, None)) == [second]
    box.control.advance(61)
    assert set(caller.numbers(window(since, None), sorts=CHANGED)) == {first, second}


def test_a_new_order_is_not_found_before_it_is_indexed(box: Sandbox, caller: Caller) -> None:
    box.control.set(index_lag=10)
    number = box.control.place_order()["order_no"]
    assert caller.numbers(term("order_no", "is", number)) == []
    assert caller.shop("GET", f"/orders/{number}").status_code == 200
    box.control.advance(11)
    assert caller.numbers(term("order_no", "is", number)) == [number]


def test_an_older_version_never_overtakes_a_newer_one_in_the_index(box: Sandbox, caller: Caller) -> None:
    number = truth(box)[0]["order_no"]
    box.control.lag(number, 60)
    box.control.change_order(number, c_riskScore=1)
    box.control.lag(number, 0)
    box.control.change_order(number, c_riskScore=2)
    box.control.advance(61)
    (hit,) = caller.search(term("order_no", "is", number)).json()["hits"]
    assert hit["data"]["c_riskScore"] == 2
