"""Files on their way: once each under their key, and one that cannot be had keeps nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from connector.adapter import Stream
from connector.errors import Rejected, Transient
from connector.model import File, Result, Write
from tests.unit.engine.world import World

CLAIMS = """
summary: a claim and its documents
fields: {Subject: "Claim {{ record.key }}"}
also:
  - id: files
    to: destination.Upload
    for: "{{ documents }}"
    key: "{{ this.id }}"
    write: once
    fields:
      Title: "{{ this.name }}"
      Parent: "{{ main.id }}"
      Data: {file: "{{ this.url }}", types: [application/pdf], largest: 10MB}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, orders=CLAIMS)
    upload = Stream(
        "Upload", "Id", writes=frozenset({"create"}), batch=1, create="exclusive", files=frozenset({"Data"})
    )
    made.desk.streams = {**made.desk.streams, "Upload": upload}
    yield made
    made.store.close()


def document(name: str, url: str = "") -> dict[str, str]:
    return {"id": name, "name": f"{name}.pdf", "url": url or f"https://media.example/{name}?sig=hunter2"}


def uploads(world: World) -> list[str]:
    return sorted(record.fields["Title"] for record in world.desk.objects["Upload"].values())


def of(title: str) -> Callable[[Write], bool]:
    return lambda write: write.fields.get("Title") == title


def test_each_document_is_handed_over_once_with_its_case(world: World) -> None:
    world.order("0001", documents=[document("a"), document("b")])
    world.tick()
    world.shop.put("orders", "0001", touched=1)
    world.tick(minutes=1)
    assert uploads(world) == ["a.pdf", "b.pdf"]
    assert set(world.desk.created.values()) == {1}
    sent = [write for stream, write in world.desk.sent if stream == "Upload"]
    assert {write.fields["Parent"] for write in sent} == {world.case_id("0001")}
    assert isinstance(sent[0].fields["Data"], File)


def test_further_evidence_joins_what_is_there(world: World) -> None:
    world.order("0001", documents=[document("a")])
    world.tick()
    world.shop.put("orders", "0001", documents=[document("a"), document("c")])
    world.tick(minutes=1)
    assert uploads(world) == ["a.pdf", "c.pdf"]
    assert set(world.desk.created.values()) == {1}


def test_a_file_that_may_not_be_had_parks_its_line_and_the_others_pass(world: World) -> None:
    refusal = Rejected("the file is larger than 10 MB", field="Data", code="FILE/SIZE", remedy="have it replaced")
    world.desk.fail("write", refusal, when=of("a.pdf"))
    world.order("0001", documents=[document("a"), document("b")])
    world.order("0002", documents=[document("c")])
    world.tick()
    assert uploads(world) == ["b.pdf", "c.pdf"]
    assert world.states() == {"0001": "parked", "0002": "done"}
    (row,) = world.store.rows(flow="orders-to-cases", state="parked")
    assert (row.reason, row.field, row.remedy) == (str(refusal), "Data", "have it replaced")
    world.store.replay(world.clock.now())
    world.tick(minutes=1)
    assert uploads(world) == ["a.pdf", "b.pdf", "c.pdf"]


def test_a_host_that_does_not_answer_costs_its_own_record_alone(world: World) -> None:
    world.desk.fail("write", Transient("media.example does not resolve"), when=of("a.pdf"), times=3)
    world.order("0001", documents=[document("a"), document("b")])
    world.order("0002", documents=[document("c")])
    world.tick()
    assert uploads(world) == ["b.pdf", "c.pdf"]
    assert world.states() == {"0001": "pending", "0002": "done"}
    for _ in range(3):
        world.tick(minutes=5)
    assert uploads(world) == ["a.pdf", "b.pdf", "c.pdf"]
    assert set(world.desk.created.values()) == {1}
    assert not world.events("connection_down")


def test_a_lost_reply_and_a_kill_make_one_file(world: World) -> None:
    world.order("0001", documents=[document("a")])

    def lose(stream: str, batch: object) -> None:
        if stream == "Upload":
            world.desk.fail("write", Transient("no answer in time", uncertain=True), committed=True)
        else:
            world.desk.during(lose)

    world.desk.during(lose)
    world.tick()
    assert uploads(world) == ["a.pdf"]
    world.clock.forward(minutes=1)
    world.killed_pass()
    for _ in range(3):
        world.tick(minutes=15)
    assert set(world.desk.created.values()) == {1}
    assert world.states() == {"0001": "done"}


def test_another_url_under_one_id_parks_and_shows_no_url(world: World) -> None:
    """A signed URL gives access: neither ledger nor reason may hold it."""
    world.order("0001", documents=[document("a")])
    world.tick()
    world.shop.put("orders", "0001", documents=[document("a", "https://media.example/other?sig=0a1b2c3d")])
    world.tick(minutes=1)
    (row,) = world.store.rows(flow="orders-to-cases", state="parked")
    assert "Data has changed since" in row.reason
    assert "a file at https://media.example" in row.reason
    assert "0a1b2c3d" not in row.reason


def test_the_ledger_holds_no_more_of_a_file_than_the_record_did(world: World, tmp_path: Path) -> None:
    world.order("0001", documents=[document("a")])
    world.tick()
    world.store.prune(world.clock.now(), delivered=0, parked=0, audit=0)
    for line in (line for row in world.store.rows(flow="orders-to-cases") for line in row.lines):
        assert "hunter2" not in repr(line)


def test_uploads_that_are_never_answered_keep_no_other_waiting_for_ever(world: World) -> None:
    """Two files that break their calls, as where something on the way takes no body of their size: each has its turns, and so
    have the others."""
    answer, titles = world.desk.write, {"large.pdf", "larger.pdf"}

    def write(stream: str, batch: Sequence[Write]) -> Sequence[Result]:
        if batch[0].fields.get("Title") in titles:
            world.desk.fail("write", Transient("the connection was closed before an answer", uncertain=True))
        return answer(stream, batch)

    world.desk.write = write  # type: ignore[method-assign]
    for key, name in (("0001", "large"), ("0002", "larger"), ("0003", "a")):
        world.order(key, documents=[document(name)])
    for _ in range(6):
        world.tick(minutes=6)
    assert uploads(world) == ["a.pdf"]
    assert world.states() == {"0001": "pending", "0002": "pending", "0003": "done"}
