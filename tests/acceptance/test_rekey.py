"""Encryption of stored records as an operator turns it on, changes the key, loses it, and turns it off."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.acceptance.files import lay_out
from tests.acceptance.processes import Daemon, Ended, run


class Operator:
    """A folder, its configuration, and keys in files beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = lay_out(folder)
        self.plain = (folder / "config.yaml").read_text()
        for number in (1, 2):
            key = bytes(range(number, number + 32))
            (folder / f"key-{number}").write_text(base64.b64encode(key).decode() + "\n")

    def says(self, key: int | None, *old: int) -> None:
        """The configuration names these keys."""
        first = f"'${{file:key-{key}}}'" if key else "null"
        names = ", ".join(f"'${{file:key-{each}}}'" for each in old)
        (self.folder / "config.yaml").write_text(
            f"{self.plain}keep: {{encrypt: {{key: {first}, old_keys: [{names}]}}}}\n"
        )

    def run(self, *arguments: str) -> Ended:
        return run(self.folder, *arguments)

    @property
    def readable(self) -> bool:
        """Whether a customer's address can be read from the disk."""
        return b"ada@example.org" in b"".join(path.read_bytes() for path in self.folder.glob("ledger.db*"))


def test_records_are_encrypted_rekeyed_and_decrypted_again_by_command(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.run("sync")
    assert operator.readable
    operator.says(1)
    ended = operator.run("rekey")
    assert (ended.code, ended.out.splitlines()[0]) == (
        0, "2 stored records changed; all are encrypted with the configured key",
    )  # fmt: skip
    assert not operator.readable
    assert ", encrypted" in operator.run("status").out
    operator.says(2)
    refused = operator.run("status")
    assert refused.code == 2
    assert "not configured" in refused.err
    operator.says(2, 1)
    assert "no other key is needed any more" in operator.run("rekey").out
    operator.says(2)
    assert operator.run("parked", "retry", "--all").code == 0
    assert operator.run("sync").code in (0, 1)
    assert not operator.readable
    operator.says(1)
    assert "rekey --lost" in operator.run("sync").err
    assert "stored records forgotten: no key opens them" in operator.run("rekey", "--lost").out
    assert operator.run("parked", "retry", "--all").code == 0
    assert operator.run("sync").code in (0, 1), "what was forgotten is fetched again"
    operator.says(None, 1)
    assert "none is encrypted" in operator.run("rekey").out


def test_a_daemon_encrypts_what_is_there_and_says_so(tmp_path: Path) -> None:
    operator = Operator(tmp_path)
    operator.run("sync")
    operator.says(1)
    text = (tmp_path / "config.yaml").read_text().replace("daemon: {", "daemon: {prune_every: 300ms, ")
    (tmp_path / "config.yaml").write_text(text)
    with Daemon(tmp_path) as daemon:
        assert daemon.wait_for("rekeyed")["records"] == 2
        daemon.signal()
        assert daemon.ended() == 0
    assert not operator.readable
