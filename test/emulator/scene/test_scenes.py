"""Scenes move, change with every prompt, and mark every frame."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image

from odyssey_ros.emulator.media.encoding import VideoEncoder
from odyssey_ros.emulator.scene.captions import CAPTION_HEIGHT
from odyssey_ros.emulator.scene.marker import Marker, prompt_digest, read_marker
from odyssey_ros.emulator.scene.scenes import make_scene

if TYPE_CHECKING:
    from odyssey_ros.emulator.config import Codec

SIZES = [(1280, 704), (704, 1280)]
PROMPTS = [
    "a calm ocean with a sailboat",
    "a pine forest at dawn",
    "snowy mountains",
    "a neon city at night",
    "the sahara desert at sunset",
    "a planet in deep space",
    "a robot in a kitchen",
    "driving down a road in the rain",
]
AWKWARD_PROMPTS = [
    "",
    "   \n\t ",
    "嵐の海を進む帆船",
    "пустыня на закате",
    "🚀 🌍",
    "\ud800 lone surrogate",
    "\x00\x1b[31m control",
    "x" * 5000,
    "word " * 20_000,
    "a\u0301\u0302\u0303" * 300,
]


def pixels(frame: av.VideoFrame) -> np.ndarray:
    return frame.to_ndarray(format="rgb24")


def world(frame: av.VideoFrame) -> np.ndarray:
    return pixels(frame)[:-CAPTION_HEIGHT].astype(np.int16)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_frame_has_its_marker(prompt: str, width: int, height: int) -> None:
    scene = make_scene(prompt, width, height)
    for counter in (0, 1, 2999):
        frame = scene.render(counter * 50, counter)
        assert (frame.width, frame.height, frame.format.name) == (width, height, "yuv420p")
        assert frame.pts * frame.time_base == Fraction(counter, 20)
        assert read_marker(pixels(frame)) == Marker(counter, counter * 50, prompt_digest(prompt))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_scene_moves(prompt: str) -> None:
    scene = make_scene(prompt, 1280, 704)
    for start in (0, 40_000):
        difference = np.abs(world(scene.render(start, 0)) - world(scene.render(start + 1000, 20)))
        assert difference.mean() > 0.1


@pytest.mark.parametrize("prompt", PROMPTS)
def test_motion_is_smooth(prompt: str) -> None:
    scene = make_scene(prompt, 1280, 704)
    frames = [world(scene.render(5000 + 50 * index, index)) for index in range(10)]
    for before, after in itertools.pairwise(frames):
        assert np.abs(before - after).mean() < 12


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize(
    "interaction", ["make it night", "it starts to snow", "look left", "a forest", "jump", ""]
)
def test_the_frame_after_a_prompt_shows_its_effect(prompt: str, interaction: str) -> None:
    scene = make_scene(prompt, 1280, 704)
    before = world(scene.render(2000, 40))
    for counter in (41, 42):
        scene.interact(interaction)
        assert scene.prompt == interaction
        frame = scene.render(2000, counter)
        assert np.abs(world(frame) - before).mean() > 4
        assert read_marker(pixels(frame)) == Marker(counter, 2000, prompt_digest(interaction))
        before = world(frame)


def test_the_same_prompts_give_the_same_frames() -> None:
    first, second = (make_scene("a harbour town", 704, 1280) for _ in range(2))
    for scene in (first, second):
        scene.interact("a storm comes up")
    np.testing.assert_array_equal(pixels(first.render(1234, 5)), pixels(second.render(1234, 5)))


def test_frames_do_not_share_memory() -> None:
    scene = make_scene("a city", 1280, 704)
    first = scene.render(0, 0)
    kept = pixels(first).copy()
    scene.render(5000, 100)
    np.testing.assert_array_equal(pixels(first), kept)


@pytest.mark.parametrize("prompt", AWKWARD_PROMPTS)
def test_any_text_can_be_a_prompt(prompt: str) -> None:
    for width, height in SIZES:
        scene = make_scene(prompt, width, height)
        assert read_marker(pixels(scene.render(0, 0))) == Marker(0, 0, prompt_digest(prompt))
        scene.interact(prompt)
        assert read_marker(pixels(scene.render(50, 1))) == Marker(1, 50, prompt_digest(prompt))


def test_the_prompt_is_drawn_into_the_frame() -> None:
    blank, short, longer = (
        pixels(make_scene(prompt, 1280, 704).render(0, 0))[-CAPTION_HEIGHT : -CAPTION_HEIGHT + 64, :1100]
        for prompt in ("", "a word", "a word or two " * 40)
    )
    assert (blank[4:] > 100).sum() == 0
    assert 100 < (short > 100).sum() < (longer > 100).sum()


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("seed_size", [(1280, 704), (704, 1280), (33, 57)])
def test_a_stream_starts_from_its_seed_image(width: int, height: int, seed_size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 255, (3, 3, 3), dtype=np.uint8)
    seed = np.asarray(Image.fromarray(blocks).resize(seed_size, Image.Resampling.NEAREST))
    scene = make_scene("a painting", width, height, seed_image=seed)
    frame = scene.render(0, 0)
    assert read_marker(pixels(frame)) is not None
    first = world(frame)
    # The image is cropped to cover the frame, so that their centres coincide.
    centre = first[first.shape[0] // 2, first.shape[1] // 2]
    assert np.abs(centre - blocks[1, 1]).max() < 12
    later = world(scene.render(3000, 60))
    assert np.abs(later - first).mean() > 1
    scene.interact("make it night")
    assert np.abs(world(scene.render(3000, 61)) - later).mean() > 4


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1281, 704), (1280, 703), (704, 200), (0, 0)])
def test_sizes_that_are_odd_or_too_small_are_refused(width: int, height: int) -> None:
    with pytest.raises(ValueError, match="even sides"):
        make_scene("a forest", width, height)


@pytest.mark.parametrize("shape", [(704, 1280), (704, 1280, 4), (0, 0, 3)])
def test_seed_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="H x W x 3"):
        make_scene("a forest", 1280, 704, seed_image=np.zeros(shape, dtype=np.uint8))


@pytest.mark.parametrize("codec", ["h264", "vp8"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_marker_survives_live_video_coding(codec: Codec, prompt: str) -> None:
    scene = make_scene(prompt, 1280, 704)
    encoder = VideoEncoder(codec, 20, 1_000_000)
    decoder = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    seen = []
    for index in range(24):
        encoded = encoder.encode(scene.render(index * 50, index), index * 4500, keyframe=index == 0)
        assert encoded is not None
        seen += [read_marker(pixels(decoded)) for decoded in decoder.decode(av.Packet(encoded.data))]
    seen += [read_marker(pixels(decoded)) for decoded in decoder.decode(None)]
    assert seen == [Marker(index, index * 50, prompt_digest(prompt)) for index in range(24)]
