"""Plain requests against the sandbox, as somebody would write who knows only the vendors' pages."""

from __future__ import annotations

from typing import Any

import requests

from connector.sandbox import Sandbox

SHOP = "/s/RefArch/dw/shop/v24_5"
DATA = "/s/-/dw/data/v25_6"
SERVICE = "/services/data/v66.0"


class Caller:
    """A client of both systems with a token of each."""

    def __init__(self, box: Sandbox, client: str = "bench", secret: str = "secret") -> None:
        self.box = box
        self.credentials = (client, secret)
        self.session = requests.Session()
        self.session.trust_env = False
        self.shop_token = self.org_token = ""

    def close(self) -> None:
        self.session.close()

    def sign_in_shop(self) -> dict[str, Any]:
        reply = self.session.post(
            f"{self.box.sfcc_url}/dwsso/oauth2/access_token",
            auth=self.credentials,
            data={"grant_type": "client_credentials"},
            timeout=10,
        )
        reply.raise_for_status()
        answer: dict[str, Any] = reply.json()
        self.shop_token = answer["access_token"]
        return answer

    def sign_in_org(self) -> dict[str, Any]:
        client, secret = self.credentials
        reply = self.session.post(
            f"{self.box.salesforce_url}/services/oauth2/token",
            data={"grant_type": "client_credentials", "client_id": client, "client_secret": secret},
            timeout=10,
        )
        reply.raise_for_status()
        answer: dict[str, Any] = reply.json()
        self.org_token = answer["access_token"]
        return answer

    def shop(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """A call to OCAPI; a path without API goes to the Shop API of RefArch."""
        if not self.shop_token:
            self.sign_in_shop()
        where = path if path.startswith(("/s/", "/dw")) else SHOP + path
        headers = {"Authorization": f"Bearer {self.shop_token}", **more.pop("headers", {})}
        return self.session.request(
            method, self.box.sfcc_url + where, json=body, headers=headers, timeout=more.pop("timeout", 10), **more
        )

    def org(
        self, method: str, path: str, body: Any = None, *, assign: str | None = "FALSE", **more: Any
    ) -> requests.Response:
        """A call to the REST API of the org."""
        if not self.org_token:
            self.sign_in_org()
        where = path if path.startswith("/services") else SERVICE + path
        headers = {"Authorization": f"Bearer {self.org_token}", **more.pop("headers", {})}
        if assign is not None:
            headers["Sforce-Auto-Assign"] = assign
        return self.session.request(
            method, self.box.salesforce_url + where, json=body, headers=headers, timeout=more.pop("timeout", 10), **more
        )

    # what many tests do
    def search(self, query: Any = None, **more: Any) -> requests.Response:
        body = {"query": {"match_all_query": {}} if query is None else query, "select": "(**)", **more}
        return self.shop("POST", "/order_search", body)

    def numbers(self, query: Any = None, **more: Any) -> list[str]:
        reply = self.search(query, **more)
        assert reply.status_code == 200, reply.text
        return [h["data"]["order_no"] for h in reply.json().get("hits", [])]

    def upsert(self, *records: dict[str, Any], **more: Any) -> requests.Response:
        rows = [{"attributes": {"type": "Case"}, **r} for r in records]
        return self.org(
            "PATCH", "/composite/sobjects/Case/Commerce_Key__c", {"allOrNone": False, "records": rows}, **more
        )

    def create(self, *records: dict[str, Any], kind: str = "Case", **more: Any) -> requests.Response:
        rows = [{"attributes": {"type": kind}, **r} for r in records]
        return self.org("POST", "/composite/sobjects", {"records": rows, **more})

    def query(self, text: str, **more: Any) -> requests.Response:
        return self.org("GET", "/query", params={"q": text}, **more)

    def rows(self, text: str) -> list[dict[str, Any]]:
        reply = self.query(text)
        assert reply.status_code == 200, reply.text
        records: list[dict[str, Any]] = reply.json()["records"]
        return records


def fault(reply: requests.Response) -> tuple[int, str]:
    """Status and type of an OCAPI fault; its shape is checked on the way."""
    told = reply.json()["fault"]
    assert set(told) == {"arguments", "type", "message"}
    assert isinstance(told["arguments"], dict)
    return reply.status_code, told["type"]


def error(reply: requests.Response) -> tuple[int, str]:
    """Status and code of a Salesforce error, which is always a list."""
    told = reply.json()
    assert isinstance(told, list)
    assert told[0]["message"]
    return reply.status_code, told[0]["errorCode"]


def refused(row: dict[str, Any]) -> str:
    """The code of a refused row of a collection."""
    assert row["success"] is False
    assert "id" not in row
    code: str = row["errors"][0]["statusCode"]
    return code


def made(reply: requests.Response) -> str:
    """The id of the one record that was created."""
    assert reply.status_code in (200, 201), reply.text
    body = reply.json()
    answer = body[0] if isinstance(body, list) else body
    assert answer["success"], answer
    record_id: str = answer["id"]
    return record_id
