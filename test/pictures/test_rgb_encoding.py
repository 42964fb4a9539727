"""Colours that numbers describe, compared with published matrices and levels."""

from __future__ import annotations

import numpy as np
import pytest

from colour_values import PATCHES, TO_LINEAR_SRGB, expected, srgb_levels
from odyssey_ros.pictures.rgb_encoding import SRGB_PRIMARIES, RgbEncoding, from_code_points, from_gamma

ADOBE = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def grey(encoding, level):
    return encoding.to_srgb(np.full((1, 1, 3), level, np.uint8))[0, 0].tolist()


@pytest.mark.parametrize(("primaries", "space"), [(12, "Display P3"), (9, "BT.2020")])
def test_code_points_of_a_larger_gamut(primaries, space):
    pixels = from_code_points(primaries, 13).to_srgb(PATCHES)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - expected(space)).max() < 1


@pytest.mark.parametrize("primaries", [1, 2, 0, 10, 255])
@pytest.mark.parametrize("curve", [1, 2, 6, 13, 14, 15, 0, 3, 255])
def test_code_points_of_srgb_and_unknown_ones_change_nothing(primaries, curve):
    assert from_code_points(primaries, curve) is None


@pytest.mark.parametrize("primaries", [4, 5, 6, 8, 11, 12, 22])
@pytest.mark.parametrize("curve", [4, 5, 8, 13, 17])
def test_white_stays_white_and_grey_stays_grey(primaries, curve):
    """The white of the other primaries is adapted; that of film (17) is at a level below 255."""
    encoding = from_code_points(primaries, curve)
    assert grey(encoding, 255) == [255, 255, 255]
    assert grey(encoding, 0) == [0, 0, 0]
    middle = grey(encoding, 128)
    assert max(middle) - min(middle) <= 1


@pytest.mark.parametrize(
    ("curve", "level", "wanted"),
    [(16, 148, 255), (16, 0, 0), (16, 255, 255), (18, 191, 254), (18, 0, 0), (18, 255, 255)],
)
def test_the_white_of_hdr_is_white(curve, level, wanted):
    """203 cd/m2 are at 58 % in PQ and at 75 % in HLG (BT.2408, table 1)."""
    encoding = from_code_points(9, curve)
    assert encoding.hdr
    assert np.abs(np.array(grey(encoding, level)) - wanted).max() <= 1


def test_middle_grey_of_hdr():
    """A grey card has 26 cd/m2, and the level 38 % in PQ and in HLG (BT.2408, table 1)."""
    for curve in (16, 18):
        level = grey(from_code_points(9, curve), round(0.38 * 255))
        assert level == pytest.approx([float(srgb_levels(26 / 203))] * 3, abs=3)


def test_gamma_and_chromaticities():
    encoding = from_gamma(100_000, ADOBE)
    assert not encoding.hdr
    light = PATCHES / 255 @ np.array(TO_LINEAR_SRGB["Adobe RGB"]).T
    assert np.abs(encoding.to_srgb(PATCHES) - srgb_levels(light)).max() < 1
    assert from_gamma(None, ADOBE).gamma is None
    assert from_gamma(100_000, None) == RgbEncoding(SRGB_PRIMARIES, gamma=1.0)


@pytest.mark.parametrize("gamma", [None, 0, 45_455, 45_000, 1, 2**31])
@pytest.mark.parametrize("chromaticities", [None, SRGB, (0,) * 8, (31270, 32900) * 4, (2**31,) * 8])
def test_srgb_and_nonsense_change_nothing(gamma, chromaticities):
    assert from_gamma(gamma, chromaticities) is None
