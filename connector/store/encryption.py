"""Stored records under a key: AES-256-GCM, each bound to its row. The only user of cryptography.

A configured key is never used itself: each ledger derives its own from it (HKDF-SHA256 over a random salt), so that what
one ledger sealed means nothing in another, and random nonces have 2**32 records a key before they become a risk.
Source: NIST SP 800-38D 8.3; https://cryptography.io/en/latest/hazmat/primitives/aead/
"""

from __future__ import annotations

import os

MARKED = b"\x01"
"""First byte of a sealed text; no JSON document begins so."""
_HEAD, _NONCE, _TAG = 5, 12, 16


class Sealed:
    """One derived key, by its number in a ledger. Threads may share it."""

    def __init__(self, number: int, key: bytes, salt: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        self.number = number
        self._salt = salt
        self._cipher = AESGCM(HKDF(SHA256(), 32, salt, b"connector stored records").derive(key))
        self._head = MARKED + number.to_bytes(4, "big")

    def seal(self, row: int, body: bytes) -> bytes:
        """What may lie on a disk: 33 bytes longer, and of use at this row only."""
        nonce = os.urandom(_NONCE)
        return self._head + nonce + self._cipher.encrypt(nonce, body, row.to_bytes(8, "big"))

    def opened(self, row: int, sealed: bytes) -> bytes | None:
        """What was sealed for this row; None when it is anything else."""
        from cryptography.exceptions import InvalidTag

        if len(sealed) < _HEAD + _NONCE + _TAG:
            return None
        try:
            return self._cipher.decrypt(
                sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :], row.to_bytes(8, "big")
            )
        except InvalidTag:
            return None

    def proof(self) -> bytes:
        """Tells this key from any other later, and nothing about it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, b"", self._salt)

    def proves(self, proof: bytes) -> bool:
        """Whether `proof` was made by this key."""
        from cryptography.exceptions import InvalidTag

        try:
            self._cipher.decrypt(proof[:_NONCE], proof[_NONCE:], self._salt)
        except (InvalidTag, ValueError):
            return False
        return True


def number_of(body: bytes) -> int:
    """The number of the key that a stored text is under; 0: it lies there as it is."""
    return int.from_bytes(body[1:_HEAD], "big") if body[:1] == MARKED else 0
