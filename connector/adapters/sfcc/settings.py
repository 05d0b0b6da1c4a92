"""What stands under an `sfcc` connection in config.yaml."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FilePath, field_validator, model_validator

from connector.http import Seconds, Timeouts, check_url
from connector.secret import Secret

SCAPI_ROWS = 10_000
"""Rows that a list of SCAPI can be paged through."""
_OCAPI_ONLY = frozenset({"shop_version", "data_version", "select", "ahead"})
_SCAPI_ONLY = frozenset(
    {
        "customers_scope",
        "organization",
        "scopes",
        "dates",
        "object_path",
        "object_search",
        "repeat_events",
        "load_pause",
    }
)


class SfccSettings(BaseModel):
    """Unknown keys are refused. Times are seconds, or written with their unit (`90s`, `2m`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        description="the instance, https://<realm>-<instance>.dx.commercecloud.salesforce.com; with api: scapi "
        "https://<short code>.api.commercecloud.salesforce.com",
        json_schema_extra={"pattern": "^https?://"},
    )
    auth_url: str = Field(
        default="https://account.demandware.com",
        description="Account Manager, which signs in",
        json_schema_extra={"pattern": "^https?://"},
    )
    site: str = Field(pattern=r"^[A-Za-z0-9_-]{1,32}$", description="site id, as in Business Manager")
    customer_list: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,100}$",
        description="the site's customer list; called as the site unless given",
    )
    api: Literal["ocapi", "scapi"] = Field(default="ocapi", description="each API has clients of its own")
    organization: str | None = Field(
        default=None,
        pattern=r"^f_ecom_[a-z0-9]+_[a-z0-9]+$",
        description="scapi: organization id, f_ecom_<realm>_<instance>",
    )
    scopes: tuple[str, ...] = Field(
        default=("sfcc.orders", "sfcc.orders.rw", "sfcc.custom-objects", "sfcc.custom-objects.rw"),
        min_length=1,
        description="scapi: what the client was given in Account Manager; the tenant's scope is asked for besides",
    )
    customers_scope: str = Field(
        default="sfcc.shopper-customers", description="scapi: the scope of customers, to write with .rw behind it"
    )
    dates: Literal["day", "instant"] = Field(
        default="day", description="scapi: whether its filters take a time of day (instant) or days only"
    )
    object_path: str = Field(
        default="sites/{site}/custom-objects/{type}/{key}",
        description="scapi: where custom objects are, behind the organization",
    )
    object_search: str = Field(
        default="custom-objects-search/{type}", description="scapi: where they are searched, behind the organization"
    )
    repeat_events: bool = Field(
        default=False,
        description="scapi: an order event without an answer goes again; for subscribers that know its id",
    )
    load_pause: Seconds = Field(
        default=30, description="scapi: how long reads rest when the instance says that its load is high"
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
    deep_paging: int = Field(
        default=1000, ge=2, description="largest start + count that the instance's search takes; scapi: 10000"
    )
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

    @field_validator("object_path", "object_search")
    @classmethod
    def _template(cls, template: str) -> str:
        for name in re.findall(r"\{(.*?)\}", template):
            if name not in ("site", "type", "key"):
                raise ValueError(f"{{{name}}} is not known here; known: {{site}}, {{type}}, {{key}}")
        if "{type}" not in template:
            raise ValueError("{type} is missing")
        return template.strip("/")

    @model_validator(mode="after")
    def _paging(self) -> SfccSettings:
        if self.deep_paging < self.page:
            raise ValueError(f"deep_paging ({self.deep_paging}) must be at least page ({self.page})")
        return self

    @model_validator(mode="after")
    def _one_api(self) -> SfccSettings:
        """What the other API needs is a misunderstanding here, and not something to pass over."""
        if self.api == "scapi" and self.organization is None:
            raise ValueError("api: scapi needs organization: f_ecom_<realm>_<instance>")
        other = _OCAPI_ONLY if self.api == "scapi" else _SCAPI_ONLY
        for name in sorted(self.model_fields_set & other):
            raise ValueError(f"{name} says nothing with api: {self.api}; remove it")
        return self

    @property
    def customers(self) -> str:
        """The customer list."""
        return self.customer_list or self.site

    @property
    def cap(self) -> int:
        """Largest offset + count that a list or search takes."""
        return SCAPI_ROWS if self.api == "scapi" and "deep_paging" not in self.model_fields_set else self.deep_paging
