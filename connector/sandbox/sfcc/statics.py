"""Files that customers have sent along, as the storefront serves them: GET without a token. Bytes follow from the path."""

from __future__ import annotations

from zlib import crc32

from connector.sandbox.server import Reply, Request

PREFIX = "/on/demandware.static/"
_KINDS = {
    "jpg": (b"image/jpeg", b"\xff\xd8\xff\xe0"),
    "png": (b"image/png", b"\x89PNG\r\n\x1a\n"),
    "pdf": (b"application/pdf", b"%PDF-1.7\n"),
}


def served(request: Request) -> Reply:
    """A file of a few kilobytes by its extension; 404 for anything else."""
    kind = _KINDS.get(request.path.rpartition(".")[2].lower())
    if request.method != "GET" or kind is None:
        return Reply(404, b"not here", kind=b"text/plain")
    mark = crc32(request.path.encode())
    return Reply(200, kind[1] + mark.to_bytes(4, "big") * (500 + mark % 500), kind=kind[0])
