"""The JSON Schema of config.yaml (draft 2020-12), for editors: our sections, and the settings of each installed adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from connector.adapter import Adapter
from connector.config.schema import Budget, File
from connector.config.values import written

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {
    "description": "${NAME}: an environment variable; ${file:/path}: the content of a file",
    "type": "string",
    "pattern": r"(?:^|[^$])\$\{(?:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}",
}
_NARROW = ("pattern", "enum", "const")
"""What makes a text so narrow that a reference must be allowed beside it."""


class _Generator(GenerateJsonSchema):
    """Keys and values as they are written in YAML: no titles made of names, defaults in the form of the file."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = self.generate_inner(schema["schema"])
        default = schema.get("default")
        if default is None or isinstance(default, BaseModel):
            return made
        if made.get("type") == "string" and not isinstance(default, str):
            default = written(default)
        return made | {"default": default}


def config_schema(adapters: Mapping[str, type[Adapter]]) -> dict[str, Any]:
    """The schema of a whole configuration whose connections are of these adapters."""
    defs, file = _parts(File, "", lax=False)
    budget = _parts(Budget, "", lax=True)[1]
    for name, adapter in sorted(adapters.items()):
        try:
            inner, settings = _parts(adapter.Settings, f"{name}.", lax=True)
        except PydanticInvalidForJsonSchema:  # somebody's type of their own: nothing can be said of these settings
            inner, settings = {}, {"type": "object"}
        chosen = {"const": name, "description": "which kind of system it is"}
        shared = {"adapter": chosen, "budget": {"$ref": "#/$defs/budget", "description": "how many calls are ours"}}
        settings["properties"] = {**shared, **settings.get("properties", {})}
        defs |= {**inner, name: settings}
    defs |= {"budget": budget, "connection": _connection(sorted(adapters)), "reference": _REFERENCE}
    patterns = file["properties"]["connections"]["patternProperties"]
    for pattern in patterns:
        patterns[pattern] = {"$ref": "#/$defs/connection"}
    file.pop("description")
    return {
        "$schema": DIALECT,
        "title": "Configuration of the connector",
        "description": "config.yaml; docs/configuration.md explains each key",
        **file,
        "$defs": dict(sorted(defs.items())),
    }


def _connection(names: list[str]) -> dict[str, Any]:
    """One connection: which adapter it names decides which settings may stand beside."""
    adapter = {"description": "which kind of system it is", "anyOf": [{"enum": names}, {"$ref": "#/$defs/reference"}]}
    return {
        "description": "one remote system; the other keys are its adapter's",
        "type": "object",
        "properties": {"adapter": adapter},
        "required": ["adapter"],
        "allOf": [
            {
                "if": {"properties": {"adapter": {"const": name}}, "required": ["adapter"]},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in names
        ],
    }


def _parts(model: type[BaseModel], prefix: str, *, lax: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The definitions that a model needs, their names under `prefix`, and the model itself."""
    made = model.model_json_schema(
        ref_template=f"#/$defs/{prefix}{{model}}", schema_generator=_Generator, mode="validation"
    )
    told = cast("dict[str, Any]", _told(made, lax=lax))
    defs = {f"{prefix}{name}": each for name, each in told.pop("$defs", {}).items()}
    return defs, told


def _told(node: Any, *, lax: bool) -> Any:
    """A schema for people who write YAML. `lax`: settings that also take numbers and booleans from a reference."""
    if isinstance(node, list):
        return [_told(each, lax=lax) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("properties"), dict) or "patternProperties" in node:
        out = {key: value for key, value in node.items() if key != "title"}
        for names in ("properties", "patternProperties", "$defs"):
            if names in out:
                out[names] = {name: _told(each, lax=lax) for name, each in out[names].items()}
        return out | ({"additionalProperties": False} if "patternProperties" in node else {})
    out = {key: _told(value, lax=lax) for key, value in node.items() if key not in ("title", "discriminator")}
    return _or_reference(out) if _needs_reference(out, lax) else out


def _needs_reference(node: dict[str, Any], lax: bool) -> bool:
    kind = node.get("type")
    if kind == "string":
        return any(key in node for key in _NARROW)
    return lax and kind in ("integer", "number", "boolean")


def _or_reference(node: dict[str, Any]) -> dict[str, Any]:
    """The value, or a reference that stands for it. What is said about both stays outside."""
    said: dict[str, Any] = {key: node.pop(key) for key in ("description", "default", "examples") if key in node}
    return {**said, "anyOf": [node, {"$ref": "#/$defs/reference"}]}
