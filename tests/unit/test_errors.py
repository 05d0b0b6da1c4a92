"""The tree of errors is as it is drawn, and messages say what, where and the way out."""

from __future__ import annotations

import inspect
import re

import pytest

from connector import errors
from connector.errors import ConfigFault, ConnectorError, Fault, MappingFault, Place, RateLimited, Rejected, Transient

_DRAWN = re.compile(r"^(?P<lines>[│ ├└─]*)(?P<name>[A-Z]\w+)", re.MULTILINE)


def drawn() -> dict[str, str]:
    """Class → its parent, from the drawing at the top of errors.py; each level is four characters."""
    parents: dict[str, str] = {}
    path: list[str] = []
    tree = (errors.__doc__ or "").partition("\n\n")[2]
    for match in _DRAWN.finditer(tree):
        level = len(match["lines"]) // 4
        path = [*path[:level], match["name"]]
        if level:
            parents[match["name"]] = path[level - 1]
    return parents


def test_the_tree_is_as_it_is_drawn() -> None:
    classes = {
        name: each for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, Exception)
    }
    real = {name: each.__mro__[1].__name__ for name, each in classes.items() if each is not ConnectorError}
    assert drawn() == real


def test_every_error_says_what_it_is_for() -> None:
    for name, each in vars(errors).items():
        if inspect.isclass(each) and each.__module__ == errors.__name__:
            assert (each.__doc__ or "").strip(), name


def test_a_place_is_file_line_and_column() -> None:
    assert str(Place("config.yaml", 14, 7)) == "config.yaml:14:7"
    assert str(Place("config.yaml")) == "config.yaml"


def test_a_fault_carries_its_remedy_below_its_message() -> None:
    fault = Fault(Place("config.yaml", 14, 7), "unknown connection 'servicenw'", "did you mean 'servicenow'?")
    assert str(fault) == (
        "config.yaml:14:7  unknown connection 'servicenw'\n                  did you mean 'servicenow'?"
    )  # fmt: skip
    assert str(Fault(Place("a.yaml"), "empty")) == "a.yaml  empty"


def test_all_faults_of_our_files_come_together() -> None:
    faults = [Fault(Place("a.yaml", 1, 1), "one"), Fault(Place("a.yaml", 2, 1), "two", "do this")]
    error = ConfigFault(faults)
    assert error.faults == tuple(faults)
    assert str(error) == "a.yaml:1:1  one\na.yaml:2:1  two\n            do this"


def test_a_mapping_fault_names_the_expression() -> None:
    error = MappingFault("no value", place=Place("m.yaml", 3, 5), field="Subject", remedy="give a default")
    assert str(error) == "m.yaml:3:5: no value"
    assert (error.field, error.remedy) == ("Subject", "give a default")
    assert str(MappingFault("no value")) == "no value"


def test_a_remote_error_carries_the_vendors_code_apart_from_its_message() -> None:
    error = Rejected("too long", field="Subject", code="STRING_TOO_LONG", remedy="truncate")
    assert (str(error), error.code, error.field, error.remedy) == ("too long", "STRING_TOO_LONG", "Subject", "truncate")


@pytest.mark.parametrize("uncertain", [True, False])
def test_doubt_is_part_of_the_error(uncertain: bool) -> None:
    assert Transient("x", uncertain=uncertain).uncertain is uncertain
    assert errors.Unavailable("x", uncertain=uncertain).uncertain is uncertain
    assert RateLimited("x").uncertain is False


def test_a_remedy_of_several_lines_stands_under_its_message() -> None:
    fault = Fault(Place("a.yaml", 3, 7), "wrong", "do this\nalso at b.yaml:1:1")
    assert str(fault) == "a.yaml:3:7  wrong\n            do this\n            also at b.yaml:1:1"
    assert str(Fault(Place("a.yaml"), "wrong")) == "a.yaml  wrong"
