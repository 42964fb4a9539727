"""Captions at the bottom of a frame."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFont

from odyssey_ros.emulator.scene.canvas import Planes
from odyssey_ros.emulator.scene.captions import CAPTION_HEIGHT, Caption, _wrap
from odyssey_ros.emulator.scene.marker import MARKER_HEIGHT

WIDTH = 704
FONT = ImageFont.load_default(size=22)
ROOM = 500


def drawn(prompt, time_ms=0, counter=0):
    """Return the planes of a white frame with captions."""
    planes = Planes.filled(WIDTH, CAPTION_HEIGHT + 32, (255, 255, 255))
    Caption(prompt, WIDTH).draw(planes, time_ms, counter)
    return planes


def test_captions_cover_the_lowest_rows_only():
    planes = drawn("a forest")
    assert (planes.y[:32] == 235).all()
    assert (planes.y[32:] < 235).all()
    assert (planes.u[16:] == 128).all()
    assert (planes.v[16:] == 128).all()


def test_the_rows_of_the_marker_are_black():
    assert (drawn("a forest " * 40).y[-MARKER_HEIGHT:] == 16).all()


def test_time_and_counter_change_digits_only():
    first, second = drawn("a forest"), drawn("a forest", time_ms=83_456, counter=12)
    changed = np.flatnonzero((first.y != second.y).any(axis=0))
    assert changed.size
    assert changed.min() >= WIDTH - 140
    assert np.array_equal(drawn("x", 83_456, 12).y, drawn("x", 83_456, 12).y)


@pytest.mark.parametrize(("time_ms", "counter"), [(6_000_000, 10**8), (2**28, 2**24)])
def test_long_numbers_fit(time_ms, counter):
    drawn("a forest", time_ms, counter)


def test_a_short_prompt_is_one_line():
    assert _wrap("a  calm\nsea", FONT, ROOM) == ["a calm sea"]


def test_an_empty_prompt_is_an_empty_line():
    assert _wrap("", FONT, ROOM) == [""]


def test_a_longer_prompt_is_two_lines():
    words = "the quick brown fox jumps over the lazy dog near the river bank today"
    lines = _wrap(words, FONT, ROOM)
    assert len(lines) == 2
    assert " ".join(lines) == words
    assert all(FONT.getlength(line) <= ROOM for line in lines)


@pytest.mark.parametrize("prompt", ["word " * 100, "x" * 300, "a " + "x" * 300])
def test_a_prompt_that_does_not_fit_is_truncated(prompt):
    lines = _wrap(prompt, FONT, ROOM)
    assert lines[-1].endswith("…")
    assert all(FONT.getlength(line) <= ROOM for line in lines)


def test_nothing_fits_into_no_room():
    assert _wrap("word", FONT, 0) == ["…"]


def test_lone_surrogates_are_replaced():
    assert _wrap("\ud800", FONT, ROOM) == ["?"]
