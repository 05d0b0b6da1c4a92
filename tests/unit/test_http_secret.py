"""What must not be printed is not printed."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from connector.http import redact
from connector.secret import Secret


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True)
    client_secret: Secret


def test_a_secret_shows_nowhere() -> None:
    settings = Settings.model_validate({"client_secret": "hunter2"})
    shown = [
        repr(settings),
        str(settings),
        f"{settings.client_secret}",
        f"{settings.client_secret!r:>20}",
        str(settings.model_dump()),
        settings.model_dump_json(),
        str(vars(settings)),
        json.dumps(Settings.model_json_schema()),
    ]
    assert not any("hunter2" in text for text in shown)
    assert settings.client_secret.reveal() == "hunter2"


def test_a_secret_cannot_be_written_by_accident() -> None:
    secret = Secret("hunter2")
    with pytest.raises(TypeError):
        json.dumps({"secret": secret})
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_an_empty_secret_is_one_fault() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"client_secret": ""})
    assert caught.value.error_count() == 1


def test_a_secret_is_taken_as_a_field_value_too() -> None:
    assert Settings(client_secret=Secret("hunter2")).client_secret.reveal() == "hunter2"


def test_secrets_compare_and_copy_as_values() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert copy.deepcopy(Secret("a")) == Secret("a")
    assert Secret("a") != "a"
    assert Secret("a")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Authorization: Bearer abcDEF123456.xyz", "abcDEF123456"),
        ("header Basic Y2xpZW50OnNlY3JldA==", "Y2xpZW50"),
        ("client_secret=s3cr3t&grant_type=x", "s3cr3t"),
        ('{"access_token": "a.b.c", "x": 1}', "a.b.c"),
        ("assertion=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln", "eyJhbGci"),
        ("session 00D000000000001!AQEAQFakeSessionId.abc", "AQEAQ"),
        ("No customer 'ada.lee+1@example.org' found", "ada.lee"),
        ("https://user:pa55word@host/path", "pa55word"),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----", "MIIabc"),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc", "MIIabc"),
    ],
)
def test_texts_of_others_lose_what_is_secret(text: str, hidden: str) -> None:
    shown = redact(text)
    assert hidden not in shown
    assert "***" in shown


def test_a_redacted_text_is_one_short_line() -> None:
    shown = redact("a long\n  story " * 1000)
    assert "\n" not in shown
    assert len(shown) == 300
    assert shown.startswith("a long story a long story")


def test_harmless_texts_stay_as_they_are() -> None:
    text = "No order with number 00001301 for site RefArch: token lifetime 1799 s"
    assert redact(text) == text
