"""`python -m connector.sandbox`: both systems until SIGTERM or SIGINT. Prints one JSON line with the URLs when ready."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import orjson

from connector.sandbox.box import House
from connector.sandbox.faults import Rule
from connector.sandbox.options import Options

_BY_HAND = {
    "clients",
    "users",
    "public_keys",
    "permissions",
    "scapi_clients",
    "scapi_scopes",
    "frozen_orders",
    "required_fields",
    "hidden_fields",
    "readonly_fields",
    "foreign_queues",
    "faults",
}


def parser() -> argparse.ArgumentParser:
    """One option per field of Options, and those that take more than one value."""
    made = argparse.ArgumentParser(prog="python -m connector.sandbox", description=__doc__)
    for f in fields(Options):
        if f.name in _BY_HAND:
            continue
        flag = "--" + f.name.replace("_", "-")
        if isinstance(f.default, bool):
            made.add_argument(flag, action=argparse.BooleanOptionalAction, default=f.default)
        else:
            kind: Any = int if f.default is None else type(f.default)
            made.add_argument(flag, type=kind, default=f.default, metavar="N" if kind is not str else "TEXT")
    made.add_argument(
        "--client", action="append", metavar="ID:SECRET", help="credentials of both systems (bench:secret)"
    )
    made.add_argument(
        "--scapi-client", action="append", metavar="ID:SECRET", help="API clients made for SCAPI (bench-scapi:secret)"
    )
    made.add_argument(
        "--user", action="append", metavar="NAME:PASSWORD", help="Business Manager user (manager:manager-pw)"
    )
    made.add_argument(
        "--public-key", action="append", default=[], metavar="ID:FILE", help="PEM key of a client's assertions"
    )
    made.add_argument(
        "--fault", action="append", default=[], metavar="JSON", help="a fault rule, as the control API takes it"
    )
    return made


def options(arguments: Sequence[str] | None = None) -> Options:
    """Options from a command line."""
    made = parser()
    given = vars(made.parse_args(arguments))
    clients, scapi, users, keys, faults = (
        given.pop(n) for n in ("client", "scapi_client", "user", "public_key", "fault")
    )
    try:
        for name, pairs in (("clients", clients), ("scapi_clients", scapi), ("users", users)):
            if pairs:
                given[name] = dict(_pair(p) for p in pairs)
        for client, path in (_pair(p) for p in keys):
            with open(path, encoding="ascii") as file:
                given.setdefault("public_keys", {})[client] = file.read()
        given["faults"] = tuple(orjson.loads(f) for f in faults)
        for rule in given["faults"]:
            Rule(**rule)
        return Options(**given)
    except (TypeError, ValueError, OSError) as error:
        made.error(str(error))


def _pair(text: str) -> tuple[str, str]:
    left, colon, right = text.partition(":")
    if not colon or not left:
        raise ValueError(f"expected NAME:VALUE, not {text!r}")
    return left, right


async def serve(chosen: Options) -> None:
    """Opens the house, says so on stdout, and keeps it until a signal."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    house = House(chosen)
    await house.open()
    gc.collect()
    gc.freeze()  # the data stays: the collector need not walk it again and again
    sys.stdout.write(orjson.dumps(house.urls).decode() + "\n")
    sys.stdout.flush()
    await stop.wait()
    await house.close()


def main(arguments: Sequence[str] | None = None) -> int:
    asyncio.run(serve(options(arguments)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
