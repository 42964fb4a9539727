"""File names made from identifiers of the service."""

from __future__ import annotations

import hashlib
import re


def safe_name(identifier: str) -> str:
    """Return an identifier as a file name.

    A safe identifier is returned unchanged. Any other is simplified and gets a digest, so that the names of
    different identifiers differ.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", identifier):
        return identifier
    digest = hashlib.sha256(identifier.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_]+', '_', identifier)[:60].strip('_') or 'stream'}-{digest}"
