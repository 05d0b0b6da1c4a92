"""Several calls in one: /composite (25 parts, references) counts once, /composite/batch counts each part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from connector.sandbox.gate import json_reply
from connector.sandbox.salesforce.problem import Problem
from connector.sandbox.server import Reply, Request

if TYPE_CHECKING:
    from connector.sandbox.salesforce.org import Call, Org

MOST, MOST_HEAVY = 25, 5
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_INHERITED = (b"accept", b"authorization", b"content-type")
"""Headers that a part has from the whole and may not give itself. All others it has only if it gives them."""
_HEAVY = re.compile(r"/(?:query|queryAll|composite/sobjects)(?:[/?]|$)")


class Composite:
    """The calls that carry calls."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def composite(self, call: Call) -> Reply:
        parts = self._parts(call, "compositeRequest")
        if sum(bool(_HEAVY.search(str(p.get("url")))) for p in parts) > MOST_HEAVY:
            raise Problem(
                "LIMIT_EXCEEDED", f"Cannot have more than {MOST_HEAVY} queries or collections in a composite."
            )
        if call.body().get("allOrNone") is True:
            raise Problem("FEATURE_NOT_ENABLED", "this sandbox carries out composites with allOrNone false only")
        for part in parts:
            _refuse_inherited(part)  # fails the whole, before anything is carried out
        known: dict[str, Any] = {}
        out: list[dict[str, Any]] = []
        for part in parts:
            name = part.get("referenceId")
            if not isinstance(name, str):
                raise Problem("INVALID_INPUT", "each part needs a referenceId")
            try:
                given = call.request.headers
                inherited = {header: given[header] for header in _INHERITED if header in given}
                reply = self._carry_out(call, _filled(part, known), inherited)
            except Problem as problem:
                reply = problem.reply()
            body = orjson.loads(reply.body) if reply.body else None
            if reply.status < 300:
                known[name] = body
            out.append({"body": body, "httpHeaders": {}, "httpStatusCode": reply.status, "referenceId": name})
        return json_reply(200, {"compositeResponse": out})

    def batch(self, call: Call) -> Reply:
        parts = self._parts(call, "batchRequests")
        halt = call.body().get("haltOnError") is True
        results: list[dict[str, Any]] = []
        wrong = False
        self.org.calls -= 1  # not the batch counts, but each of its parts
        for part in parts:
            if wrong and halt:
                error = {"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch request halted."}
                results.append({"statusCode": 412, "result": [error]})
                continue
            self.org.calls += 1
            url = str(part.get("url", ""))
            part = {
                "method": part.get("method"),
                "body": part.get("richInput"),
                "url": "/services/data/" + url.lstrip("/"),
            }
            try:
                reply = self._carry_out(call, part, call.request.headers)
            except Problem as problem:
                reply = problem.reply()
            wrong = wrong or reply.status >= 400
            results.append({"statusCode": reply.status, "result": orjson.loads(reply.body) if reply.body else None})
        return json_reply(200, {"hasErrors": wrong, "results": results})

    def _parts(self, call: Call, name: str) -> list[dict[str, Any]]:
        body = call.body()
        parts = body.get(name) if isinstance(body, dict) else None
        if not isinstance(parts, list) or not all(isinstance(p, dict) for p in parts):
            raise Problem("JSON_PARSER_ERROR", f"{name} must be a list of objects")
        if not 1 <= len(parts) <= MOST:
            raise Problem("LIMIT_EXCEEDED", f"a composite has 1 to {MOST} parts, not {len(parts)}")
        return parts

    def _carry_out(self, call: Call, part: dict[str, Any], inherited: Mapping[bytes, bytes]) -> Reply:
        from connector.sandbox.salesforce.org import Call as OneCall

        target = str(part.get("url", ""))
        path = target.partition("?")[0].strip("/").split("/")
        if path[:2] != ["services", "data"] or len(path) < 4:
            raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
        headers = {**inherited, **_own_headers(part)}
        body = b"" if part.get("body") is None else orjson.dumps(part["body"])
        request = Request(str(part.get("method", "GET")).upper(), target, headers, body)
        inner = OneCall(self.org, request, call.session, path[2], call.now)
        return self.org.route(inner, [unquote(p) for p in path[3:]])


def _filled(value: Any, known: dict[str, Any]) -> Any:
    """A part with its references to earlier answers filled in."""
    if isinstance(value, dict):
        return {k: _filled(v, known) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, known) for v in value]
    if isinstance(value, str) and "@{" in value:
        return _REFERENCE.sub(lambda m: str(_looked_up(m[1], m[2], known)), value)
    return value


def _looked_up(name: str, path: str, known: dict[str, Any]) -> Any:
    if name not in known:
        raise Problem("PROCESSING_HALTED", f"Invalid reference specified. No value for {name} found")
    found = known[name]
    try:
        for member, index in _STEP.findall(path):
            found = found[member] if member else found[int(index)]
    except (KeyError, IndexError, TypeError) as error:
        raise Problem("PROCESSING_HALTED", f"Invalid reference specified: {name}{path}") from error
    return found


def _own_headers(part: dict[str, Any]) -> dict[bytes, bytes]:
    """What a part gives under httpHeaders."""
    return {str(name).lower().encode(): str(value).encode() for name, value in _object(part.get("httpHeaders")).items()}


def _refuse_inherited(part: dict[str, Any]) -> None:
    headers = part.get("httpHeaders")
    for name in headers if isinstance(headers, dict) else ():
        if str(name).lower().encode() in _INHERITED:
            raise Problem("INVALID_INPUT", f"httpHeaders of a subrequest may not contain {name}")


def _object(value: Any) -> dict[str, Any]:
    """An optional object of a part."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Problem("JSON_PARSER_ERROR", f"expected an object, not {value!r}")
    return value
