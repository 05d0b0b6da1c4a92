"""simple-salesforce, made safe: our session, our token, our faults. The only module that imports it, and 0.3 s to import.

What the library does by itself and this undoes: signing in again drops a call's own headers and may recurse until the stack
ends; a 401 in HTML is a JSON error; exceptions carry no headers; `https://` is fixed; nothing has a deadline.
Here every call of the library, `query` and `restful` included, passes `_call_salesforce`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Any

import simple_salesforce

from connector.adapters.salesforce.faults import call_fault
from connector.adapters.salesforce.signin import SignIn
from connector.errors import Unavailable
from connector.http import Http, Intent, Response


class Answer(Response):
    """An answer under the name that simple-salesforce looks for."""

    @property
    def status_code(self) -> int:
        return self.status


class Client(simple_salesforce.Salesforce):  # type: ignore[misc]  # ships no types
    """One for all threads: it holds no state of a call."""

    def __init__(self, http: Http, session: Any, sign_in: SignIn, *, url: str, version: str) -> None:
        self._http, self._sign_in, self._url = http, sign_in, url
        super().__init__(session_id="", instance_url=url, session=session, version=version)
        self.base_url = f"{url}/services/data/v{version}/"  # the library writes https:// whatever it is given

    def call(
        self,
        method: str,
        path: str,
        *,
        intent: Intent,
        body: bytes | Iterable[bytes] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Container[int] = (),
    ) -> Response:
        """One call under the version's base path; its answer is whole JSON, or nothing (204). Raises RemoteError for an
        answer of 300 and more, except for statuses to `expect`: these the caller reads itself."""
        url = self.base_url + path
        return self._call_salesforce(
            method, url, intent=intent, data=body, params=params, headers=dict(headers or {}), expect=expect
        )

    def page(self, soql: str, *, deleted: bool = False) -> tuple[Response, list[dict[str, Any]], bool]:
        """One query: the answer, its rows, and whether these are all. `deleted`: with those in the recycle bin."""
        answer = self.call("GET", "queryAll" if deleted else "query", intent="read", params={"q": soql})
        return answer, _rows_of(answer), bool(answer.json().get("done"))

    def rows(self, soql: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """All rows of a query whose result is small; further parts are fetched at once."""
        return self.dated_rows(soql, deleted=deleted)[0]

    def dated_rows(self, soql: str, *, deleted: bool = False) -> tuple[list[dict[str, Any]], datetime | None]:
        """The same, and the server's clock when the query began, or a little earlier; None if the server tells no time."""
        began = self._http.clock.now()
        answer, rows, done = self.page(soql, deleted=deleted)
        looked = answer.date and answer.date - (self._http.clock.now() - began)
        while not done:
            answer = self._call_salesforce("GET", self._further(answer.json().get("nextRecordsUrl")))
            rows, done = rows + _rows_of(answer), bool(answer.json().get("done"))
        return rows, looked

    def _further(self, path: Any) -> str:
        """Where a result goes on; only on the same host, because the token goes there."""
        if not isinstance(path, str) or not path.startswith("/services/data/"):
            raise Unavailable("Salesforce gave no usable nextRecordsUrl", code="nextRecordsUrl")
        return self._url + path

    def _call_salesforce(
        self,
        method: str,
        url: str,
        name: str = "",
        retries: int = 0,
        max_retries: int = 0,
        *,
        intent: Intent | None = None,
        expect: Container[int] = (),
        **kwargs: Any,
    ) -> Answer:
        """The library's one way out. A 401 is answered with one new token and the same call, own headers included."""
        intent = intent or ("read" if method == "GET" else "once")
        headers = kwargs.pop("headers", None) or {}
        kwargs.pop("timeout", None)  # the session bounds every call
        with self._http.within(self._http.timeouts.total):
            token = self._sign_in.tokens.token()
            answer = self._sent(method, url, token, headers, intent, kwargs)
            if answer.status == 401:
                self._sign_in.tokens.refused(token)
                token = self._sign_in.tokens.token()
                answer = self._sent(method, url, token, headers, intent, kwargs)
                if answer.status == 401:
                    self._sign_in.tokens.refused(token)
        if answer.status >= 300 and answer.status not in expect:
            raise call_fault(answer)
        return answer

    def _sent(
        self,
        method: str,
        url: str,
        token: str,
        headers: Mapping[str, str],
        intent: Intent,
        kwargs: Mapping[str, Any],
    ) -> Answer:
        where = f"{self._http.name}: {method} {url.removeprefix(self._url)}"
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", **headers}

        def attempt() -> Answer:
            raw = self.session.request(method, url, headers=sent, **kwargs)
            answer = Answer(raw.status_code, raw.headers, raw.content, where, intent, self._http.clock.now())
            if 200 <= answer.status < 300 and answer.status != 204:
                answer.json()  # a truncated answer is no answer
            return answer

        answer: Answer = self._http.retrying(attempt, intent=intent)
        return answer

    def parse_result_to_json(self, result: Answer) -> Any:
        """What the library's helpers return; decoded once, by orjson."""
        return result.json()


def _rows_of(answer: Response) -> list[dict[str, Any]]:
    found = answer.json()
    rows = found.get("records") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise Unavailable(f"{answer.where} answered without records", code=str(answer.status))
    return rows
