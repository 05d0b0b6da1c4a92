"""Custom objects over SCAPI (custom-object/custom-objects/v1): by type and key of a site, and a search.

No public page that we have names the paths: `scapi_object_path` and `scapi_object_search` say them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from connector.sandbox.gate import json_reply
from connector.sandbox.server import Reply
from connector.sandbox.sfcc import results
from connector.sandbox.sfcc.objects import SEPARATOR
from connector.sandbox.sfcc.scapi import names
from connector.sandbox.sfcc.scapi.problem import Problem, violated
from connector.sandbox.sfcc.schema import SITES

if TYPE_CHECKING:
    from connector.sandbox.sfcc.scapi.gateway import Call
    from connector.sandbox.sfcc.shop import Shop

_SEARCH = {"query", "sorts", "limit", "offset"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")


class Objects:
    """All custom objects of the instance, as this API shows them."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def handle(self, call: Call) -> Reply:
        options, path = self.shop.world.options, "/".join(call.rest)
        found = _match(options.scapi_object_search, path)
        if found is not None and call.method == "POST":
            call.knows("siteId")
            return self._search(call, found)
        found = _match(options.scapi_object_path, path)
        if found is None:
            raise Problem(404, "not-found", "There is nothing here.")
        call.knows("siteId")
        site = found.get("site") or call.site
        if site not in SITES:
            raise Problem(404, "not-found", f"There is no site '{site}'.")
        return self._one(call, site, found["type"], found["key"])

    def _one(self, call: Call, site: str, kind: str, key: str) -> Reply:
        objects = self.shop.objects
        said = self.shop.said(kind, site, key, objects.types.get(kind), key + SEPARATOR + site)
        match call.method:
            case "GET":
                pass
            case "PUT":
                body = call.body()
                with said:
                    objects.put(site, kind, key, body, "")
            case "PATCH":
                body = call.body()
                with said:
                    objects.patch(site, kind, key, body, "")
            case "DELETE":
                objects.delete(site, kind, key, "")
                return Reply(204)
            case _:
                raise Problem(405, "", f"{call.method} is not possible here.")
        return json_reply(200, self._shown(objects.read(site, kind, key, "1"), site))

    @staticmethod
    def _shown(body: bytes, site: str) -> Any:
        return {**names.document(orjson.loads(body)), "siteId": site}

    def _search(self, call: Call, found: dict[str, str]) -> Reply:
        body, kind, objects = call.body(), found["type"], self.shop.objects
        if not isinstance(body, dict) or not set(body) <= _SEARCH:
            raise Problem(400, "constraint-violation", f"A search has {', '.join(sorted(_SEARCH))}.")
        docs = objects.types.get(kind)
        if docs is None:
            raise Problem(404, "not-found", f"There is no custom object type '{kind}'.")
        limit, offset = body.get("limit", 25), body.get("offset", 0)
        asked = names.body({name: body[name] for name in ("query", "sorts") if name in body})
        self._days(asked.get("query"))
        asked |= {"count": limit, "start": offset, "select": "(**)"}
        search = results.checked(asked, objects.compilers[kind], 10_000)
        total, hits = results.run(docs, search, "key_value_string")
        shown = [names.document(orjson.loads(objects.shaped(hit))) for hit in hits]
        page: dict[str, Any] = {"limit": limit, "offset": offset, "hits": shown}
        if self.shop.world.options.scapi_total:
            page["total"] = total
        return json_reply(200, page)

    def _days(self, node: Any) -> None:
        """Bounds of dates are days, unless the instance takes instants; a day stands for its beginning."""
        options = self.shop.world.options
        for inner in node if isinstance(node, list) else node.values() if isinstance(node, dict) else ():
            self._days(inner)
        if not isinstance(node, dict) or node.get("field") not in ("last_modified", "creation_date"):
            return
        for end in ("from", "to"):
            text = node.get(end)
            if isinstance(text, str) and _DAY.match(text):
                day = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(hours=options.scapi_day_starts)
                node[end] = day.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            elif text is not None and options.scapi_dates == "day":
                raise violated(f"'{text}' is no date.")


def _match(template: str, path: str) -> dict[str, str] | None:
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
    found = re.fullmatch(pattern, path)
    return found.groupdict() if found else None
