"""Salesforce's error codes, sorted by what happens next. The sorting is ours, the names are theirs."""

from __future__ import annotations

from collections.abc import Mapping

PASSING: Mapping[str, str] = {
    "UNABLE_TO_LOCK_ROW": "the record or its parent is being saved by somebody else",
    "SERVER_UNAVAILABLE": "the server is busy",
    "API_CURRENTLY_DISABLED": "the API is switched off for a while",
    "QUERY_TIMEOUT": "a query took too long",
    "REQUEST_RUNNING_TOO_LONG": "the request took too long",
    "UNKNOWN_EXCEPTION": "an internal error of Salesforce",
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": "rolled back with others",
    "PROCESSING_HALTED": "not tried, because an earlier part failed",
    "INVALID_QUERY_LOCATOR": "the rest of a result is no longer kept",
}
"""The same row may pass later. Nothing of it was committed: these stand inside a whole answer."""

USED_UP: Mapping[str, str] = {
    "STORAGE_LIMIT_EXCEEDED": "the org's data storage is full",
    "EXCEEDED_QUOTA": "a quota of the org is used up",
    "REQUEST_LIMIT_EXCEEDED": "the org's API calls are used up",
}
"""Nothing helps but waiting long, or an administrator: when every row of a call says so, writing pauses."""

INNER_TEXT = frozenset({"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "CANNOT_EXECUTE_FLOW_TRIGGER"})
"""A trigger or flow threw: what it met stands in the message, as a code."""

MISSING_ROW = frozenset({"MALFORMED_ID", "INVALID_CROSS_REFERENCE_KEY"})
"""On an update these may mean that the record itself is gone (after a merge, or emptied from the recycle bin)."""

ADMIN_TEXT = frozenset(
    {
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "CANNOT_EXECUTE_FLOW_TRIGGER",
        "FIELD_INTEGRITY_EXCEPTION",
        "FIELD_FILTER_VALIDATION_EXCEPTION",
        "INSUFFICIENT_ACCESS_OR_READONLY",
    }
)
"""Codes whose message is worth passing on: an administrator wrote it, or it names the access that is missing."""

PERMANENT: Mapping[str, tuple[str, str]] = {
    "REQUIRED_FIELD_MISSING": ("a required field has no value", "map it, or make it optional in Salesforce"),
    "STRING_TOO_LONG": ("the text is too long for its field", "use `| truncate` in the mapping, or lengthen the field"),
    "INVALID_FIELD": ("a field or the record it refers to is not there", "correct the mapping, or create the field"),
    "INVALID_FIELD_FOR_INSERT_UPDATE": (
        "the integration user may not write a field",
        "give its permission set edit access to the field, or take it out of the mapping",
    ),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": (
        "the value is not in the restricted picklist",
        "add the value to the picklist, or map it to one of its values",
    ),
    "INVALID_EMAIL_ADDRESS": ("not a valid mail address", "correct it at the source, or leave the field out"),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": ("the value has the wrong type for its field", "correct the mapping"),
    "NUMBER_OUTSIDE_VALID_RANGE": ("the number has too many digits for its field", "widen the field"),
    "FIELD_INTEGRITY_EXCEPTION": ("the values do not fit together", "correct the mapping"),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": (
        "a validation rule refused it",
        "correct the record, or the rule in Salesforce",
    ),
    "FIELD_FILTER_VALIDATION_EXCEPTION": (
        "a lookup filter refused it",
        "correct the record, or the filter in Salesforce",
    ),
    "INVALID_CROSS_REFERENCE_KEY": (
        "an id or name refers to nothing, or to something that may not stand there",
        "check the queue (it must take this object), owner, parent or record type that the mapping names",
    ),
    "INACTIVE_OWNER_OR_USER": ("the owner is inactive", "choose another owner in the mapping, or activate the user"),
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION": ("this user may not own it", "choose another owner in the mapping"),
    "INSUFFICIENT_ACCESS_OR_READONLY": (
        "the integration user may not do this",
        "give its permission set the object, the field, or the record's sharing",
    ),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": (
        "the integration user may not use the record that this one refers to",
        "give its permission set access to the parent or owner",
    ),
    "DUPLICATES_DETECTED": (
        "a duplicate rule refused it",
        "let the rule allow the integration user, or take the object out of it",
    ),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": ("a trigger refused it", "ask the administrator what the trigger wants"),
    "CANNOT_EXECUTE_FLOW_TRIGGER": ("a flow failed on it", "ask the administrator what the flow wants"),
    "JSON_PARSER_ERROR": (
        "a value cannot be read",
        "correct the mapping: a text stands where a number or date belongs",
    ),
    "MALFORMED_ID": ("not a record id", "correct the mapping"),
    "ENTITY_IS_DELETED": ("the record it refers to was deleted", "restore it, or correct the mapping"),
}
"""Refused for good: why, and what to do. The vendor's message is left out except for ADMIN_TEXT."""
