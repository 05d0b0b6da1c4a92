"""Turns commerce records that need a person into cases, and carries the decisions back.

These names are what an adapter's author needs; everything else is internal.
"""

from connector.adapter import Adapter, Clock, Stream
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
from connector.model import Page, Problem, Record, Ref, Report, Result, Select, StreamUse, Write

__all__ = [
    "Adapter",
    "AuthFailed",
    "Changed",
    "Clock",
    "Conflict",
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
    "Stream",
    "StreamUse",
    "Transient",
    "Unavailable",
    "Write",
]
