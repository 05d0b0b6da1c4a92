"""What may stand under a connection with `adapter: salesforce`. docs/adapters/salesforce.md explains each setting."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from connector.http import Timeouts, check_url
from connector.secret import Secret

API_NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_OLDEST = 46


def seconds(value: Any) -> Any:
    """`90s`, `10m` or `1h` as seconds; numbers are seconds already."""
    match = re.match(r"(\d+(?:\.\d+)?)(ms|[smh])\Z", value) if isinstance(value, str) else None
    return float(match[1]) * _UNITS[match[2]] if match else value


def share(value: Any) -> Any:
    """`20%` as 0.2; a number between 0 and 1 as it is."""
    match = re.match(r"(\d{1,2}(?:\.\d+)?) ?%\Z", value) if isinstance(value, str) else None
    return float(match[1]) / 100 if match else value


def _base(value: str) -> str:
    return check_url(value)


Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0)]
Share = Annotated[float, BeforeValidator(share), Field(ge=0, lt=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientCredentials(_Part):
    """OAuth client credentials: the app runs as its Run-As user; the token URL is the org's own (My Domain)."""

    grant: Literal["client_credentials"]
    client_id: str = Field(min_length=1)
    client_secret: Secret


class Jwt(_Part):
    """OAuth JWT bearer: a statement signed with our private key (PEM, RSA), for an app that the user pre-authorised."""

    grant: Literal["jwt"]
    client_id: str = Field(min_length=1)
    username: str = Field(min_length=1)
    private_key: Secret
    audience: str = "https://login.salesforce.com"


class Budget(_Part):
    """How many calls are ours. `reserve` is the share of the org's daily calls that is left to people and others."""

    calls_per_day: int | None = Field(default=None, gt=0)
    reserve: Share = 0.2


class Settings(_Part):
    """One Salesforce org. Times are seconds, or written as `90s`, `10m`, `1h`."""

    url: str
    auth_url: str | None = None
    auth: Annotated[ClientCredentials | Jwt, Field(discriminator="grant")]
    key_field: str = Field(pattern=API_NAME)
    version: str = "66.0"
    budget: Budget | None = None
    settle_after: Seconds = 600
    batch: int = Field(default=200, ge=1, le=200)
    page: int = Field(default=2000, ge=1, le=2000)
    margin: Seconds = 5
    timeouts: Timeouts = Timeouts()
    ca_file: str | None = None
    unclaimed_owners: list[str] = []

    @field_validator("url", "auth_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        return None if value is None else _base(value)

    @field_validator("version")
    @classmethod
    def _version(cls, value: str) -> str:
        match = re.match(r"(\d{2,3})\.0\Z", value)
        if not match or int(match[1]) < _OLDEST:
            raise ValueError(f"not an API version; write it in quotes, for example '66.0', at least '{_OLDEST}.0'")
        return value

    @property
    def token_url(self) -> str:
        """Where the token is asked for: the org's own host unless `auth_url` says otherwise."""
        return f"{self.auth_url or self.url}/services/oauth2/token"
