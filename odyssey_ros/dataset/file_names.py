"""Identifiers of the service as names of files."""

from __future__ import annotations

import hashlib
import re


def safe_name(identifier: str) -> str:
    """An identifier as a file name: itself where that is safe, else with a digest that keeps it apart."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", identifier):
        return identifier
    digest = hashlib.sha256(identifier.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_]+', '_', identifier)[:60].strip('_') or 'stream'}-{digest}"
