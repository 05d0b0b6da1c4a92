"""The JSON Schema of a mapping (draft 2020-12), for editors: the grammar of docs/mapping.md, key by key.

A schema sees the shape and not the expressions: `connector check` sees both, so what this refuses the compiler refuses too.
"""

from __future__ import annotations

from typing import Any

from connector.files import TYPES
from connector.mapping.fields import POLICIES
from connector.mapping.scope import RESERVED

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"
_STREAM = r"^[A-Za-z][\w-]*\.[A-Za-z][\w./-]*$"
_DURATION = r"^\d{1,6}[smhd]$"
_BRACES = r"^\s*\{\{[\s\S]*\}\}\s*$"


def _ref(name: str, says: str) -> Schema:
    return {"$ref": f"#/$defs/{name}", "description": says}


def _text(says: str, pattern: str = "", **more: Any) -> Schema:
    return {"type": "string", "description": says, **({"pattern": pattern} if pattern else {}), **more}


def _object(says: str, properties: Schema, *required: str, **more: Any) -> Schema:
    """An object with these keys and no others."""
    made: Schema = {"type": "object", "description": says, "properties": properties, "additionalProperties": False}
    return {**made, **({"required": list(required)} if required else {}), **more}


def _named(says: str, each: Schema, *, absent: bool = True, **more: Any) -> Schema:
    """An object with names of the author's own; nothing at all is an empty one."""
    return {
        "type": ["object", "null"] if absent else "object",
        "description": says,
        "additionalProperties": each,
        **more,
    }


def _list(says: str, each: Schema) -> Schema:
    return {"type": ["array", "null"], "description": says, "items": each}


def _one_of(*names: str) -> Schema:
    """Exactly one of these keys stands there."""
    return {"oneOf": [{"required": [name]} for name in names]}


_FIELDS = "what is written, by the remote field's name"
_ALWAYS: Schema = {
    "write": _ref("policy", "when it is sent: always unless said"),
    "required": {"type": "boolean", "description": "null or empty text parks the record"},
    "omit": _ref("condition", "true leaves the field alone"),
}
_FORMS: Schema = {
    "from": _object(
        "a value, translated by map",
        {
            "from": _ref("scalar", "a value or a template"),
            "map": {
                "type": "object",
                "description": "from what the value is to what is written; values stand without braces",
                "minProperties": 1,
                "additionalProperties": _ref("plain", "what is written for this value"),
                "propertyNames": {"not": {"pattern": r"\{[{%#]"}},
            },
            "otherwise": _ref("scalar", "for what map does not list, and for null: a value, a template, or park"),
            **_ALWAYS,
        },
        "from",
        dependentRequired={"otherwise": ["map"]},
    ),
    "ref": _object(
        "a remote object by name; the adapter finds it",
        {
            "ref": _text("the kind of object: queue, user", r"^[^{}]+$"),
            "name": _ref("scalar", "its name, or a template"),
            **_ALWAYS,
        },
        "ref",
        "name",
    ),
    "choice": _object(
        "a choice by its label", {"choice": _ref("scalar", "the label, or a template"), **_ALWAYS}, "choice"
    ),
}
_FORMS["file"] = _object(
    "a file that is fetched when it is written, and never stored",
    {
        "file": _ref("scalar", "an https URL on a host that the connection's files.hosts names, a data: URL or base64"),
        "types": {
            "type": "array",
            "description": "what it may be, by its declared type and by its bytes",
            "minItems": 1,
            "items": {"enum": list(TYPES)},
        },
        "largest": {
            "type": ["string", "integer"],
            "description": "how large it may be: 500KB, 10MB; at most 100MB",
            "pattern": r"^\d{1,9}(?:KB|MB)?$",
        },
        **_ALWAYS,
    },
    "file",
    "types",
    "largest",
)
_LOOKUP = _object(
    "a further record that expressions read under this name",
    {
        "stream": _ref("stream", "where it is: source.orders"),
        "key": _ref("scalar", "the record's key; null looks nothing up"),
        "keys": _ref("condition", "one expression that gives a list of keys"),
        "missing": _object(
            "what happens while it is not there",
            {
                "wait": _text("how long it is waited for: 15m unless said", _DURATION),
                "then": {
                    "enum": ["park", "skip", "null", None],
                    "description": "park the record (unless said), skip it, or go on with null",
                },
            },
        ),
        "watch": {"type": "boolean", "description": "true: looked at again when the looked-up record changes"},
    },
    "stream",
    **_one_of("key", "keys"),
)
_ROUTE = {
    "type": "object",
    "description": "a route without `when` always matches and stands last",
    "properties": {"when": _ref("condition", "the route is taken when this is true")},
    "additionalProperties": _ref("scalar", "what route.<name> gives: a value or a template"),
    "if": {"required": ["when"]},
    "then": {"minProperties": 2},
    "else": {"minProperties": 1},
}
_LINE = _object(
    "a further line of the same record: one write",
    {
        "id": _text("part of the remote key, so it lives as long as the data", r"^(?!main$)[A-Za-z0-9_-]{1,40}$"),
        "to": {"description": "a stream, or main for a later write to the main object",
               "anyOf": [{"const": "main"}, {"$ref": "#/$defs/stream"}]},
        "for": _ref("condition", "one line per element of this list; null makes no line"),
        "as": _text("the element's name in expressions; this unless said", _IDENTIFIER),
        "key": _ref("scalar", "tells lines apart: required with for; else it names an episode"),
        "target": _ref("address", "the natural key of an existing object that we did not make"),
        "when": _ref("condition", "leaves the line, or the element, out when false"),
        "after": _list("ids of lines (main too) that must be sent first", {"type": "string"}),
        "write": _ref("policy", "the policy of its fields that name none; once: the whole line goes one time"),
        "gone": _ref("gone", "what becomes of it when it is no longer asked for"),
        "fields": _named(_FIELDS, {"$ref": "#/$defs/field"}, absent=False, minProperties=1),
    },
    "id",
    "to",
    "fields",
    dependentRequired={"for": ["key"], "as": ["for"]},
)  # fmt: skip
_REFUSED = _object(
    "what the source is told when a line was refused for good: an append, once for each refusal",
    {
        "to": _ref("stream", "a stream of the source that appends: source.CaseComment"),
        "when": _ref("condition", "which refusals are told; they all are unless said"),
        "key": _ref("scalar", "names the episode: the same refusal is told again under another key"),
        "target": _ref("address", "the object that is told; the record itself unless said"),
        "words": _named(
            "refused.words: by code (or its beginning up to a /), what people say",
            _ref("plain", "said in place of the code"),
            minProperties=1,
        ),
        "fields": _named(f"what is told; expressions read refused.…: {_FIELDS}", {"$ref": "#/$defs/field"}, absent=False,
                         minProperties=1),
    },
    "to",
    "fields",
)  # fmt: skip
_RECORD: Schema = {
    "key": _ref("plain", "the record's key"),
    "stamp": _ref("plain", "when it was modified"),
    "site": _ref("plain", "its site"),
    "now": _ref("plain", "in a flow by state: when it was found"),
    "fields": _named("the record's own fields, as the source shows them", {}),
}
_WRITE = _object(
    "a write that the mapping must ask for; what is not named is not compared",
    {
        "to": _ref("plain", "by its stream"),
        "line": _ref("plain", "by the id of its line"),
        "key": {"description": "the line's key"},
        "target": {"description": "the object that is written to"},
        "fields": _named("some of its fields", {}),
        "absent": _list("fields that are left alone", {"type": "string"}),
    },
)
_HAD: Schema = {"line": _ref("plain", "its id; main unless said"), "key": {"description": "its key"}}
_TEST = _object(
    "a record, and what the mapping must make of it",
    {
        "name": _text("what the test promises; each once", minLength=1),
        "record": _object("the record as the source shows it", _RECORD),
        "lookups": _named("looked-up records by the lookup's name; null is missing", {}),
        "origin": _object(
            "in a flow that answers: the record that is answered",
            _RECORD | {"this": {"description": "the element of its line, where a line is answered"}},
        ),
        "had": _list("lines that were sent before", _object("a line that was sent", _HAD)),
        "ends": _list(
            "what becomes of those that the record asks for no longer, all of them; [] means they stay",
            _object(
                "how a line ends",
                {
                    **_HAD,
                    "how": {"enum": ["restore", "leave", "write", "delete", "choose"], "description": "how it ends"},
                    "fields": _named("what is written", {}),
                    "delete_if": _named("where it holds this, it is deleted", {}),
                },
            ),
        ),
        "entered": {"description": "true: the record has entered before", "type": "boolean"},
        "main_id": _ref("plain", "the id of the main object, once it is made"),
        "once_per": _ref("plain", "what it is evaluated once for"),
        "route": _ref("plain", "the route it must take: queue=Returns priority=High"),
        "writes": _list("the writes it must ask for, in order; [] means none", {"$ref": "#/$defs/write"}),
        "filtered": {"type": ["string", "boolean"], "description": "it must be left out: true, or by what"},
        "parked": {"type": ["string", "boolean"], "description": "it must park: true, or words of the reason"},
        "refused": _object(
            "in a test of `refused`: what was refused, and why",
            {
                name: _ref("plain", f"refused.{name}")
                for name in ("line", "key", "stream", "reason", "field", "remedy", "code")
            },
        ),
        "told": {
            "description": "what the source must be told of it; false: nothing",
            "if": {"type": "object"},
            "then": _object(
                "what is not named is not compared",
                {"target": {"description": "the object that is told"}, "fields": _named("some of its fields", {})},
            ),
            "else": {"const": False},
        },
    },
    "name",
    "record",
    **_one_of("writes", "filtered", "parked", "told"),
    dependentRequired={"refused": ["told"], "told": ["refused"]},
)


def mapping_schema() -> Schema:
    """The schema of a whole mapping."""
    lookups = _named(
        "further records that expressions read, fetched in batches",
        {"$ref": "#/$defs/lookup"},
        propertyNames={"pattern": _IDENTIFIER, "not": {"enum": sorted(RESERVED)}},
    )
    properties: Schema = {
        "summary": _text("one line for people"),
        "when": _ref("condition", "which records enter; one that has entered is kept current"),
        "lookups": lookups,
        "routes": _list("the first that matches gives its names as route.<name>", {"$ref": "#/$defs/route"}),
        "each": _object(
            "a main line for every element of a list, its key the element",
            {
                "of": _ref("condition", "a list of texts or numbers; null makes no line"),
                "as": _text("the element's name in when, target and fields; this unless said", _IDENTIFIER),
            },
            "of",
        ),
        "while": _ref("condition", "a record stays under care while this is true: always unless said"),
        "leave": _named(
            "written once when while turns false", {"$ref": "#/$defs/field"}, absent=False, minProperties=1
        ),
        "undo": {"const": "restore", "description": "what was there before our first write is put back at the end"},
        "gone": _ref("gone", "with each: what becomes of an element that is no longer there"),
        "fields": _named(f"the main object: {_FIELDS}", {"$ref": "#/$defs/field"}, absent=False),
        "also": _list("further lines of the same record", {"$ref": "#/$defs/line"}),
        "key": _ref("scalar", "another key of the main object, which several records may share"),
        "target": _ref("scalar", "the natural key of a main object that we did not make"),
        "refused": _REFUSED,
        "once_per": _ref("scalar", "in a flow by state: a record that is found is evaluated once for each value"),
        "tests": _list("what the mapping promises; connector test runs them", {"$ref": "#/$defs/test"}),
    }
    rules = {"anyOf": [{"required": ["fields"]}, {"required": ["also"]}]}
    dependent = {
        "key": ["fields"], "target": ["fields"], "each": ["fields"], "gone": ["each"], "leave": ["while"], "undo": ["fields"],
    }  # fmt: skip
    made = _object("what becomes of one record; docs/mapping.md explains each key", properties)
    return {
        "$schema": DIALECT,
        "title": "Mapping of the connector",
        **made,
        **rules,
        "dependentRequired": dependent,
        "$defs": _defs(),
    }


def _defs() -> Schema:
    kinds = ["string", "number", "boolean", "null"]
    field = {
        "description": "text, a template, or an object with one of from, ref, choice or file",
        "type": [*kinds, "object"],
        "if": {"type": "object"},
        "then": {"oneOf": [{"$ref": f"#/$defs/{name}"} for name in _FORMS]},
    }
    condition = {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": _BRACES}]}
    return {
        "address": {"type": ["string", "number", "boolean"], "description": "a text or a template"},
        "condition": {"description": "one expression in braces", **condition},
        "field": field,
        "line": _LINE,
        "gone": {
            "description": "keep (unless said), delete, fields that are written, or delete_if with else",
            "anyOf": [
                {"enum": ["keep", "delete"]},
                _object(
                    "deleted where the object holds this, else written to",
                    {
                        "delete_if": _named("what the object must hold", {"$ref": "#/$defs/field"}, absent=False),
                        "else": _named(_FIELDS, {"$ref": "#/$defs/field"}, absent=False, minProperties=1),
                    },
                    "delete_if",
                    "else",
                ),
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"$ref": "#/$defs/field"},
                    "propertyNames": {"not": {"enum": ["delete_if", "else"]}},
                },
            ],
        },
        "lookup": _LOOKUP,
        "plain": {
            "type": kinds,
            "description": "a value without braces",
            "not": {"type": "string", "pattern": r"\{[{%#]"},
        },
        "policy": {"enum": list(POLICIES), "description": "when a field is sent"},
        "route": _ROUTE,
        "scalar": {"type": kinds, "description": "a value as it stands, or a template"},
        "stream": {"type": "string", "pattern": _STREAM, "description": "source.…, destination.… or connection.stream"},
        "test": _TEST,
        "write": _WRITE,
        **_FORMS,
    }
