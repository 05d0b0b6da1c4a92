"""Settings that adapters over HTTP take: times, deadlines, base URLs, hosts of files."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(value: Any) -> Any:
    match = re.match(r"(\d+(?:\.\d+)?)(ms|[smh])\Z", value) if isinstance(value, str) else None
    if match:
        return float(match[1]) * _UNITS[match[2]]
    if isinstance(value, str | bool):
        raise ValueError("not a time; write seconds, or a number with its unit: 500ms, 60s, 15m, 2h")  # noqa: TRY004
    return value


def _form(least: str, pattern: str) -> WithJsonSchema:
    forms = [{"type": "number", least: 0}, {"type": "string", "pattern": f"^{pattern}(?:ms|[smh])$"}]
    return WithJsonSchema({"anyOf": forms, "examples": [30, "500ms", "60s", "15m"]})


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0), _form("minimum", r"\d+(?:\.\d+)?")]
"""A setting in seconds: a number, or `500ms`, `60s`, `15m`, `2h`."""

_SomeSeconds = Annotated[Seconds, Field(gt=0), _form("exclusiveMinimum", r"(?=[\d.]*[1-9])\d+(?:\.\d+)?")]


class Timeouts(BaseModel):
    """Seconds: to connect, between two reads, and for a whole call with its retries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connect: Annotated[_SomeSeconds, Field(description="to connect")] = 5
    read: Annotated[_SomeSeconds, Field(description="between two reads of an answer")] = 30
    total: Annotated[_SomeSeconds, Field(description="of a whole call, its tries again included")] = 60


_HOST = r"^(?:\*\.[a-z0-9-]+\.[a-z0-9.-]*[a-z0-9]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?$"
_Host = Annotated[str, Field(pattern=_HOST)]


class FileSettings(BaseModel):
    """Where files that records name may be fetched. Nowhere, unless hosts are named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: list[_Host] = Field(
        default=[],
        description="hosts that files are fetched from: media.example.com, *.example.com, or with a port; none unless named",
    )
    loopback: bool = Field(
        default=False,
        description="for a sandbox only: named hosts may be this machine, and plain http to it is allowed",
    )
    timeouts: Timeouts = Field(default=Timeouts(total=45), description="of one file")
    ca_file: str | None = Field(
        default=None, description="PEM file of the authority of these hosts, in place of the public ones"
    )

    def within(self, seconds: float) -> FileSettings:
        """The same, no file taking longer than this: a call that writes it must end in its own time."""
        total = min(self.timeouts.total, seconds)
        return self.model_copy(update={"timeouts": self.timeouts.model_copy(update={"total": total})})

    @field_validator("hosts", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return [each.lower() if isinstance(each, str) else each for each in value] if isinstance(value, list) else value


def is_loopback(host: str | None) -> bool:
    """Whether a host name is this machine itself: `localhost`, 127.0.0.0/8 or ::1."""
    if not host:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_url(url: str) -> str:
    """A base URL without trailing slash. ValueError with the way out: not http(s), credentials inside, http beyond loopback."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http(s) URL; write it as https://host")
    if parts.username or parts.password:
        raise ValueError("credentials do not belong into the URL; use client_id and client_secret")
    if parts.query or parts.fragment:
        raise ValueError("a base URL has no query and no fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(f"http:// is for loopback addresses only; write https://{parts.netloc}")
    return url.rstrip("/")
