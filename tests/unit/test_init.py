"""`connector init`: a first configuration that `check` takes at once, offered from the shipped mappings themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from connector.cli import main
from connector.cli.root import Session, root
from connector.cli.shipped import NAMES, Shipped, choices, chosen, shipped
from connector.config import load_config
from connector.document import load
from tests.written_docs import ROOT

MAPPINGS = ROOT / "mappings" / "salesforce"
ENVIRON = {
    "SFCC_URL": "https://shop.example.com",
    "SFCC_CLIENT_ID": "hunter2-client",
    "SFCC_CLIENT_SECRET": "hunter2-shop",
    "SALESFORCE_URL": "https://org.example.com",
    "SALESFORCE_CLIENT_ID": "hunter2-app",
    "SALESFORCE_CLIENT_SECRET": "hunter2-org",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def flows() -> dict[str, Shipped]:
    return shipped(MAPPINGS)


# what is offered
def test_every_shipped_mapping_is_offered_or_comes_along(flows: dict[str, Shipped]) -> None:
    assert {one.file.name for one in flows.values()} == {file.name for file in MAPPINGS.glob("*.yaml")}
    reached = {flow.name for flow in chosen(flows, [one.name for one in choices(flows)])}
    assert reached == set(flows)


def test_names_are_those_of_the_example_since_they_live_for_ever(flows: dict[str, Shipped]) -> None:
    named: dict[str, list[str]] = {}
    for name, flow in load(str(ROOT / "config.example.yaml")).data["flows"].items():
        named.setdefault(Path(flow["mapping"]).name, []).append(name)
    for one in flows.values():
        assert one.name in named.get(one.file.name, [one.name]), (
            "add the mapping's flow to NAMES, as the example calls it"
        )


def test_no_name_is_kept_for_a_mapping_that_is_gone() -> None:
    assert {f"{stem}.yaml" for stem in NAMES} <= {file.name for file in MAPPINGS.glob("*.yaml")}


def test_a_flow_that_answers_another_finds_it_under_its_name(flows: dict[str, Shipped]) -> None:
    answering = [one for one in flows.values() if one.answers is not None]
    assert answering
    for one in answering:
        assert one.answers in flows, f"{one.file.name} answers {one.answers}, which no shipped mapping is"
        assert one.name in flows[str(one.answers)].back


def test_a_new_mapping_appears_by_itself(tmp_path: Path) -> None:
    (tmp_path / "gift-to-case.yaml").write_text(
        "# Gifts.\n#\n# Flow:     {from: shop.custom_objects/Gift, to: service.Case,\n"
        "#           mapping: mappings/salesforce/gift-to-case.yaml}\n# Answered: case-to-gift.yaml carries it back.\n"
        "summary: A gift becomes a case.\nfields: {Subject: x}\n"
    )
    (tmp_path / "case-to-gift.yaml").write_text(
        "# Flow: {from: service.Case, to: shop.custom_objects/Gift, mapping: m, answers: gifts-to-cases}\nfields: {c_x: x}\n"
    )
    found = shipped(tmp_path)
    assert set(found) == {"gifts-to-cases", "cases-to-gifts"}
    assert found["gifts-to-cases"].back == ("cases-to-gifts",)
    assert found["gifts-to-cases"].says["from"] == "shop.custom_objects/Gift"
    assert [one.summary for one in choices(found)] == ["A gift becomes a case."]


# what is written
@pytest.mark.parametrize("api", ["ocapi", "scapi"])
def test_all_flows_over_either_api_pass_check_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str], api: str, flows: dict[str, Shipped]
) -> None:
    more = ["--organization", "f_ecom_zzte_053"] if api == "scapi" else []
    assert main(["init", "--api", api, "--mappings", str(MAPPINGS.parent), "--yes", *more]) == 0
    told = capsys.readouterr().out
    idle = {"ocapi": "refunds-to-events", "scapi": "comments-to-returns"}[api]
    assert f"{idle} is left out: {api} can do nothing of it" in told
    assert main(["check"]) == 0
    assert f"{len(flows) - 1} flows" in capsys.readouterr().out
    made = load_config("config.yaml")
    assert set(made.flows) == set(flows) - {idle}
    text = (folder / "config.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=")
    assert "hunter2" not in text + told
    assert "connector check --live" in told
    assert "connector setup" in told
    for one in flows.values():
        assert (one.summary in text) == (one.name != idle)


def test_what_the_example_leaves_off_is_not_switched_on_by_taking_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = load(str(ROOT / "config.example.yaml")).data["flows"]
    off = {Path(says["mapping"]).name for says in example.values() if says.get("enabled") is False}
    assert off == {"idle-case-to-queue.yaml"}
    assert main(["init", "--mappings", str(MAPPINGS.parent), "--yes"]) == 0
    made = load("config.yaml").data["flows"]
    assert {Path(s["mapping"]).name for s in made.values() if s.get("enabled") is False} == off
    assert "idle-cases: enabled: false, until your team wants it" in capsys.readouterr().out


def test_each_choice_alone_passes_check(folder: Path, flows: dict[str, Shipped]) -> None:
    for one in choices(flows):
        if one.name == "refunds-to-events":
            continue
        config = str(folder / f"{one.name}.yaml")
        arguments = ["--flows", one.name, "--mappings", str(MAPPINGS.parent), "--yes", "--config", config]
        assert main(["init", *arguments]) == 0, "init reads what it has made as check does"
        assert set(yaml.safe_load(Path(config).read_text())["flows"]) == {one.name, *one.back}


def test_a_flow_of_which_the_api_can_do_nothing_is_refused_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["init", "--flows", "refunds-to-events", "--mappings", str(MAPPINGS.parent), "--yes"]
    assert main(given) == 2
    assert "no flow is left; choose another one, or another --api" in capsys.readouterr().err
    assert main([*given, "--api", "scapi", "--organization", "f_ecom_zzte_053"]) == 0
    assert set(load_config("config.yaml").flows) == {"refunds-to-events"}


@pytest.mark.parametrize(
    ("flow", "hosts", "written"),
    [
        ("returns-to-cases", ["--files", "a.example.com, *.cdn.example.com"], ["a.example.com", "*.cdn.example.com"]),
        ("returns-to-cases", [], []),
        ("recalls-to-products", [], None),
        ("recalls-to-products", ["--files", "a.example.com"], ["a.example.com"]),
    ],
)
def test_hosts_of_files_are_written_where_a_flow_puts_files_on_cases(
    folder: Path, capsys: pytest.CaptureFixture[str], flow: str, hosts: list[str], written: list[str] | None
) -> None:
    assert main(["init", "--flows", flow, *hosts, "--mappings", str(MAPPINGS.parent), "--yes"]) == 0
    told = capsys.readouterr().out
    service = yaml.safe_load((folder / "config.yaml").read_text())["connections"]["service"]
    assert service.get("files", {}).get("hosts") == written
    assert ("files: no host is named" in told) == (written == [])
    assert main(["check"]) == 0


def test_in_a_terminal_hosts_are_asked_for_if_a_chosen_flow_needs_them(folder: Path) -> None:
    for flow, answer in (("returns-to-cases", "media.example.com\n"), ("recalls-to-products", "")):
        config = folder / f"{flow}.yaml"
        given = ["init", "--mappings", str(MAPPINGS.parent), "--config", str(config)]
        asked = CliRunner().invoke(root, given, input=f"ocapi\n{flow}\nRefArch\n{answer}y\n", obj=Session())
        assert asked.exit_code == 0, asked.output
        question = "Hosts that files are fetched from, with commas, or none yet (returns-to-cases "
        assert (question in asked.output) == bool(answer)
        service = yaml.safe_load(config.read_text())["connections"]["service"]
        assert service.get("files", {}).get("hosts") == (["media.example.com"] if answer else None)


def test_what_scapi_cannot_is_left_out_and_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--flows", "orders-to-cases", "--api", "scapi", "--organization", "f_ecom_zzte_053", "--yes"]
    assert main(["init", *arguments, "--mappings", str(MAPPINGS.parent)]) == 0
    told = capsys.readouterr().out
    data = yaml.safe_load((folder / "config.yaml").read_text())
    assert data["flows"]["cases-to-orders"]["without"] == ["decision"]
    assert data["flows"]["orders-to-cases"]["where"] == {"status": ["new", "completed", "cancelled"]}
    assert "cases-to-orders: without: decision, for what scapi cannot do" in told


def test_a_file_that_is_there_is_never_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.yaml").write_text("mine")
    assert main(["init", "--yes", "--mappings", str(MAPPINGS.parent)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (folder / "config.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--flows", "order-to-cases"], "did you mean 'orders-to-cases'?"),
        (["--cases", "servicenw"], "is none of salesforce"),
        (["--api", "scapi"], "needs --organization"),
        (["--api", "scapi", "--organization", "zzte"], "organization"),
        (["--site", "a b"], "--site: 'a b' is none; write letters, digits"),
        (["--site", "a b", "--api", "scapi", "--organization", "x"], "--organization: 'x' is none; write f_ecom_"),
        (["--files", "http://a.example.com/"], "--files: 'http://a.example.com/' is no host; write"),
        (["--start", "tomorrow"], "--start: 'tomorrow' is no start; write beginning, now"),
        (["--flows", ""], "--flows: it names no flow"),
        (["--config", "nowhere/config.yaml"], "there is no folder nowhere"),
        (["--mappings", "/nowhere"], "there are no mappings in /nowhere"),
    ],
)
def test_a_wrong_option_is_said_with_the_way_out_and_nothing_is_left_behind(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    given = arguments if "--mappings" in arguments else [*arguments, "--mappings", str(MAPPINGS.parent)]
    assert main(["init", "--yes", *given]) == 2
    assert told in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_a_site_that_yaml_would_take_for_a_number_stays_a_text(folder: Path) -> None:
    for site in ("123", "true", "null"):
        arguments = ["--flows", "orders-to-cases", "--yes", "--site", site, "--config", f"{site}.yaml"]
        assert main(["init", *arguments, "--mappings", str(MAPPINGS.parent)]) == 0
        assert load(f"{site}.yaml").data["connections"]["shop"]["site"] == site


def test_a_fault_is_told_with_the_file_that_would_be_written(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFCC_URL", "ftp://shop.example.com")
    assert main(["init", "--yes", "--mappings", str(MAPPINGS.parent)]) == 2
    told = capsys.readouterr().err
    assert "config.yaml:8:10  url: not an http(s) URL" in told
    assert "trial" not in told


def test_an_empty_variable_is_one_that_is_to_be_set(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SFCC_URL", "")
    assert main(["init", "--yes", "--mappings", str(MAPPINGS.parent)]) == 0
    assert "next: set SFCC_URL in the environment, then" in capsys.readouterr().out


def test_variables_that_are_not_set_are_named_and_do_not_stop_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SFCC_CLIENT_SECRET")
    assert main(["init", "--yes", "--mappings", str(MAPPINGS.parent)]) == 0
    assert "next: set SFCC_CLIENT_SECRET in the environment, then" in capsys.readouterr().out


def test_asked_in_a_terminal_it_offers_numbers_and_shows_the_file_before_it_writes(folder: Path) -> None:
    answers = "scapi\n1,orders-to-cases\nRefArchGlobal\nf_ecom_zzte_053\nmedia.example.com\ny\n"
    asked = CliRunner().invoke(root, ["init", "--mappings", str(MAPPINGS.parent)], input=answers, obj=Session())
    assert asked.exit_code == 0, asked.output
    data = yaml.safe_load((folder / "config.yaml").read_text())
    assert data["connections"]["shop"]["site"] == "RefArchGlobal"
    assert data["connections"]["shop"]["organization"] == "f_ecom_zzte_053"
    assert "orders-to-cases" in data["flows"]
    assert len(data["flows"]) >= 3
    assert "Write config.yaml?" in asked.output


def test_a_no_at_the_end_writes_nothing(folder: Path) -> None:
    answers = "ocapi\nall\n\n\nn\n"
    asked = CliRunner().invoke(root, ["init", "--mappings", str(MAPPINGS.parent)], input=answers, obj=Session())
    assert asked.exit_code == 1
    assert list(folder.iterdir()) == []
