"""What pydantic found, said in our way: place, message, remedy, and never a secret's value."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from connector.config.references import Path_, Resolved
from connector.document import Document, did_you_mean
from connector.errors import Fault

_PATTERNS = {
    r"^[A-Za-z][A-Za-z0-9_-]{0,39}$": "a name is made of letters, digits, '-' and '_', begins with a letter and has "
    "at most 40 characters",
    r"^[A-Za-z0-9_-]{1,40}$": "a flow's name and id are made of letters, digits, '-' and '_', at most 40 characters: "
    "every key begins with the id",
    r"^[A-Za-z][A-Za-z0-9_-]*\.\S+$": "write connection.stream, for example shop.orders",
}
_TYPES = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "dict_type": "must be a mapping (`key: value` lines)",
    "model_type": "must be a mapping (`key: value` lines)",
    "list_type": "must be a list (`[a, b]`)",
}


def faults_of(
    error: ValidationError, model: type[BaseModel], document: Document, resolved: Resolved, prefix: Path_ = ()
) -> Iterator[Fault]:
    """One Fault for each thing that `error` names, with its place under `prefix` in the document."""
    for detail in error.errors(include_url=False):
        path = prefix + in_document(detail["loc"], document, prefix)
        if path in resolved.unknown:  # its reference is missing: said already
            continue
        yield _fault(detail, model, path, document, resolved, prefix)


def _fault(
    detail: ErrorDetails, model: type[BaseModel], path: Path_, document: Document, resolved: Resolved, prefix: Path_
) -> Fault:
    kind, last = detail["type"], detail["loc"][-1] if detail["loc"] else ""
    if kind == "extra_forbidden":
        known = known_keys(model, path[len(prefix) : -1])
        return document.fault(path, f"unknown key '{path[-1]}'", did_you_mean(str(path[-1]), known), key=True)
    if kind == "missing":
        return document.fault(path, f"key '{last}' is missing", _described(model, path[len(prefix) :], str(last)))
    if last == "[key]":
        path = path[:-1] if path and path[-1] == "[key]" else path
        return document.fault(path, f"'{path[-1]}' is no name", _pattern(detail), key=True)
    name = f"{path[-1]}: " if path and isinstance(path[-1], str) else ""
    message, remedy = _words(detail, path in resolved.referred)
    return document.fault(path, name + message, remedy)


def _words(detail: ErrorDetails, referred: bool) -> tuple[str, str]:
    """Message and remedy. `referred`: the value came from a reference and is not repeated."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _TYPES:
        return _TYPES[kind], ""
    if kind in ("literal_error", "enum"):
        expected = str(context.get("expected", "")).replace("'", "")
        known = expected.replace(" or ", ", ").split(", ")
        given = "" if referred else str(detail["input"])
        return "is none of the known values", did_you_mean(given, known)
    if kind == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in str(context.get("expected_tags", "")).split(",")]
        return f"unknown {context.get('discriminator', 'kind')}", did_you_mean(str(context.get("tag", "")), tags)
    if kind == "union_tag_not_found":
        return f"key {context.get('discriminator', '')} is missing", ""
    if kind == "value_error":
        message = str(context.get("error", detail["msg"]))
        head, _, remedy = message.partition("; ")
        return head, remedy
    if kind == "string_pattern_mismatch":
        return "not in the right form", _pattern(detail)
    text = detail["msg"]
    return text[:1].lower() + text[1:], ""


def _pattern(detail: ErrorDetails) -> str:
    pattern = str(detail.get("ctx", {}).get("pattern", ""))
    return _PATTERNS.get(pattern, f"it must match {pattern}" if pattern else "")


def in_document(loc: Iterable[str | int], document: Document, prefix: Path_ = ()) -> Path_:
    """`loc` without the steps that pydantic adds for unions; the last step may name a key that is not there."""
    here: Any = document.data
    for step in prefix:
        here = here[step]
    path: list[str | int] = []
    steps = list(loc)
    for at, step in enumerate(steps):
        inside = (isinstance(here, dict) and step in here) or (
            isinstance(here, list) and isinstance(step, int) and step < len(here)
        )
        if inside:
            here = here[step]
            path.append(step)
        elif at == len(steps) - 1 and step == "[key]":
            path.append(step)
    return tuple(path)


def known_keys(model: type[BaseModel], path: Path_) -> list[str]:
    """The keys that may stand at `path` under `model`, as they are written in YAML."""
    models = known_models(model, path)
    return [field.alias or name for each in models for name, field in each.model_fields.items()]


def _step(model: type[BaseModel], step: str | int) -> Iterator[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if step in (name, field.alias):
            yield from _models(field.annotation)
            return
    if isinstance(step, str) and step not in model.model_fields:  # a key of a dict[..., Model] one level up
        yield model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside Optional, Annotated, unions, lists and the values of dicts."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    origin = get_origin(annotation)
    if origin in (Annotated, Union, types.UnionType, list, tuple, dict) or origin is typing.Union:
        for inner in get_args(annotation):
            yield from _models(inner)


def _described(model: type[BaseModel], path: Path_, name: str) -> str:
    for each in known_models(model, path):
        for key, field in each.model_fields.items():
            if name in (key, field.alias) and field.description:
                return str(field.description)
    return ""


def known_models(model: type[BaseModel], path: Path_) -> list[type[BaseModel]]:
    """The models that may stand at `path`."""
    models: list[type[BaseModel]] = [model]
    for step in path:
        models = [inner for each in models for inner in _step(each, step)]
    return models
