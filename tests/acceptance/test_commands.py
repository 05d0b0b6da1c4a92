"""Every command as a user runs it, on files."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from connector.cli.root import COMMANDS, root
from connector.store import open_store
from tests.acceptance import files
from tests.acceptance.processes import COMMAND, PATIENCE, Daemon, environment, run

DOCS = files.ROOT / "docs" / "commands.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files.lay_out(tmp_path / "connector")


@pytest.fixture(scope="module")
def synced_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = files.lay_out(tmp_path_factory.mktemp("synced") / "connector")
    assert run(folder, "sync").code == 1
    return folder


@pytest.fixture
def synced(synced_once: Path, tmp_path: Path) -> Path:
    """A folder after one pass: one order parked, one a case, one filtered."""
    return Path(shutil.copytree(synced_once, tmp_path / "connector"))


def commands(group: click.Group, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*before, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


def examples_of(command: click.Command) -> list[str]:
    _, _, after = (command.help or "").partition("Example:")
    return re.findall(r"^\s+connector (.+)$", after, re.MULTILINE)


ALL = dict(commands(root)) | {(): root}
EXAMPLES = [example for command in ALL.values() for example in examples_of(command)]
UNTIL_STOPPED = ("run", "sandbox --orders 200 --agents")
FOR_MINUTES = tuple(
    example for example in EXAMPLES if example.startswith("selftest")
)  # test_selftest.py runs a short one
FOUND = ("status", "status --format json")
"""What exits with 1 here: an order is parked."""


def test_every_command_has_an_example_in_its_help() -> None:
    assert [name for name, command in ALL.items() if not examples_of(command)] == []


FIRST = [each for each in EXAMPLES if each.split()[0] == "init"]
"""Where nothing is configured yet."""


@pytest.mark.parametrize("example", FIRST)
def test_the_example_of_a_first_configuration_works_where_there_is_none(tmp_path: Path, example: str) -> None:
    ended = run(tmp_path, *dict.fromkeys([*shlex.split(example), "--yes"]), within=120)
    assert ended.code == 0, ended.said
    assert (tmp_path / "config.yaml").read_text().startswith("#")


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each not in (*UNTIL_STOPPED, *FOR_MINUTES, *FIRST)])
def test_the_example_in_the_help_works(synced: Path, example: str) -> None:
    ended = run(synced, *shlex.split(example), within=120)
    assert ended.code == (example in FOUND), ended.said


def test_the_example_of_run_works(synced: Path) -> None:
    with Daemon(synced) as daemon:
        daemon.wait_for("started")
        daemon.signal()
        assert daemon.ended() == 0


def test_the_example_of_sandbox_works(tmp_path: Path) -> None:
    import subprocess

    example = next(each for each in EXAMPLES if each.startswith("sandbox --orders"))
    command = [*COMMAND, *shlex.split(example)]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert set(json.loads(process.stdout.readline())) == {"sfcc", "salesforce", "control"}
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("name", ALL, ids=" ".join)
def test_help_names_every_option(tmp_path: Path, name: tuple[str, ...]) -> None:
    ended = run(tmp_path, *name, "--help")
    assert ended.code == 0
    assert ended.out.startswith("Usage: connector")
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in ended.out


@pytest.mark.parametrize("name", [name for name in ALL if name], ids=" ".join)
def test_every_command_and_option_is_documented(name: tuple[str, ...]) -> None:
    title = f"## `connector {' '.join(name)}`\n"
    assert title in DOCS.read_text(), f"docs/commands.md has no section {title}: make docs"
    section = DOCS.read_text().split(title, 1)[1].split("\n## ")[0]
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[0] in section, (
                f"docs/commands.md: {title} does not show {parameter.opts[0]}: make docs"
            )
    assert set(COMMANDS) == {each[0] for each in ALL if each}


def test_a_pass_parks_one_delivers_one_filters_one_and_says_so_with_its_exit_code(folder: Path) -> None:
    ended = run(folder, "sync", "orders-to-cases")
    assert ended.code == 1
    row = next(line for line in ended.out.splitlines() if line.startswith("orders-to-cases"))
    assert row.split()[1:9] == ["3", "3", "1", "1", "1", "0", "1", "0"]
    assert [case["Subject"] for case in files.lines(folder, "desk/cases")] == ["Order 00001302"]


def test_a_second_pass_right_after_writes_nothing(synced: Path) -> None:
    before = files.lines(synced, "desk/cases")
    ended = run(synced, "sync")
    assert ended.code == 0, ended.said
    assert files.lines(synced, "desk/cases") == before


def test_a_dry_run_counts_by_outcome_and_route_and_leaves_no_trace(folder: Path) -> None:
    ended = run(folder, "sync", "--dry-run")
    assert ended.code == 0, ended.said
    assert "queue=Concierge" in ended.out
    assert "nothing sent, nothing stored" in ended.out
    assert not (folder / "desk" / "cases.jsonl").exists() or not files.lines(folder, "desk/cases")
    assert run(folder, "sync").code == 1, "the dry run must not have moved the cursor"


def test_the_decision_goes_back_to_the_order(synced: Path) -> None:
    (case,) = files.lines(synced, "desk/cases")
    files.put(synced, "desk/cases", {**case, "stamp": "2036-11-20T11:00:00.000Z", "Decision": "RELEASE"})
    assert run(synced, "sync").code == 0
    assert files.lines(synced, "shop/orders")[-1]["c_decision"] == "RELEASE"


def test_status_shows_both_equations_of_every_flow(synced: Path) -> None:
    ended = run(synced, "status")
    assert ended.code == 1, ended.said
    assert "3 rows = 1 done + 1 filtered + 0 foreign + 1 parked + 0 pending + 0 dropped" in ended.out
    assert "3 read = 0 repeated + 0 superseded + 3 settled + 0 open" in ended.out
    assert "DOES NOT BALANCE" not in ended.out


def test_status_says_what_pending_records_wait_for(folder: Path) -> None:
    files.replace(
        folder,
        "mappings/order.yaml",
        "fields:\n",
        'lookups: {other: {stream: source.others, key: "{{ record.key }}"}}\nfields:\n  Other: "{{ other.name }}"\n',
    )
    ended = run(folder, "sync", "orders-to-cases")
    assert "what they wait for: connector status" in ended.out

    ended = run(folder, "status")

    assert "1 record pending, as 00001302: waits for lookup 'other': source.others has no 00001302 yet" in ended.out


def test_explain_names_the_rule_that_filtered_with_its_place(synced: Path) -> None:
    ended = run(synced, "explain", "00001303")
    assert ended.code == 0
    assert "orders-to-cases: 00001303 is filtered: when" in ended.out
    assert "mappings/order.yaml:2:7" in ended.out


def test_explain_names_what_was_written_and_can_be_asked_by_target_and_by_our_key(synced: Path) -> None:
    (case,) = files.lines(synced, "desk/cases")
    for asked in ("00001302", case["key"], case["our_key"]):
        ended = run(synced, "explain", asked)
        assert ended.code == 0, ended.said
        assert "orders-to-cases: 00001302 is done" in ended.out
        assert f"main: desk.cases → {case['key']}  sent" in ended.out
        assert f"our key {case['our_key']}" in ended.out
        assert f"cases-to-orders: {case['key']} is filtered: when" in ended.out  # what was read back of it


def test_explain_says_why_a_record_is_parked_and_what_to_do(synced: Path) -> None:
    ended = run(synced, "explain", "00001301")
    assert "is parked" in ended.out
    assert "Email" in ended.out
    assert "to do: " in ended.out


def test_explain_of_one_flow_shows_no_other(synced: Path) -> None:
    ended = run(synced, "explain", "00001302", "--flow", "orders-to-cases")
    assert "orders-to-cases: 00001302 is done" in ended.out
    assert "cases-to-orders" not in ended.out


def test_explain_of_a_record_that_nobody_read_says_what_to_try(synced: Path) -> None:
    ended = run(synced, "explain", "00009999")
    assert ended.code == 1
    assert "connector preview FLOW --key 00009999" in ended.err


def test_many_records_parked_for_one_cause_are_one_line(folder: Path) -> None:
    for number in range(20):
        files.put(folder, "shop/orders", {"key": f"P{number}", "stamp": files.STAMP.format(4), "total": 99})
    run(folder, "sync")
    listed = run(folder, "parked", "list").out
    assert "21 records" in listed
    assert len([line for line in listed.splitlines() if "records: " in line]) == 1
    cause = listed.split()[0]
    shown = run(folder, "parked", "show", cause, "--limit", "2").out
    assert shown.count("is parked") == 2
    assert "and 19 more" in shown


def test_a_corrected_mapping_and_a_retry_deliver_what_was_parked(synced: Path) -> None:
    files.replace(synced, "mappings/order.yaml", ", required: true", "")
    cause = run(synced, "parked", "list").out.split()[0]
    ended = run(synced, "parked", "retry", "--cause", cause)
    assert (ended.code, ended.out) == (0, "1 record will be tried again in the next pass\n")
    assert run(synced, "sync").code == 0
    assert len(files.lines(synced, "desk/cases")) == 2
    assert run(synced, "parked", "list").out == "nothing is parked\n"


def test_a_retry_must_say_what(synced: Path) -> None:
    ended = run(synced, "parked", "retry")
    assert ended.code == 2
    assert "--cause NAME" in ended.err


def test_preview_shows_what_would_be_written_and_sends_nothing(folder: Path) -> None:
    ended = run(folder, "preview", "orders-to-cases", "--key", "00001302", "--key", "00001303")
    assert ended.code == 0, ended.said
    assert "create desk.cases" in ended.out
    assert "'Concierge'" in ended.out
    assert "filtered by when" in ended.out
    assert not files.lines(folder, "desk/cases")


def test_preview_shows_the_live_value_beside_the_wanted_one(synced: Path) -> None:
    order = {"key": "00001302", "stamp": "2036-11-20T12:00:00.000Z", "total": 20, "email": "ada@example.org"}
    files.put(synced, "shop/orders", order)
    ended = run(synced, "preview", "orders-to-cases", "--key", "00001302")
    assert "'Concierge'  →  'Orders'" in ended.out


def test_preview_of_a_record_that_would_park_says_why_and_what_to_do(folder: Path) -> None:
    ended = run(folder, "preview", "orders-to-cases", "--key", "00001301")
    assert "00001301  parked" in ended.out
    assert "Email: no value for a required field" in ended.out
    assert "to do: correct the record" in ended.out


def test_preview_of_a_record_that_is_not_there_says_so(folder: Path) -> None:
    ended = run(folder, "preview", "orders-to-cases", "--key", "nobody")
    assert (ended.code, ended.err) == (1, "nobody: shop.orders has no such record\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{oops", "order.json:1:2: not JSON"),
        ('{"key": 1}', "expected"),
        ('{"key": "1", "fields": {}, "extra": 1}', "unknown key 'extra'"),
        ('{"key": "1", "fields": {}, "stamp": "soon"}', "stamp: not a date"),
    ],
)
def test_preview_of_a_broken_file_names_the_place(folder: Path, content: str, said: str) -> None:
    (folder / "order.json").write_text(content)
    ended = run(folder, "preview", "orders-to-cases", "--input", "order.json")
    assert ended.code == 2
    assert said in ended.err


def test_a_failing_mapping_test_is_shown_with_its_place(folder: Path) -> None:
    files.replace(folder, "mappings/order.yaml", "fields: {Queue: Concierge}", "fields: {Queue: Orders}")
    ended = run(folder, "test", "mappings/order.yaml")
    assert ended.code == 1
    assert "mappings/order.yaml:13:43  Queue: expected" in ended.out
    assert "1 of 1 test failed" in ended.out


def test_mappings_are_tested_without_configuration_and_secrets(folder: Path) -> None:
    (folder / "config.yaml").unlink()
    ended = run(folder, "test")
    assert ended.code == 0, ended.said
    assert "none failed" in ended.out


def test_commands_work_beside_the_daemon(synced: Path) -> None:
    with Daemon(synced) as daemon:
        daemon.wait_for("started")
        assert run(synced, "status").code == 1  # 00001301 is parked
        for command in (["explain", "00001302"], ["parked", "list"], ["parked", "retry", "--all"]):
            ended = run(synced, *command)
            assert ended.code == 0, ended.said
        daemon.wait_for("parked", flow="orders-to-cases")  # retried, and parked again for the same cause
        daemon.signal()
        assert daemon.ended() == 0


def test_a_flow_that_another_process_holds_is_named_and_the_others_pass(folder: Path) -> None:
    store = open_store("sqlite:///ledger.db", base=folder)
    with contextlib.closing(store), store.hold("flow:orders-to-cases"):
        ended = run(folder, "sync")
    assert ended.code == 1
    assert "orders-to-cases: another process is at work on it right now" in ended.err
    assert ended.out.splitlines()[1].startswith("cases-to-orders ")


def test_the_configuration_may_be_named_before_the_command_after_it_or_by_the_environment(synced: Path) -> None:
    config = str(synced / "config.yaml")
    elsewhere = synced.parent
    for arguments, env in (
        (("--config", config, "status"), {}),
        (("status", "--config", config), {}),
        (("status",), {"CONNECTOR_CONFIG": config}),
    ):
        ended = run(elsewhere, *arguments, env=env)
        assert ended.code == 1, ended.said  # 00001301 is parked
        assert "orders-to-cases" in ended.out


def test_a_reader_that_goes_away_is_no_defect(synced: Path) -> None:
    import subprocess

    line = f"{shlex.join(COMMAND)} status | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", line], cwd=synced, env=environment(), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ended.stderr
    assert "defect" not in ended.stderr


def test_a_dry_run_of_a_retry_says_what_the_mapping_of_today_makes_of_it(synced: Path) -> None:
    meant = run(synced, "parked", "retry", "--all", "--dry-run")
    assert meant.code == 0
    assert "1 record would be tried again; nothing was changed" in meant.out
    assert "  1: would park again: " in meant.out
    files.replace(synced, "mappings/order.yaml", "required: true", "required: false")
    meant = run(synced, "parked", "retry", "--all", "--dry-run")
    assert "  1: can be mapped, and would be sent again" in meant.out
    assert "nothing is uncertain" in run(synced, "status", "--uncertain").out
    machines = run(synced, "status", "--uncertain", "--format", "json")
    assert (machines.code, json.loads(machines.out)) == (0, {"records": 0, "shown": []})
    values = run(synced, "explain", "00001302", "--values").out
    assert "values of main:" in values
    assert "'Order 00001302'" in values
    assert "'Order 00001302'" not in run(synced, "explain", "00001302").out
