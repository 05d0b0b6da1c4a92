"""config.example.yaml and docs/configuration.md say what the schema says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from connector.adapter import adapter_class
from connector.config import load_config
from connector.config.schema import Defaults, File, FlowPart
from connector.document import load
from connector.engine.budget import lane_of
from connector.errors import ConfigFault

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config.example.yaml"
DOCS = ROOT / "docs" / "configuration.md"
ENVIRON = {
    "SFCC_URL": "https://shop.example",
    "SFCC_CLIENT_ID": "shop-client",
    "SFCC_CLIENT_SECRET": "s",
    "SALESFORCE_URL": "https://desk.example",
    "SALESFORCE_CLIENT_ID": "desk-client",
    "SALESFORCE_CLIENT_SECRET": "s",
}
SECTIONS = ("defaults", "retry", "keep", "daemon", "web", "log")


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def test_the_example_loads_without_a_fault() -> None:
    config = load_config(EXAMPLE, environ=ENVIRON, now=datetime(2026, 11, 20, tzinfo=UTC))
    assert list(config.flows) == [
        "orders-to-cases",
        "returns-to-cases",
        "complaints-to-cases",
        "disputes-to-cases",
        "warranty-to-cases",
        "reviews-to-cases",
        "fulfilments-to-cases",
        "checkouts-to-cases",
        "changes-to-cases",
        "changes-straight",
        "cases-to-orders",
        "cases-to-reviews",
        "cases-to-fulfilments",
        "cases-to-checkouts",
        "cases-to-changes",
        "changes-done-to-cases",
        "cases-to-refunds",
        "refunds-to-cases",
        "cases-to-returns",
        "comments-to-returns",
        "files-to-returns",
        "cases-to-complaints",
        "credits-to-cases",
        "recalls-to-products",
        "cases-to-disputes",
        "cases-to-warranty",
        "comments-to-complaints",
        "claims-to-orders",
        "declined-payments-in-time",
        "cases-in-time",
        "double-claims",
        "idle-cases",
        "given-back-cases",
    ]
    decisions = {name for name, flow in config.flows.items() if lane_of(flow) == "write-back"}
    assert decisions >= {name for name, flow in config.flows.items() if flow.answers} | {
        "cases-to-orders",
        "cases-to-refunds",
    }
    assert lane_of(config.flows["orders-to-cases"]) == lane_of(config.flows["double-claims"]) == "live"
    assert config.flows["cases-to-orders"].start == datetime(2026, 11, 13, tzinfo=UTC)


def test_the_example_has_a_flow_for_every_mapping_that_is_shipped() -> None:
    flows = load(str(EXAMPLE)).data["flows"]
    used = {flow["mapping"] for flow in flows.values()}
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mappings").glob("*/*.yaml")}
    of_scapi = "mappings/salesforce/refund-to-event.yaml"  # the shop of the example has OCAPI
    assert f"  #   mapping: {of_scapi}\n" in EXAMPLE.read_text()
    told = "one configuration holds all of them side by side, so that check sees where two would meet"
    assert shipped - {of_scapi} <= used, told


def test_the_example_without_its_variables_misses_these_and_nothing_else() -> None:
    with pytest.raises(ConfigFault) as caught:
        load_config(EXAMPLE, environ={})
    assert {each.message for each in caught.value.faults} == {
        f"the environment variable {name} is not set" for name in ENVIRON
    }


def test_no_secret_of_the_example_can_be_printed() -> None:
    config = load_config(EXAMPLE, environ={**ENVIRON, "SFCC_CLIENT_SECRET": "hunter2"})
    assert "hunter2" not in repr(config)
    assert "hunter2" not in str(config.connections["shop"].settings)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_example_shows_every_setting_with_its_default(section: str) -> None:
    data = load(str(EXAMPLE)).data
    model = type(getattr(File.model_validate({"connections": {}, "store": "x", "flows": {}}), section))
    assert sorted(data[section]) == sorted(keys_of(model))
    assert model.model_validate(data[section]) == model()


def test_the_example_shows_every_setting_of_a_flow() -> None:
    text = EXAMPLE.read_text()
    named = {key for key in keys_of(FlowPart) if not re.search(rf"\b{re.escape(key)}\b", text)}
    assert named <= {"moved_from", "where"}, "these come with later flows"
    assert set(keys_of(Defaults)) <= set(keys_of(FlowPart))


@pytest.mark.parametrize("name", ["sfcc", "salesforce", "jsonl"])
def test_the_example_shows_every_setting_of_an_adapter(name: str) -> None:
    text = EXAMPLE.read_text()
    part = text[text.index(f"adapter: {name}") :]
    missing = [key for key in keys_of(adapter_class(name).Settings) if not re.search(rf"\b{key}:", part)]
    assert [key for key in missing if key != "grant"] == []


@pytest.mark.parametrize("section", [*SECTIONS, "connections", "store", "flows"])
def test_every_setting_is_documented(section: str) -> None:
    text = DOCS.read_text()
    fields: dict[str, Any] = {"flows": FlowPart, "connections": None, "store": None}
    model = fields.get(section, File.model_fields[section].annotation)
    assert f"`{section}`" in text
    for key in keys_of(model) if model else ():
        assert f"`{key}`" in text, f"docs/configuration.md does not explain {section}.{key}"
