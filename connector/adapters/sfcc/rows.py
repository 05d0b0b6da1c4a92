"""Writes of one batch, sent one by one: neither API of the shop takes several at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connector.errors import ConnectionFault, Misconfigured, RemoteError, Transient
from connector.http import Http
from connector.model import Result, Write


def one_by_one(
    http: Http, seconds: float, batch: Sequence[Write], senders: Sequence[Callable[[Write], Result]]
) -> Sequence[Result]:
    """A result for each, within so many seconds together. Raises what the first one raises."""
    results: list[Result] = []
    with http.within(seconds, batch[0].until if batch else None):
        for write, sender in zip(batch, senders, strict=True):
            try:
                results.append(sender(write))
            except (ConnectionFault, Misconfigured, Transient) as error:
                if not results:
                    raise
                results.append(Result(error=_as_record(error)))  # the writes before it have happened: say so
    return results


def _as_record(error: RemoteError) -> Transient:
    """A fault of the call, as the fault of one row of a batch whose other rows were answered."""
    uncertain = bool(getattr(error, "uncertain", False))
    return Transient(str(error), uncertain=uncertain, code=error.code, remedy=error.remedy)
