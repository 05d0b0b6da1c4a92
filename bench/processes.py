"""Starting the sandbox and measuring a command as a whole process: wall, CPU, peak memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen


@dataclass(frozen=True)
class Run:
    """One command, measured from outside. Seconds and MiB."""

    code: int
    wall: float
    cpu: float
    peak: float
    out: str


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Run:
    """Run a command to its end, with the operating system's own accounting of that one process."""
    began = time.perf_counter()
    with subprocess.Popen(
        command, env={**os.environ, **(env or {})}, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    return Run(process.returncode, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out)


class Sandbox:
    """A sandbox in a process of its own, asked over its control API."""

    def __init__(self, process: subprocess.Popen[str], urls: Mapping[str, str]) -> None:
        self.process, self.sfcc, self.salesforce, self.control = (
            process,
            urls["sfcc"],
            urls["salesforce"],
            urls["control"],
        )

    def ask(self, verb: str, **arguments: Any) -> Any:
        """One verb of the control API."""
        request = Request(
            f"{self.control}/{verb}", json.dumps(arguments).encode(), {"Content-Type": "application/json"}
        )
        with urlopen(request, timeout=600) as reply:
            return json.loads(reply.read() or b"null")

    def cpu(self) -> float:
        """CPU seconds that the sandbox has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def sandbox(*options: str) -> Iterator[Sandbox]:
    """A sandbox started with these options, ended when the block ends."""
    command = [sys.executable, "-m", "connector.sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Sandbox(process, json.loads(process.stdout.readline()))
        finally:
            process.terminate()
            process.wait(30)


def own_peak() -> float:
    """This process's own peak memory in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
