"""Products over real HTTP: flags site by site, what a refusal means, and what the shop says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from connector.errors import Changed, Gone, Misconfigured, Rejected
from connector.model import Attribute, FieldUse, Kind, Ref, Select, StreamUse
from connector.sandbox import Sandbox
from tests.contract.sandbox_caller import DATA, Caller, fault
from tests.contract.sfcc_shop import ALL, Shop, shop

HERE = "online_flag[default@RefArch]"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(orders=2, returns=0, shop_code=0) as made:
        yield made


@pytest.fixture
def ref(box: Sandbox) -> Iterator[Shop]:
    with shop(box, tries=1) as made:
        yield made


@pytest.fixture
def caller(ref: Shop) -> Iterator[Caller]:
    made = Caller(ref.box)
    yield made
    made.close()


def put(ref: Shop, fields: dict[str, Any], target: str = "701642", **more: Any) -> Any:
    return ref.write("products", "update", "k", fields, target=target, **more)


def test_a_flag_of_one_site_is_set_and_taken_back(ref: Shop) -> None:
    assert put(ref, {HERE: False, "c_recallNotice": "sharp"}).error is None
    product = ref.control.product("701642")
    assert product["online_flag"] == {"default": True, "default@RefArch": False}
    assert product["c_recallNotice"] == "sharp"

    assert put(ref, {HERE: None, "c_recallNotice": None}).error is None
    product = ref.control.product("701642")
    assert product["online_flag"] == {"default": True}
    assert "c_recallNotice" not in product


def test_a_product_is_read_with_its_entries_under_the_names_that_are_written(ref: Shop) -> None:
    put(ref, {HERE: False})
    found = ref.adapter.fetch("products", ["701642", "nowhere", "sku_ß1", ".."], select=ALL)
    assert set(found) == {"701642", "sku_ß1"}
    fields = found["701642"].fields
    assert (fields[HERE], fields["online_flag[default]"], fields["name[default]"]) == (False, True, "Tie, silk")
    assert fields.get("online_flag[default@Elsewhere]") is None


def test_an_unknown_product_is_refused_alone(ref: Shop) -> None:
    error = put(ref, {HERE: False}, target="nowhere").error
    assert isinstance(error, Gone)
    assert (error.code, bool(error.remedy)) == ("ProductNotFoundException", True)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"online_flag": False}, "online_flag"),
        ({"brand[default]": "x"}, "brand[default]"),
        ({"online": False}, "online"),
        ({HERE: "no"}, HERE),
        ({"online_flag[default@Nowhere]": False}, "online_flag"),
        ({"c_unknown": 1}, "c_unknown"),
        ({"c_recallNotice": 5}, "c_recallNotice"),
        ({"c_recallNotice": Ref("user", "ada")}, "c_recallNotice"),
    ],
)
def test_what_a_product_does_not_take_is_named(ref: Shop, fields: dict[str, Any], field: str) -> None:
    error = put(ref, fields).error
    assert isinstance(error, Rejected)
    assert error.field == field
    assert error.remedy


def test_a_product_that_changed_since_it_was_looked_at_is_left_alone(ref: Shop) -> None:
    (record,) = ref.adapter.fetch("products", ["701642"], select=ALL).values()
    ref.control.change_product("701642", c_recallNotice="a person's")
    error = put(ref, {"c_recallNotice": "ours"}, unless_changed=record.guard).error
    assert isinstance(error, Changed)
    assert ref.control.product("701642")["c_recallNotice"] == "a person's"

    (record,) = ref.adapter.fetch("products", ["701642"], select=ALL).values()
    assert put(ref, {"c_recallNotice": "ours"}, unless_changed=record.guard).error is None


def test_products_are_looked_up_and_not_polled(ref: Shop) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        list(ref.adapter.read("products", None, select=Select()))
    assert ref.adapter.fetch("products", ["701642"], by="our_key", select=ALL) == {}


# --- what the shop says of itself -------------------------------------------------------------------------------------


def writes(name: str, *kinds: Kind, **facts: Any) -> StreamUse:
    field = FieldUse(name, updates=True, kinds=frozenset(kinds), **facts)
    return StreamUse("products", writes=frozenset({"update"}), fields={name: field})


def test_what_fits_is_well(ref: Shop) -> None:
    uses = [writes(HERE, "boolean"), writes("c_recallNotice", "text"), writes("valid_to[default]", "instant")]
    assert ref.adapter.check(uses).problems == ()


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (writes("online_flag", "boolean"), "online_flag of a product is a map"),
        (writes("online", "boolean"), "cannot be written"),
        (writes(HERE, "text"), "takes boolean"),
        (writes("c_recalNotice", "text"), "Product has no attribute c_recalNotice"),
        (writes("c_recallNotice", "number"), "is of type string"),
        (StreamUse("products", fetches=True, fields={"onlin": FieldUse("onlin", reads=True)}), "no field onlin"),
    ],
)
def test_what_does_not_fit_is_said_before_any_record(ref: Shop, use: StreamUse, says: str) -> None:
    (problem,) = ref.adapter.check([use]).problems
    assert says in problem.message
    assert problem.remedy
    assert problem.stream == "products"


def test_a_missing_permission_names_the_entry_to_add(ref: Shop) -> None:
    permissions = [{"resource_id": "/products/*", "methods": ["get"]}]
    ref.control.set(permissions={"bench": permissions}, permission_style=403)
    (problem,) = ref.adapter.check([writes(HERE, "boolean")]).problems
    assert '"/products/*", "methods": ["patch"]' in problem.remedy


def test_the_files_for_an_administrator_are_enough(ref: Shop) -> None:
    uses = [writes(HERE, "boolean"), writes("c_recallNotice", "text")]
    both = StreamUse("products", writes=frozenset({"update"}), fields={**uses[0].fields, **uses[1].fields})
    made = ref.adapter.setup([both], {"products": {"c_recallNotice": Attribute("text", "Recall notice")}})
    assert (made.problems, made.guessed) == ((), {})
    files = {path: text for path, text in made.files.items() if path.startswith("meta/")}
    ref.control.import_shop(files)
    for kind in ("shop", "data"):
        ref.control.ocapi_settings(kind, orjson.loads(made.files[f"ocapi-settings.{kind}.json"]))

    assert ref.adapter.check([both]).problems == ()
    assert put(ref, {HERE: False, "c_recallNotice": "sharp"}).error is None
    assert "1 attributes of Product" in made.files["README.md"]


# --- the sandbox as it is ---------------------------------------------------------------------------------------------


def test_the_sandbox_refuses_what_the_shop_refuses(caller: Caller) -> None:
    url = f"{DATA}/products/701642"
    for body, kind in (
        ({"online_flag": True}, "TypeMissmatchException"),
        ({"online_flag": {"default": "yes"}}, "TypeMissmatchException"),
        ({"online_flag": {"default@Nowhere": True}}, "MalformedParameterException"),
        ({"online": True}, "UnknownPropertyException"),
        ({"id": "other"}, "IdConflictException"),
        ({"_resource_state": "old"}, "ResourceStateConflictException"),
    ):
        reply = caller.shop("PATCH", url, body)
        assert fault(reply)[1] == kind, body
    assert fault(caller.shop("GET", f"{DATA}/products/nowhere"))[1] == "ProductNotFoundException"
