"""AVIF files whose announced size is not that of their pictures."""

from __future__ import annotations

import struct


def announcing(avif: bytes, side: int) -> bytes:
    """Return an AVIF file that announces another size in each box `ispe` than its pictures have."""
    changed, at = bytearray(avif), 0
    while (at := changed.find(b"ispe", at)) >= 0:
        struct.pack_into(">II", changed, at + 8, side, side)
        at += 16
    assert changed != avif
    return bytes(changed)
