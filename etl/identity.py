"""How documents are identified. When a version changes is decided where the former state is known."""

from __future__ import annotations

import hashlib


def document_id(source: str, path: str, record_key: str) -> str:
    """32 hex digits of BLAKE2b-128 over the three, each ended by a NUL so that no two triples run together."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (source, path, record_key):
        digest.update(part.encode("utf-8"))
        digest.update(b"\0")
    return digest.hexdigest()
