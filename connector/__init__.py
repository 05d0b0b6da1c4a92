"""Turns commerce records that need a person into cases, and carries the decisions back.

These names are what an adapter's author needs; everything else is internal.
"""

from connector.adapter import Adapter, Clock, Gauged, SetsUp, Stream
from connector.errors import (
    AuthFailed,
    Changed,
    Conflict,
    Gone,
    Misconfigured,
    RateLimited,
    Rejected,
    Transient,
    Unavailable,
)
from connector.model import (
    Attribute,
    File,
    Page,
    Problem,
    Record,
    Ref,
    Report,
    Result,
    Select,
    Setup,
    StreamUse,
    Usage,
    Write,
)

__all__ = [
    "Adapter",
    "Attribute",
    "AuthFailed",
    "Changed",
    "Clock",
    "Conflict",
    "File",
    "Gauged",
    "Gone",
    "Misconfigured",
    "Page",
    "Problem",
    "RateLimited",
    "Record",
    "Ref",
    "Rejected",
    "Report",
    "Result",
    "Select",
    "SetsUp",
    "Setup",
    "Stream",
    "StreamUse",
    "Transient",
    "Unavailable",
    "Usage",
    "Write",
]
