"""The traps of simple-salesforce and of the wire: sign-in, expiry, https, headers, bodies that are no JSON."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.errors import (
    AuthFailed,
    ConnectionFault,
    Misconfigured,
    RateLimited,
    Rejected,
    RemoteError,
    Transient,
    Unavailable,
)
from tests.unit.salesforce_wire import (
    BASE,
    COLLECTIONS,
    FIELDS,
    NOW,
    QUERY,
    TOKEN,
    URL,
    Answer,
    create,
    done,
    found,
    html,
    json_answer,
    org,
    refusal,
    settings,
    update,
)

EXPIRED = refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")


def bearer(request: Any) -> str:
    return str(request.headers["Authorization"])


def test_a_call_sent_again_after_expiry_keeps_its_own_headers() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, EXPIRED, json_answer([done(1)]))
        assert adapter.write("Case", [create("k1")])[0].target is not None
        first, second = wire.sent(COLLECTIONS)
        assert first.headers["Sforce-Auto-Assign"] == second.headers["Sforce-Auto-Assign"] == "FALSE"
        assert (bearer(first)[-6:], bearer(second)[-6:]) == ("token1", "token2")
        assert first.body == second.body


def test_a_401_for_ever_costs_one_new_token_and_says_that_credentials_fail() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, EXPIRED)
        with pytest.raises(AuthFailed, match="also with a new token"):
            list(adapter.read("Case", None, select=FIELDS))
        assert (wire.tokens, len(wire.sent(QUERY))) == (2, 2)


def test_a_401_with_an_html_body_is_no_crash() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, html(401), found())
        assert [page.records for page in adapter.read("Case", None, select=FIELDS)] == [[]]


def test_sixteen_threads_with_an_expired_token_sign_in_once() -> None:
    together = threading.Barrier(16, timeout=10)
    with org() as (adapter, wire, _):

        def answer(request: Any) -> Answer:
            if bearer(request).endswith("token1"):
                together.wait()
                return EXPIRED
            return found()

        wire.on("GET", QUERY, answer)
        with ThreadPoolExecutor(16) as pool:
            read = [pool.submit(lambda: list(adapter.read("Case", None, select=FIELDS))) for _ in range(16)]
            assert all(len(each.result()) == 1 for each in read)
        assert wire.tokens == 2


def test_every_write_forbids_assignment_rules() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, json_answer([done(1)]))
        wire.script("PATCH", COLLECTIONS, json_answer([done(1)]))
        adapter.write("Case", [create("k1")])
        adapter.write("Case", [update(1)])
        assert [request.headers["Sforce-Auto-Assign"] for request in wire.sent(COLLECTIONS)] == ["FALSE", "FALSE"]


def test_replies_are_not_asked_to_be_pretty_and_the_pinned_version_is_called() -> None:
    with org(version="67.0") as (adapter, wire, _):
        wire.script("GET", f"{URL}/services/data/v67.0/query", found())
        list(adapter.read("Case", None, select=FIELDS))
        [request] = wire.sent(f"{URL}/services/data/v67.0/query")
        assert "X-PrettyPrint" not in request.headers


@pytest.mark.parametrize("host", ["http://127.0.0.1:8123", "http://localhost:8123", "http://[::1]:8123"])
def test_plain_http_reaches_a_loopback_address_although_the_library_writes_https(host: str) -> None:
    with org(url=host) as (adapter, wire, _):
        wire.script("POST", f"{host}/services/oauth2/token", json_answer({"access_token": "t"}))
        wire.script("GET", f"{host}/services/data/v66.0/query", found())
        assert list(adapter.read("Case", None, select=FIELDS))


def test_plain_http_beyond_loopback_is_refused_by_the_settings() -> None:
    with pytest.raises(ValueError, match="loopback"):
        settings(url="http://acme.my.salesforce.com")
    with pytest.raises(ValueError, match="loopback"):
        settings(auth_url="http://login.example.com")


def test_the_library_s_own_helpers_pass_through_our_session_too() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", BASE + "query/", EXPIRED, found())
        wire.script("GET", BASE + "limits/", json_answer({"DailyApiRequests": {"Max": 10, "Remaining": 4}}))
        client = adapter._parts.client
        assert client.query("SELECT Id FROM Case")["records"] == []
        assert client.limits()["DailyApiRequests"]["Remaining"] == 4
        assert wire.tokens == 2


def test_the_rest_of_a_result_is_asked_for_at_our_host_only() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, found(done=False, more="https://elsewhere.example/services/data/v66.0/query/01g"))
        with pytest.raises(Unavailable, match="nextRecordsUrl"):
            adapter.fetch("Case", ["k1"], by="our_key", select=FIELDS)


def test_a_redirect_is_not_followed_with_our_token() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, (302, {"Location": "https://elsewhere.example/"}, ""))
        with pytest.raises(Unavailable, match="redirect"):
            list(adapter.read("Case", None, select=FIELDS))


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (refusal(403, "INSUFFICIENT_ACCESS", "no"), Misconfigured, "INSUFFICIENT_ACCESS"),
        (refusal(403, "API_DISABLED_FOR_ORG", "API is not enabled"), Misconfigured, "API_DISABLED_FOR_ORG"),
        (html(403), Misconfigured, "403"),
        (refusal(404, "NOT_FOUND", "The requested resource does not exist"), Misconfigured, "NOT_FOUND"),
        (refusal(400, "INVALID_TYPE", "sObject type 'Cas' is not supported."), Misconfigured, "INVALID_TYPE"),
        (refusal(400, "MALFORMED_QUERY", "unexpected token"), Misconfigured, "MALFORMED_QUERY"),
        (refusal(400, "QUERY_TIMEOUT", "Your query request was running for too long."), Unavailable, "too long"),
        (refusal(410, "UNSUPPORTED_API_VERSION", ""), Misconfigured, "retired"),
        (html(414), Misconfigured, "too long"),
        (html(420), Unavailable, "420"),
        (html(500), Unavailable, "500"),
        (refusal(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred"), Unavailable, "UNKNOWN_EXCEPTION"),
        (html(503), Unavailable, "503"),
        ((404, {}, b'[{"errorCode":"NOT_FO'), Unavailable, "no whole JSON"),
    ],
)
def test_what_a_read_is_refused_with_never_blames_a_record(answer: Answer, kind: type[RemoteError], says: str) -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, answer)
        with pytest.raises(kind, match=says):
            list(adapter.read("Case", None, select=FIELDS))


@pytest.mark.parametrize(
    ("answer", "kind", "uncertain"),
    [
        (html(500), Transient, True),
        (html(502), Transient, True),
        (html(504), Transient, True),
        (refusal(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"), Transient, False),
        (json_answer({"unexpected": True}), Transient, True),
        (json_answer([]), Transient, True),
        ((200, {}, b'[{"id":"500'), Transient, True),
        ((400, {}, b'[{"errorCode":"UNABLE_TO_L'), Transient, True),
        (html(503), Unavailable, True),
        (requests.ConnectionError("reset"), Transient, True),
    ],
)
def test_an_unread_answer_to_a_create_is_not_sent_again_and_says_whether_it_may_be_committed(
    answer: Answer | Exception, kind: type[Transient] | type[Unavailable], uncertain: bool
) -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, answer)
        with pytest.raises(kind) as caught:
            adapter.write("Case", [create("k1")])
        error = caught.value
        assert isinstance(error, Transient | ConnectionFault)
        assert error.uncertain is uncertain
        assert len(wire.sent(COLLECTIONS)) == 1


def test_a_read_whose_answer_is_cut_is_asked_for_again() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, (200, {}, b'{"done":true,"records":['), found())
        assert len(list(adapter.read("Case", None, select=FIELDS))) == 1
        assert len(wire.sent(QUERY)) == 2


def test_an_update_by_id_is_sent_again_within_the_call_when_the_server_was_briefly_away() -> None:
    with org() as (adapter, wire, _):
        wire.script("PATCH", COLLECTIONS, html(503), json_answer([done(1)]))
        [result] = adapter.write("Case", [update(1)])
        assert result.error is None
        assert len(wire.sent(COLLECTIONS)) == 2


def test_a_day_s_limit_pauses_long_and_too_many_at_once_pauses_shortly() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
        with pytest.raises(RateLimited) as long:
            list(adapter.read("Case", None, select=FIELDS))
        text = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
        wire.script("GET", QUERY, refusal(403, "REQUEST_LIMIT_EXCEEDED", text))
        with pytest.raises(RateLimited) as short:
            list(adapter.read("Case", None, select=FIELDS))
        assert long.value.until == NOW + timedelta(minutes=15)
        assert short.value.until == NOW + timedelta(seconds=20)


def test_retry_after_is_read_although_the_library_s_exceptions_carry_no_headers() -> None:
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, refusal(429, "REQUEST_LIMIT_EXCEEDED", "", Retry_After="120"))
        with pytest.raises(RateLimited) as caught:
            list(adapter.read("Case", None, select=FIELDS))
        assert caught.value.until == NOW + timedelta(seconds=120)


def test_an_unknown_field_is_the_administrator_s_to_mend_and_is_named() -> None:
    text = "\nSELECT Id,Risk__c FROM Case\n          ^\nERROR at Row:1:Column:11\nNo such column 'Risk__c' on entity 'Case'."
    with org() as (adapter, wire, _):
        wire.script("GET", QUERY, refusal(400, "INVALID_FIELD", text))
        with pytest.raises(Misconfigured, match="no field Risk__c") as caught:
            list(adapter.read("Case", None, select=FIELDS))
        assert "permission set" in caught.value.remedy
        wire.script("POST", COLLECTIONS, refusal(400, "INVALID_FIELD", "No such column 'foo' on sobject of type Case"))
        with pytest.raises(Misconfigured, match="no field foo"):
            adapter.write("Case", [create("k1")])


def test_a_call_refused_whole_because_of_a_value_is_a_record_s_fault_and_does_not_echo_it() -> None:
    text = "Cannot deserialize instance of double from VALUE_STRING value ada@example.org at [line:1, column:123]"
    with org() as (adapter, wire, _):
        wire.script("POST", COLLECTIONS, refusal(400, "JSON_PARSER_ERROR", text))
        with pytest.raises(Rejected, match="line:1, column:123") as caught:
            adapter.write("Case", [create("k1")])
        assert "ada" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (
            json_answer({"error": "invalid_client", "error_description": "invalid client credentials"}, 401),
            AuthFailed,
            "secret",
        ),
        (json_answer({"error": "invalid_client_id", "error_description": "x"}, 400), AuthFailed, "client_id"),
        (
            json_answer({"error": "invalid_grant", "error_description": "audience is invalid"}, 400),
            AuthFailed,
            "audience",
        ),
        (json_answer({"error": "invalid_grant", "error_description": "login rate exceeded"}, 400), RateLimited, ""),
        (json_answer({"error": "server_error"}, 400), Unavailable, ""),
        (html(404), AuthFailed, "My Domain"),
        (html(400), Unavailable, ""),
        (html(503), Unavailable, ""),
        (html(500), Unavailable, ""),
        (json_answer({"token_type": "Bearer"}), Unavailable, ""),
        (requests.ConnectionError("no route"), Unavailable, ""),
    ],
)
def test_a_refused_sign_in_is_told_from_an_outage(
    answer: Answer | Exception, kind: type[RemoteError], says: str
) -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", TOKEN, answer)
        with pytest.raises(kind) as caught:
            adapter.check()
        assert says in f"{caught.value} {caught.value.remedy}"


def test_a_secret_appears_in_no_message_and_no_repr() -> None:
    with org() as (adapter, wire, _):
        wire.script("POST", TOKEN, json_answer({"error": "invalid_client"}, 401))
        with pytest.raises(AuthFailed) as caught:
            adapter.check()
        shown = f"{caught.value!r} {caught.value.remedy} {settings()!r} {settings().model_dump_json()}"
        assert "s3cret-text" not in shown
        assert wire.form(TOKEN)["client_secret"] == ["s3cret-text"]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    form, style = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(form, style, serialization.NoEncryption()).decode()


def test_the_jwt_grant_signs_a_statement_of_under_three_minutes(key: rsa.RSAPrivateKey) -> None:
    auth = {"grant": "jwt", "client_id": "app", "username": "bot@acme.example", "private_key": pem(key)}
    with org(auth=auth, auth_url="https://test.salesforce.com") as (adapter, wire, _):
        wire.script("POST", "https://test.salesforce.com/services/oauth2/token", json_answer({"access_token": "t"}))
        wire.script("GET", BASE + "limits", json_answer({}))
        assert adapter.check().well
        form = wire.form("https://test.salesforce.com/services/oauth2/token")
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        claims = jwt.decode(
            form["assertion"][0],
            key.public_key(),
            algorithms=["RS256"],
            audience="https://login.salesforce.com",
            options={"verify_exp": False},
        )
        assert (claims["iss"], claims["sub"]) == ("app", "bot@acme.example")
        assert isinstance(claims["exp"], int)
        assert 0 < claims["exp"] - NOW.timestamp() < 180


def test_a_private_key_that_cannot_sign_is_said_without_quoting_it() -> None:
    auth = {"grant": "jwt", "client_id": "app", "username": "bot", "private_key": "-----BEGIN nonsense abcdef"}
    with org(auth=auth) as (adapter, _, _), pytest.raises(AuthFailed, match="private_key") as caught:
        adapter.check()
    assert "abcdef" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_building_an_adapter_touches_no_network() -> None:
    with org() as (adapter, wire, _):
        assert adapter.streams["Case"].create == "exclusive"
        assert (adapter.calls(), wire.tokens) == (0, 0)
