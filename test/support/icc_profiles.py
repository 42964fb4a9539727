"""ICC profiles made from published numbers: matrix and curve for RGB, a curve for grey, a table for CMYK."""

from __future__ import annotations

import struct

import numpy as np

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""The curve of sRGB and Display P3 as ICC writes it: g, a, b, c, d."""

# The colorants of the profiles that the owners of the colour spaces publish, adapted to D50: X, Y, Z of red,
# green and blue.
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def rgb_profile(colorants, curve) -> bytes:
    """Return the profile of an RGB space; `curve` is an exponent or the numbers of `SRGB_CURVE`."""
    tags = {kind: _xyz(values) for kind, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
    return _profile(
        b"mntr", b"RGB ", b"XYZ ", {**tags, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(curve))}
    )


def grey_profile(curve) -> bytes:
    """Return the profile of a grey space."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _curve(curve)})


def cmyk_profile() -> bytes:
    """Return the profile of a press: L = 100 - 25 * (C + M + Y + K), a = 40 * (M - C), b = 0."""
    nodes = np.stack(np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    lightness, a = 100 - 25 * nodes.sum(axis=1), 40 * (nodes[:, 1] - nodes[:, 0])
    stored = [lightness * 2.55, a + 128, np.full(len(nodes), 128)]
    table = np.rint(np.stack(stored, axis=-1)).astype(np.uint8)
    head = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    identity = struct.pack(">9i", *(65536 if at % 4 == 0 else 0 for at in range(9)))
    ramp = bytes(range(256))
    return _profile(
        b"prtr", b"CMYK", b"Lab ", {b"A2B0": head + identity + ramp * 4 + table.tobytes() + ramp * 3}
    )


def _xyz(values) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _curve(curve) -> bytes:
    numbers, kind = (curve, 3) if isinstance(curve, tuple) else ((curve,), 0)
    packed = struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + packed


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    white = (0.9642, 1.0, 0.8249)
    text = "test".encode("utf-16-be")
    name = b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(text), 28) + text
    tags = {b"desc": name, b"cprt": name, b"wtpt": _xyz(white), **tags}
    table, content = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += struct.pack(">4sII", tag, start + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    size = start + len(content)
    head = struct.pack(">I4s4s4s4s4s", size, b"none", b"\x04\x30\x00\x00", kind, space, connection)
    head += (
        struct.pack(">6H", 2025, 1, 1, 0, 0, 0)
        + b"acsp"
        + bytes(28)
        + struct.pack(">3i", *(round(v * 65536) for v in white))
    )
    return head.ljust(128, b"\0") + table + content
