"""What a flow tells of refusals, as the configuration sees it: the stream is there, appends, and somebody may write to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import SystemClock, load_config
from connector.config.uses import Uses, collect
from connector.document import load
from connector.errors import ConfigFault
from tests.unit.test_config_uses import CONFIG, IN, OUT

TELLS = OUT + "refused: {to: source.CaseComment, fields: {CommentBody: '{{ refused.reason }}', IsPublished: false}}\n"


def written(folder: Path, *, config: str = CONFIG, incoming: str = IN, out: str = TELLS) -> Uses:
    for name, text in (("config.yaml", config), ("in.yaml", incoming), ("out.yaml", out)):
        (folder / name).write_text(text)
    loaded = load_config(folder / "config.yaml", environ={})
    adapters = {name: one.open(SystemClock()) for name, one in loaded.connections.items()}
    document = load(str(loaded.path))
    return collect(loaded.flows, adapters, lambda flow: document.place(("flows", flow, "mapping")))


def test_what_is_told_is_a_use_of_its_stream_with_its_place(tmp_path: Path) -> None:
    uses = written(tmp_path)
    comments = uses.streams["service", "CaseComment"]
    assert comments.writes == {"append"}
    assert not comments.changes
    assert comments.fields["CommentBody"].creates
    assert comments.fields["IsPublished"].values == (False,)
    (place,) = uses.places("service", "CaseComment", "CommentBody")
    assert (place.file, place.line) == (str(tmp_path / "out.yaml"), 8)


def test_a_flow_that_keeps_quiet_needs_no_permission_to_tell(tmp_path: Path) -> None:
    quiet = CONFIG.replace("answers: in}", "answers: in, tell: false}")
    assert ("service", "CaseComment") not in written(tmp_path, config=quiet).streams


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        ("source.Case", "does not append"),
        ("source.Task", "does not append"),
        ("sauce.CaseComment", "unknown connection 'sauce'"),
        ("destination.orders.notes", "nothing says to which object 'destination.orders.notes' appends"),
    ],
)
def test_a_stream_that_cannot_be_told_is_a_fault_at_its_place(tmp_path: Path, stream: str, says: str) -> None:
    with pytest.raises(ConfigFault) as caught:
        written(tmp_path, out=TELLS.replace("source.CaseComment", stream))
    (fault,) = caught.value.faults
    assert says in fault.message
    assert (fault.place.file, fault.place.line) == (str(tmp_path / "out.yaml"), 8)


def test_another_object_may_be_named(tmp_path: Path) -> None:
    told = (
        "refused: {to: destination.orders.notes, target: '{{ origin.key }}', fields: {text: '{{ refused.reason }}'}}\n"
    )
    assert written(tmp_path, out=OUT + told).streams["shop", "orders.notes"].writes == {"append"}


def test_a_flow_that_answers_nobody_may_tell_too(tmp_path: Path) -> None:
    """An order whose case is refused gets a note."""
    told = "refused: {to: source.orders.notes, fields: {subject: refused, text: '{{ refused.reason }}'}}\n"
    uses = written(tmp_path, incoming=IN + told, out=OUT)
    assert uses.streams["shop", "orders.notes"].writes == {"append"}
