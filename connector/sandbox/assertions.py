"""JWT assertions, as both vendors' token endpoints take them: RS256, signed with a key registered for the client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt


class Refused(ValueError):
    """An assertion that is not accepted, and why."""


def claims(assertion: str, keys: Mapping[str, str], audiences: set[str], now: float, longest: float) -> dict[str, Any]:
    """The claims of a good assertion. `longest` is how far ahead `exp` may lie, in seconds."""
    try:
        unproved = jwt.decode(assertion, options={"verify_signature": False})
        key = keys.get(str(unproved.get("iss")))
        if key is None:
            raise Refused("client identifier invalid")
        proved: dict[str, Any] = jwt.decode(
            assertion,
            key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False},
        )
    except jwt.InvalidTokenError as error:
        raise Refused("invalid assertion") from error
    audience = proved.get("aud")
    if not audiences & set(audience if isinstance(audience, list) else [audience]):
        raise Refused("audience is invalid")
    try:
        ends = float(proved["exp"])  # simple-salesforce sends it as a text
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("invalid assertion") from error
    if not now < ends <= now + longest:
        raise Refused("assertion expired or too long-lived")
    return proved
