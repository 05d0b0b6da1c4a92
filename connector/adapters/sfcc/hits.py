"""A search result as records. Hits may be missing altogether, `next` and `total` too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from connector.adapters.sfcc.ahead import Found
from connector.errors import Misconfigured
from connector.http import Response
from connector.model import Record


def found(
    response: Response,
    make: Callable[[dict[str, Any], str], Record],
    site: str,
    *,
    start: int,
    began: datetime,
    wrapped: bool,
) -> Found:
    """The records of a page. `wrapped`: each hit holds its document under `data`. A short page says nothing about the end.

    It was looked up when the call began, not when its answer came: a slow search may have been carried out before records that
    its `Date` seems to cover. `began` is our clock then.
    """
    result = response.json()
    try:
        hits = result.get("hits") or ()
        records = [make(hit["data"], site) for hit in hits] if wrapped else [make(hit, site) for hit in hits]
        total, following = result.get("total"), result.get("next")
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Misconfigured(
            f"{response.where}: hits are not as documented: {type(error).__name__} {error}"[:200],
            remedy="allow the client to read the key and last_modified of these documents (read_attributes)",
        ) from error
    if isinstance(total, int):
        more = bool(records) and start + len(records) < total
    else:
        total, more = None, bool(records) and following is not None
    took = max(response.now - began, timedelta(0))
    return Found(records, total, more, began if response.date is None else response.date - took)
