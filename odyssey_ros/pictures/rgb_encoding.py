"""RGB colours that are described by numbers: the code points of video, and `gAMA` and `cHRM` of PNG.

The sources are ITU-T H.273 (code points), BT.2100 (PQ and HLG), BT.2408 (white of PQ and HLG at 203 cd/m2)
and IEC 61966-2-1 (sRGB).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Chromaticities = tuple[float, float, float, float, float, float, float, float]

_D65: Final = (0.3127, 0.3290)
_C: Final = (0.310, 0.316)
SRGB_PRIMARIES: Final[Chromaticities] = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)

_PRIMARIES: Final[dict[int, Chromaticities]] = {
    1: SRGB_PRIMARIES,
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *_C),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *_C),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
_UNSPECIFIED: Final = 2
# The curves of television (1, 6, 14, 15) describe cameras; displays show their pictures much like sRGB.
_SRGB_CURVES: Final = frozenset((1, _UNSPECIFIED, 6, 13, 14, 15))
_GAMMAS: Final = {4: 2.2, 5: 2.8, 8: 1.0}
_PQ, _HLG = 16, 18
_BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_WHITE_CD_M2: Final = 203.0


@dataclass(frozen=True, slots=True)
class RgbEncoding:
    """Colours of RGB pictures that are not sRGB.

    Attributes:
        primaries: x and y of red, green, blue and white.
        curve: The code point of the transfer characteristics, when `gamma` is None.
        gamma: The exponent from a value to its light.
    """

    primaries: Chromaticities
    curve: int = 13
    gamma: float | None = None

    @property
    def hdr(self) -> bool:
        """Whether a picture can have lights that are brighter than white."""
        return self.gamma is None and self.curve in {_PQ, _HLG}

    def to_srgb(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return pixels as sRGB. Colours outside sRGB, and lights brighter than white, are clipped.

        Args:
            pixels: RGB, shape (height, width, 3).
        """
        values = np.arange(256) / 255
        table = values**self.gamma if self.gamma is not None else _CURVES.get(self.curve, _srgb_light)(values)
        light = table.astype(np.float32)[pixels]
        if self.gamma is None and self.curve == _HLG:
            # The scene's light becomes that of a display with 1000 cd/m2 (BT.2100, table 5).
            light *= (light @ _to_xyz(self.primaries)[1].astype(np.float32))[..., None] ** 0.2
            light *= 1000 / _WHITE_CD_M2
        light = np.clip(light @ _matrix(self.primaries).T.astype(np.float32), 0, 1)
        encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        return np.asarray(np.rint(encoded * 255), np.uint8)


ADOBE_RGB: Final = RgbEncoding((0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *_D65), gamma=563 / 256)
"""Adobe RGB (1998)."""


def from_code_points(primaries: int, curve: int) -> RgbEncoding | None:
    """Return the encoding of code points of H.273; None for sRGB, and for points that are not known."""
    named = _PRIMARIES.get(primaries, SRGB_PRIMARIES)
    if curve in _GAMMAS:
        return RgbEncoding(named, gamma=_GAMMAS[curve])
    if curve not in _CURVES and curve not in _SRGB_CURVES:
        curve = 13
    if curve in _SRGB_CURVES:
        return None if named == SRGB_PRIMARIES else RgbEncoding(named)
    return RgbEncoding(named, curve)


def from_gamma(gamma: int | None, chromaticities: tuple[int, ...] | None) -> RgbEncoding | None:
    """Return the encoding of PNG's `gAMA` and `cHRM`, in units of 1/100000; None for sRGB and nonsense.

    Programs write the exponent 1/2.2 and the primaries of sRGB into pictures in sRGB. An exponent within 5 %
    of it means sRGB, as in libpng.

    Args:
        gamma: The exponent from light to values.
        chromaticities: x and y of white, red, green and blue.
    """
    primaries = SRGB_PRIMARIES
    if chromaticities is not None:
        x = tuple(value / 100_000 for value in chromaticities)
        ordered: Any = (*x[2:], *x[:2])
        if _plausible(ordered) and max(abs(a - b) for a, b in zip(ordered, primaries, strict=True)) > 0.002:
            primaries = ordered
    exponent = None
    if gamma and 10_000 <= gamma <= 1_000_000 and abs(gamma / 45_455 - 1) > 0.05:
        exponent = 100_000 / gamma
    return (
        None if exponent is None and primaries == SRGB_PRIMARIES else RgbEncoding(primaries, gamma=exponent)
    )


def _plausible(primaries: Chromaticities) -> bool:
    """Return whether red, green and blue form a triangle around a white."""
    xs, ys = primaries[::2], primaries[1::2]
    if min(ys) <= 0 or max(xs) > 1 or max(ys) > 1:
        return False
    columns = np.array([xs[:3], ys[:3], np.ones(3)])
    if abs(np.linalg.det(columns)) < 0.01:
        return False
    return bool(np.linalg.solve(columns, np.array([xs[3], ys[3], 1.0])).min() > 0.01)


def _to_xyz(primaries: Chromaticities) -> NDArray[Any]:
    xs, ys = np.array(primaries[::2]), np.array(primaries[1::2])
    columns = np.array([xs / ys, np.ones(4), (1 - xs - ys) / ys])
    scales: NDArray[Any] = np.linalg.solve(columns[:, :3], columns[:, 3])
    return np.asarray(columns[:, :3] * scales)


def _white(primaries: Chromaticities) -> NDArray[Any]:
    x, y = primaries[6:]
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _matrix(primaries: Chromaticities) -> NDArray[Any]:
    """Return the matrix from linear light to that of sRGB, with Bradford's adaptation of white."""
    gains = (_BRADFORD @ _white(SRGB_PRIMARIES)) / (_BRADFORD @ _white(primaries))
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ _to_xyz(primaries)
    return np.asarray(np.linalg.inv(_to_xyz(SRGB_PRIMARIES)) @ adapted)


def _srgb_light(values: NDArray[Any]) -> NDArray[Any]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _pq_light(values: NDArray[Any]) -> NDArray[Any]:
    """Return light with white at 1 (BT.2100, table 4)."""
    power = values ** (1 / 78.84375)
    ratio = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
    return np.asarray(10_000 / _WHITE_CD_M2 * ratio ** (1 / 0.1593017578125))


def _hlg_light(values: NDArray[Any]) -> NDArray[Any]:
    """Return the light of the scene, 0 to 1 (BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)


def _film_light(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(values**2.6 * 52.37 / 48)


_CURVES: Final[dict[int, Callable[[NDArray[Any]], NDArray[Any]]]] = {
    _PQ: _pq_light,
    17: _film_light,
    _HLG: _hlg_light,
}
