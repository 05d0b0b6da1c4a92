"""What stands under an `sfcc` connection in config.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FilePath, field_validator, model_validator

from connector.http import Seconds, Timeouts, check_url
from connector.secret import Secret


class SfccSettings(BaseModel):
    """Unknown keys are refused. Times are seconds, or written with their unit (`90s`, `2m`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        description="the instance, https://<realm>-<instance>.dx.commercecloud.salesforce.com",
        json_schema_extra={"pattern": "^https?://"},
    )
    auth_url: str = Field(
        default="https://account.demandware.com",
        description="Account Manager, which signs in",
        json_schema_extra={"pattern": "^https?://"},
    )
    site: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$", description="site id, as in Business Manager")
    api: Literal["ocapi", "scapi"] = Field(
        default="ocapi", description="each API has clients of its own", json_schema_extra={"enum": ["ocapi"]}
    )
    client_id: str = Field(min_length=1, description="of the API client in Account Manager")
    client_secret: Secret = Field(description="its secret: ${NAME} or ${file:/run/secrets/sfcc}")
    grant: Literal["client_credentials"] = Field(default="client_credentials", description="how we sign in")
    shop_version: str = Field(default="v24_5", pattern=r"^v\d\d_\d{1,2}$", description="OCAPI Shop API version")
    data_version: str = Field(default="v25_6", pattern=r"^v\d\d_\d{1,2}$", description="OCAPI Data API version")
    select: Literal["needed", "all"] = Field(
        default="needed", description="ask for the fields that the flows use, or for whole documents"
    )
    page: int = Field(default=200, ge=2, le=200, description="records in one search call")
    ahead: int = Field(default=2, ge=0, le=8, description="pages of a backlog asked for beside the one being taken in")
    deep_paging: int = Field(default=1000, ge=2, description="largest start + count that the instance's search takes")
    margin: Seconds = Field(default=5, description="the cursor stays so far behind the instance's clock")
    index_lag: Seconds = Field(default=30, description="how late a change may usually reach the search index")
    may_export: bool = Field(
        default=False, description="whether flows may set export_status to exported, which finalises inventory"
    )
    settle_after: Seconds = Field(default=120, description="how late a write may commit after we gave it up")
    tries: int = Field(default=3, ge=1, le=10, description="tries of a read or an update by id within one call")
    timeouts: Timeouts = Field(default=Timeouts(), description="of a call")
    ca_file: FilePath | None = Field(default=None, description="PEM file of the authority that signed the instance")

    @field_validator("url", "auth_url")
    @classmethod
    def _url(cls, url: str) -> str:
        return check_url(url)

    @field_validator("api")
    @classmethod
    def _api(cls, api: str) -> str:
        if api == "scapi":
            raise ValueError("scapi comes later; use ocapi, with an API client made for OCAPI")
        return api

    @model_validator(mode="after")
    def _paging(self) -> SfccSettings:
        if self.deep_paging < self.page:
            raise ValueError(f"deep_paging ({self.deep_paging}) must be at least page ({self.page})")
        return self
