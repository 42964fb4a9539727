"""The right sRGB values of colours in other RGB spaces, by the matrices of the W3C (CSS Color 4)."""

from __future__ import annotations

import numpy as np

PATCHES = np.array(
    [
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)],
        [(200, 100, 50), (50, 150, 90), (90, 60, 200), (0, 0, 0)],
        [(128, 128, 128), (30, 30, 30), (240, 200, 180), (20, 60, 40)],
    ],
    np.uint8,
)
"""Colours to be shown as patches."""

TO_LINEAR_SRGB = {
    "Display P3": [
        [1.2249401, -0.2249404, 0],
        [-0.0420569, 1.0420571, 0],
        [-0.0196376, -0.0786361, 1.0982735],
    ],
    "Adobe RGB": [[1.3983557, -0.3983557, 0], [0, 1, 0], [0, -0.0429290, 1.0429290]],
    "ProPhoto": [
        [2.0343676, -0.7276343, -0.3067333],
        [-0.2288266, 1.2317533, -0.0029268],
        [-0.0085696, -0.1532867, 1.1618563],
    ],
    "linear sRGB": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "BT.2020": [
        [1.6604910, -0.5876411, -0.0728499],
        [-0.1245505, 1.1328999, -0.0083494],
        [-0.0181508, -0.1005789, 1.1187297],
    ],
}
CURVES = {"Adobe RGB": 563 / 256, "ProPhoto": 1.8, "linear sRGB": 1.0}


def srgb_light(values):
    """Return the light of sRGB values between 0 and 1."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def srgb_levels(light):
    """Return the sRGB values, 0 to 255, of light; what sRGB cannot show is clipped."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def expected(space: str, pixels=PATCHES):
    """Return the sRGB values, 0 to 255, of pixels of a space."""
    values = pixels / 255
    light = values ** CURVES[space] if space in CURVES else srgb_light(values)
    return srgb_levels(light @ np.array(TO_LINEAR_SRGB[space]).T)
