"""What may stand under a connection with `adapter: salesforce`. docs/adapters/salesforce.md explains each setting."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from connector.http import Seconds, Timeouts, check_url
from connector.http_settings import FileSettings
from connector.secret import Secret

API_NAME = r"^[A-Za-z][A-Za-z0-9_]*$"
_OLDEST = 46


def _base(value: str) -> str:
    return check_url(value)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClientCredentials(_Part):
    """OAuth client credentials: the app runs as its Run-As user; the token URL is the org's own (My Domain)."""

    grant: Literal["client_credentials"] = Field(description="how we sign in")
    client_id: str = Field(min_length=1, description="consumer key of the External Client App")
    client_secret: Secret = Field(description="its secret: ${NAME} or ${file:/run/secrets/salesforce}")


class Jwt(_Part):
    """OAuth JWT bearer: a statement signed with our private key (PEM, RSA), for an app that the user pre-authorised."""

    grant: Literal["jwt"] = Field(description="how we sign in")
    client_id: str = Field(min_length=1, description="consumer key of the External Client App")
    username: str = Field(min_length=1, description="the integration user")
    private_key: Secret = Field(description="PEM text, best as ${file:…}")
    audience: str = Field(
        default="https://login.salesforce.com", description="https://test.salesforce.com in a sandbox org"
    )


class Settings(_Part):
    """One Salesforce org. Times are seconds, or written as `90s`, `10m`, `1h`."""

    url: str = Field(
        description="the org, https://<my-domain>.my.salesforce.com", json_schema_extra={"pattern": "^https?://"}
    )
    auth_url: str | None = Field(default=None, description="where the token is asked for; the same host unless given")
    auth: Annotated[ClientCredentials | Jwt, Field(discriminator="grant", description="how we sign in")]
    key_field: str = Field(pattern=API_NAME, description="the unique External ID field that carries our key")
    version: str = Field(
        default="66.0", description="API version, in quotes", json_schema_extra={"pattern": r"^\d{2,3}\.0$"}
    )
    settle_after: Seconds = Field(default=600, description="how late a write may commit after we gave it up")
    batch: int = Field(default=200, ge=1, le=200, description="rows in one write")
    page: int = Field(default=2000, ge=1, le=2000, description="rows in one query page")
    margin: Seconds = Field(default=5, description="the saved cursor stays so far behind the server's clock")
    timeouts: Timeouts = Field(default=Timeouts(), description="of a call")
    ca_file: str | None = Field(default=None, description="PEM file of the authority of a proxy or test org")
    files: FileSettings = Field(
        default=FileSettings(), description="hosts that files are fetched from: docs/configuration.md"
    )
    owner_history: Literal["auto", "on", "off"] = Field(
        default="auto", description="whether CaseHistory tracks Owner; auto: if it has a row about one"
    )
    agent_work: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="whether Omni-Channel's AgentWork is asked where history says nothing; auto: if it is there",
    )
    unclaimed_owners: list[str] = Field(default=[], description="names or Ids of further users who count as nobody")

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
