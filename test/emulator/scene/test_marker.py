"""The marker survives lossy coding, and other images have no marker."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from odyssey_ros.emulator.scene.marker import Marker, draw_marker, prompt_digest, read_marker

SIZES = [(1280, 704), (704, 1280)]


def luma(width: int = 1280, height: int = 704) -> np.ndarray:
    return np.full((height, width), 120, dtype=np.uint8)


@given(
    counter=st.integers(0, 2**24 - 1),
    stream_time_ms=st.integers(0, 2**28 - 1),
    prompt_id=st.integers(0, 2**16 - 1),
)
@settings(max_examples=50, deadline=None)
def test_a_marker_is_read_as_it_was_drawn(counter: int, stream_time_ms: int, prompt_id: int) -> None:
    plane = luma()
    marker = Marker(counter, stream_time_ms, prompt_id)
    draw_marker(plane, marker)
    assert read_marker(plane) == marker


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("quality", [95, 50, 20])
def test_a_marker_survives_jpeg_in_every_channel_order(width: int, height: int, quality: int) -> None:
    plane = luma(width, height)
    marker = Marker(987_654, 149_950, prompt_digest("a lighthouse"))
    draw_marker(plane, marker)
    file = io.BytesIO()
    Image.fromarray(np.repeat(plane[..., None], 3, axis=2)).save(file, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(file))
    assert read_marker(decoded) == marker
    assert read_marker(decoded[..., ::-1]) == marker
    assert read_marker(decoded[..., 0]) == marker


def test_fields_wrap_around() -> None:
    plane = luma()
    draw_marker(plane, Marker(2**24 + 5, 2**28 + 7, 2**16 + 9))
    assert read_marker(plane) == Marker(5, 7, 9)


def test_a_copy_with_low_contrast_is_readable() -> None:
    plane = luma()
    marker = Marker(1, 2, 3)
    draw_marker(plane, marker)
    dimmed = (plane.astype(np.float32) * 0.4 + 60).astype(np.uint8)
    assert read_marker(dimmed) == marker


def test_one_flipped_block_makes_a_marker_invalid() -> None:
    plane = luma()
    draw_marker(plane, Marker(1, 2, 3))
    for column in range(44):
        damaged = plane.copy()
        block = damaged[-16:, column * 16 : column * 16 + 16]
        block[:] = 251 - block
        assert read_marker(damaged) is None


def test_images_without_a_marker_have_none() -> None:
    rng = np.random.default_rng(1)
    assert read_marker(luma()) is None
    assert read_marker(np.zeros((704, 1280, 3), dtype=np.uint8)) is None
    for _ in range(20):
        assert read_marker(rng.integers(0, 255, (704, 1280, 3), dtype=np.uint8)) is None


def test_images_that_are_too_small_have_none() -> None:
    assert read_marker(np.zeros((90, 160, 3), dtype=np.uint8)) is None
    assert read_marker(np.zeros((16, 1280), dtype=np.uint8)) is None
    assert read_marker(np.zeros(10, dtype=np.uint8)) is None


def test_a_plane_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="704 x 32"):
        draw_marker(luma(640, 480), Marker(0, 0, 0))


def test_prompt_ids_differ_and_any_text_has_one() -> None:
    prompts = ["", "a forest", "a Forest", "嵐の海", "\ud800", "x" * 100_000]
    ids = [prompt_digest(prompt) for prompt in prompts]
    assert len(set(ids)) == len(prompts)
    assert all(0 <= value < 2**16 for value in ids)
