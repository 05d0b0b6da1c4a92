"""Documents, selectors, values, settings: what needs no wire."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from connector.adapter import Adapter, adapter_class
from connector.adapters.sfcc import Sfcc, SfccSettings
from connector.adapters.sfcc.client import check_values, encode, segment
from connector.adapters.sfcc.documents import object_record, order_record, selector
from connector.adapters.sfcc.notes import subject
from connector.adapters.sfcc.query import Window, changed
from connector.adapters.sfcc.streams import Streams
from connector.model import Ref, Write
from connector.testing import FrozenClock

PLAIN = {"url": "https://shop.example.org/", "site": "RefArch", "client_id": "c", "client_secret": "s"}


def faults(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        SfccSettings.model_validate({**PLAIN, **changes})
    return "; ".join(f"{error['loc']} {error['msg']}" for error in caught.value.errors())


def test_the_token_of_a_card_is_not_taken_in() -> None:
    card = {"card_type": "Visa", "credit_card_token": "tok", "masked_number": "****1111"}
    document = {
        "order_no": "1",
        "last_modified": "2026-11-20T10:02Z",
        "payment_instruments": [
            {"payment_card": card, "credit_card_token": "tok"},
            {"payment_method_id": "PayPal", "payment_card": None},
        ],
    }
    record = order_record(document, "RefArch")
    assert b"tok" not in orjson.dumps(record.fields)
    assert record.fields["payment_instruments"][0]["payment_card"]["masked_number"] == "****1111"


@pytest.mark.parametrize(
    "shown", ["2026-11-20T10:02Z", "2026-11-20T10:02:00Z", "2026-11-20T10:02:00.000Z", "2026-11-20T11:02:00+01:00"]
)
def test_a_date_in_every_documented_precision_is_one_stamp(shown: str) -> None:
    record = order_record({"order_no": "1", "last_modified": shown}, "RefArch")
    assert record.stamp == "2026-11-20T10:02:00.000Z"
    assert record.site == "RefArch"


def test_a_custom_object_is_named_by_its_key_whatever_its_type() -> None:
    assert object_record({"key_value_string": "RR-1"}, "RefArch").key == "RR-1"
    assert object_record({"key_value_integer": 17}, "RefArch").key == "17"
    assert object_record({"key_value_string": "RR-1"}, "RefArch").our_key is None
    ours = object_record({"key_value_string": "returns:_ref_arch:_r_r-1:refund", "site_id": "X"}, "RefArch")
    assert ours.our_key == ours.key
    assert ours.site == "X"


def test_a_selector_asks_for_what_is_needed() -> None:
    assert selector((), ("order_no",), "order") == "(**)"
    assert (
        selector(("c_x", "shipments", "order_no"), ("order_no", "last_modified"), "order")
        == "(count,start,total,next.(**),hits.(data.(c_x,shipments.(**),order_no,last_modified)))"
    )
    assert selector(("c_x",), ("site_id",), "object") == "(count,start,total,next.(**),hits.(c_x,site_id))"
    assert selector(("c_x),(**",), (), "order") == "(**)"


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (("customer_info.email", "customer_info.customer_no"), "customer_info.(email,customer_no)"),
        (("shipments.shipping_address.city", "shipments.c_dock"), "shipments.(shipping_address.(city),c_dock)"),
        (("payment_instruments.payment_card.card_type",), "payment_instruments.(payment_card.(card_type))"),
        (("product_items.price", "product_items"), "product_items.(**)"),
        (("product_items", "product_items.price"), "product_items.(**)"),
        (("customer_info.email.domain", "status.x", "c_x.y"), "customer_info.(email),status,c_x"),
        # what is a document itself, or not known, comes with all that is beside it
        (("shipments.shipping_address",), "shipments.(shipping_address.(**))"),
        (("shipments.shipping_method.id", "shipments.gift"), "shipments.(**)"),
        (("product_items.option_items.price",), "product_items.(**)"),
        (("coupon_items.code",), "coupon_items.(**)"),
    ],
)
def test_a_selector_opens_a_document_for_the_parts_that_are_known_to_be_simple(
    asked: tuple[str, ...], chosen: str
) -> None:
    assert selector(asked, (), "order") == f"(count,start,total,next.(**),hits.(data.({chosen})))"


def test_a_window_becomes_a_range_filter_inside_a_filtered_query() -> None:
    assert changed(Window(), {}) == {"match_all_query": {}}
    asked = changed(Window("a", "b"), {"status": "open", "c_x": [1, 2], "c_y": None})
    inner = asked["filtered_query"]
    assert inner["filter"] == {"range_filter": {"field": "last_modified", "from": "a", "to": "b"}}
    assert inner["query"]["bool_query"]["must"] == [
        {"term_query": {"fields": ["status"], "operator": "is", "values": ["open"]}},
        {"term_query": {"fields": ["c_x"], "operator": "one_of", "values": [1, 2]}},
        {"term_query": {"fields": ["c_y"], "operator": "is_null"}},
    ]


def test_money_is_sent_with_its_digits() -> None:
    assert encode({"c_a": Decimal("59.90"), "c_b": Decimal("1E+2"), "c_c": [Decimal("0.1")]}) == (
        b'{"c_a":59.90,"c_b":100,"c_c":[0.1]}'
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "open"),
        ("c_owner", Ref("queue", "Orders")),
        ("c_x", Decimal("NaN")),
        ("c_y", {1, 2}),
        ("c_z", object()),
    ],
)
def test_a_value_that_cannot_be_sent_is_refused_by_name(name: str, value: Any) -> None:
    refused = check_values({"c_fine": 1, "c_none": None, name: value})
    assert refused is not None
    assert refused.field == name
    assert refused.remedy


def test_a_key_is_one_segment_of_a_path() -> None:
    assert segment("a/b:c?d ü") == "a%2Fb%3Ac%3Fd%20%C3%BC"


@pytest.mark.parametrize("title", ["", "Return RR-1", "x" * 500, "two\nlines"])
@pytest.mark.parametrize("key", ["k", "k" * 200, "k" * 253])
def test_a_subject_ends_in_the_key_and_fits(title: str, key: str) -> None:
    made = subject(Write("append", key, {"subject": title}))
    assert made.endswith(f"[{key}]")
    assert len(made) <= 256
    assert "\n" not in made


def test_streams_answer_for_types_that_they_do_not_list() -> None:
    streams = Streams(120)
    statuses = [
        "status",
        "export_status",
        "confirmation_status",
        "payment_status",
        "shipping_status",
        "external_status",
    ]
    assert list(streams) == [
        "orders",
        "orders.notes",
        "products",
        "customers",
        *(f"orders.{name}" for name in statuses),
    ]
    assert {streams[f"orders.{name}"].object for name in statuses} == {"orders"}
    assert streams["custom_objects/ReturnRequest"].writes == {"create", "update", "delete"}
    assert streams["orders.notes"].object == "orders"
    for name in ("order", "custom_objects", "custom_objects/", "custom_objects/a/b", "custom_objects/ü", "Orders"):
        with pytest.raises(KeyError):
            streams[name]
        assert name not in streams


def test_settle_after_is_a_setting_of_every_stream() -> None:
    streams = Streams(7)
    assert {streams[name].settle_after for name in (*streams, "custom_objects/X")} == {7}


def test_the_adapter_is_found_by_name_and_fits_the_seam() -> None:
    assert adapter_class("sfcc") is Sfcc
    made = Sfcc("shop", SfccSettings.model_validate(PLAIN), clock=FrozenClock())
    assert isinstance(made, Adapter)
    assert made.calls() == 0
    made.close()


def test_settings_have_their_defaults() -> None:
    settings = SfccSettings.model_validate(PLAIN)
    assert settings.url == "https://shop.example.org"
    assert settings.auth_url == "https://account.demandware.com"
    assert (settings.shop_version, settings.data_version) == ("v24_5", "v25_6")
    assert "s" not in str(settings.client_secret)


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"])
def test_plain_http_is_for_loopback(url: str) -> None:
    assert SfccSettings.model_validate({**PLAIN, "url": url}).url == url


def test_times_may_carry_their_unit() -> None:
    settings = SfccSettings.model_validate(
        {**PLAIN, "settle_after": "2m", "margin": "500ms", "index_lag": 7, "timeouts": {"total": "1m", "read": "20s"}}
    )
    assert (settings.settle_after, settings.margin, settings.index_lag) == (120, 0.5, 7)
    assert (settings.timeouts.total, settings.timeouts.read, settings.timeouts.connect) == (60, 20, 5)
    assert "500ms, 60s" in faults(margin="soon")
    assert "margin" in faults(margin=-1)
    assert "timeouts" in faults(timeouts={"total": 0})


def test_wrong_settings_are_said_with_a_way_out(tmp_path: Path) -> None:
    assert "write https://shop.example.org" in faults(url="http://shop.example.org")
    assert "https://" in faults(auth_url="account.demandware.com")
    assert "client_id" in faults(url="https://user:pw@shop.example.org")
    assert "organization: f_ecom_" in faults(api="scapi")
    assert "remove it" in faults(api="scapi", organization="f_ecom_zzte_053", shop_version="v24_5")
    assert "remove it" in faults(organization="f_ecom_zzte_053")
    assert "{nothing}" in faults(api="scapi", organization="f_ecom_zzte_053", object_path="{type}/{nothing}")
    assert "{type}" in faults(api="scapi", organization="f_ecom_zzte_053", object_search="search")
    assert "extra" in faults(clientid="x").lower()
    assert "deep_paging" in faults(deep_paging=100)
    assert "shop_version" in faults(shop_version="24.5")
    assert "ca_file" in faults(ca_file=str(tmp_path / "none.pem"))
    assert "site" in faults(site="Ref Arch")
    assert "page" in faults(page=500)
