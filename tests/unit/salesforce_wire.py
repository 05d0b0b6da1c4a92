"""A scripted Salesforce for tests of single answers; the sandbox is the one that behaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
import responses
from requests import PreparedRequest

from connector.adapters.salesforce import Salesforce
from connector.adapters.salesforce.settings import Settings
from connector.model import Select, Write
from connector.testing import FrozenClock

URL = "https://acme.my.salesforce.com"
TOKEN = f"{URL}/services/oauth2/token"
BASE = f"{URL}/services/data/v66.0/"
COLLECTIONS = BASE + "composite/sobjects"
QUERY = BASE + "query"
KEY = "Commerce_Key__c"
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
USER = "005000000000001AAA"
FIELDS = Select(fields=("Status",))

Answer = tuple[int, dict[str, str], str | bytes]


def settings(**over: Any) -> Settings:
    given: dict[str, Any] = {
        "url": URL,
        "auth": {"grant": "client_credentials", "client_id": "app", "client_secret": "s3cret-text"},
        "key_field": KEY,
    }
    return Settings.model_validate(given | over)


def json_answer(body: Any, status: int = 200, **headers: str) -> Answer:
    told = {"Content-Type": "application/json;charset=UTF-8", "Date": "Fri, 20 Nov 2026 10:00:00 GMT"}
    return status, told | {name.replace("_", "-"): value for name, value in headers.items()}, orjson.dumps(body)


def refusal(status: int, code: str, message: str = "", **headers: str) -> Answer:
    return json_answer([{"errorCode": code, "message": message}], status, **headers)


def html(status: int) -> Answer:
    return status, {"Content-Type": "text/html"}, "<html><body>We are down for maintenance</body></html>"


def row_id(number: int) -> str:
    return f"500{number:012d}AAA"


def done(number: int) -> dict[str, Any]:
    return {"id": row_id(number), "success": True, "errors": []}


def failed(code: str, message: str = "", fields: Sequence[str] = ()) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}


def found(*rows: dict[str, Any], done: bool = True, more: str = "") -> Answer:
    body: dict[str, Any] = {"totalSize": len(rows), "done": done, "records": list(rows)}
    return json_answer(body | ({"nextRecordsUrl": more} if more else {}))


def case(number: int, stamp: str = "2026-11-20T09:00:00.000+0000", **fields: Any) -> dict[str, Any]:
    address = {"type": "Case", "url": f"/services/data/v66.0/sobjects/Case/{row_id(number)}"}
    return {"attributes": address, "Id": row_id(number), "SystemModstamp": stamp, **fields}


class Wire:
    """Answers calls from a script and keeps what was asked. The last answer of a script is given for ever."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self._mock = mock
        self.tokens = 0
        self.on("POST", TOKEN, self._token)

    def _token(self, request: PreparedRequest) -> Answer:
        self.tokens += 1
        body = {
            "access_token": f"00D000000000001!token{self.tokens}",
            "instance_url": URL,
            "id": f"https://login.salesforce.com/id/00D000000000001EAA/{USER}",
        }
        return json_answer(body)

    def on(self, method: str, url: str, callback: Callable[[PreparedRequest], Answer]) -> None:
        self._mock.remove(method, url)
        self._mock.add_callback(method, url, callback=callback)

    def script(self, method: str, url: str, *answers: Answer | Exception) -> None:
        left = list(answers)

        def answer(request: PreparedRequest) -> Answer:
            given = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(given, Exception):
                raise given
            return given

        self.on(method, url, answer)

    def sent(self, url: str, method: str | None = None) -> list[PreparedRequest]:
        return [
            call.request
            for call in self._mock.calls
            if str(call.request.url).split("?")[0] == url and method in (None, call.request.method)
        ]

    def records(self, call: int = -1) -> list[dict[str, Any]]:
        """The rows of a collection that was sent."""
        body = self.sent(COLLECTIONS)[call].body
        assert body is not None
        rows: list[dict[str, Any]] = orjson.loads(body)["records"]
        return rows

    def form(self, url: str) -> dict[str, list[str]]:
        """The form that was posted there first."""
        body = self.sent(url)[0].body
        assert isinstance(body, bytes)
        return parse_qs(body.decode("ascii"))

    def queries(self) -> list[str]:
        return [str(request.params["q"]) for request in self.sent(QUERY)]  # type: ignore[attr-defined]


@contextmanager
def org(**over: Any) -> Iterator[tuple[Salesforce, Wire, FrozenClock]]:
    """An adapter on a scripted org."""
    clock = FrozenClock(NOW)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        adapter = Salesforce("service", settings(**over), clock=clock)
        try:
            yield adapter, Wire(mock), clock
        finally:
            adapter.close()


def create(key: str, **fields: Any) -> Write:
    return Write("create", key, fields or {"Subject": f"about {key}"})


def update(number: int, **fields: Any) -> Write:
    return Write("update", f"k{number}", fields or {"Status": "Working"}, target=row_id(number))
