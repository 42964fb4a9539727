"""The encoder: what decodes, when keyframes come, and how colours are declared."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest

from odyssey_ros.emulator.media.encoding import RTP_CLOCK, VideoEncoder
from odyssey_ros.emulator.scene.marker import read_marker
from odyssey_ros.emulator.scene.scenes import make_scene

FRAME_TICKS = RTP_CLOCK // 20


def encode(encoder, count, *, size=(1280, 704), keyframes=(0,), start=0):
    scene = make_scene("a forest", *size)
    return [
        encoder.encode(
            scene.render(number * 50, number), (start + number) * FRAME_TICKS, keyframe=number in keyframes
        )
        for number in range(count)
    ]


def decode(codec, frames):
    decoder = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    packets = [av.Packet(frame.data) for frame in frames]
    return [frame for packet in [*packets, None] for frame in decoder.decode(packet)]


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_frames_are_encoded_without_delay(codec):
    encoded = encode(VideoEncoder(codec, 20, 1_500_000), 5)
    assert [frame.timestamp for frame in encoded] == [number * FRAME_TICKS for number in range(5)]
    decoded = decode(codec, encoded)
    assert [read_marker(frame.to_ndarray(format="rgb24")).counter for frame in decoded] == list(range(5))


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_keyframes_come_on_request(codec):
    encoded = encode(VideoEncoder(codec, 20, 1_500_000), 6, keyframes=(0, 4))
    assert [frame.keyframe for frame in encoded] == [number in {0, 4} for number in range(6)]
    assert len(decode(codec, encoded[4:])) == 2


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_key_frames_fit_a_receive_buffer(codec):
    """A datagram of 1.2 kB takes 2.3 kB of the 208 KiB that Linux gives to a socket."""
    scene = make_scene("a city at night in the rain", 1280, 704)
    encoder = VideoEncoder(codec, 20, 2_500_000)
    encoded = [
        encoder.encode(scene.render(number * 50, number), number * FRAME_TICKS, keyframe=number % 20 == 0)
        for number in range(41)
    ]
    assert all(len(frame.data) < 60_000 for frame in encoded)
    total = sum(len(frame.data) for frame in encoded)
    assert total * 8 / 2.05 < 1.3 * 2_500_000


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_a_change_of_size_starts_with_a_keyframe(codec):
    encoder = VideoEncoder(codec, 20, 1_500_000)
    encode(encoder, 2)
    portrait = encode(encoder, 2, size=(704, 1280), keyframes=(), start=2)
    assert [frame.keyframe for frame in portrait] == [True, False]
    assert [(frame.width, frame.height) for frame in decode(codec, portrait)] == [(704, 1280)] * 2


def test_h264_declares_its_colours_and_profile():
    encoder = VideoEncoder("h264", 29.97, 1_500_000)
    encode(encoder, 1)
    context = encoder._context
    assert "Baseline" in context.profile
    assert context.framerate == Fraction(29970, 1000).limit_denominator(1001)
    [frame] = decode("h264", encode(VideoEncoder("h264", 20, 1_500_000), 1))
    assert (int(frame.colorspace), int(frame.color_range)) == (5, 1)  # SMPTE 170M, limited range


def test_a_frame_that_the_encoder_drops_is_reported():
    encoder = VideoEncoder("h264", 20, 1_500_000)
    encode(encoder, 1)

    class Dropping:
        width, height = 1280, 704

        def encode(self, frame):
            return []

    encoder._context = Dropping()
    assert encode(encoder, 1, start=1) == [None]
