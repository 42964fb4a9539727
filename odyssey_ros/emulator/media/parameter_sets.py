"""Separates the parameter sets of an H.264 key frame from its pictures."""

from __future__ import annotations

import re

__all__ = ["split_parameter_sets"]

_START_CODE = re.compile(rb"\x00?\x00\x00\x01")
_SPS, _PPS = 7, 8
_BEFORE_PICTURE = {6, _SPS, _PPS, 9}
"""Types of NAL units that may precede the picture: SEI, SPS, PPS, access unit delimiter."""


def split_parameter_sets(data: bytes) -> tuple[bytes, bytes]:
    """Return the SPS and PPS of an access unit, and the access unit without them; both in Annex B form."""
    starts = [(found.start(), data[found.end() : found.end() + 1]) for found in _units_before_picture(data)]
    sets, rest = b"", b""
    for index, (start, header) in enumerate(starts):
        end = starts[index + 1][0] if index + 1 < len(starts) else len(data)
        if header and header[0] & 0x1F in {_SPS, _PPS}:
            sets += data[start:end]
        else:
            rest += data[start:end]
    return sets, rest


def _units_before_picture(data: bytes) -> list[re.Match[bytes]]:
    """Return the start codes up to that of the first slice; what follows is not searched."""
    found: list[re.Match[bytes]] = []
    for match in _START_CODE.finditer(data):
        found.append(match)
        header = data[match.end() : match.end() + 1]
        if not header or header[0] & 0x1F not in _BEFORE_PICTURE:
            break
    return found
