"""The decoder: its limit of the picture size, and damaged access units."""

from __future__ import annotations

import contextlib
import struct

import av
import pytest
from av.error import FFmpegError

from hostile_streamer import encoded_pictures
from odyssey_ros.client.access_units import AccessUnit, AccessUnitQueue
from odyssey_ros.client.video_decoder import (
    MAX_PICTURE_PIXELS,
    PictureTooLargeError,
    VideoDecoder,
    run_decoder,
)


def units(width, height, codec="libx264"):
    name = "h264" if codec == "libx264" else "vp8"
    return [
        AccessUnit(name, data, number, number == 0)
        for number, data in enumerate(encoded_pictures(width, height, codec))
    ]


def vp8_key_frame(width, height):
    """Return the header of a key frame, of which FFmpeg and libvpx read the size, without a picture."""
    tag = (1 << 4 | 100 << 5).to_bytes(3, "little")
    return AccessUnit("vp8", tag + b"\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(200), 0, True)


@pytest.mark.parametrize("codec", ["libx264", "libvpx"])
def test_pictures_are_decoded_with_their_times(codec):
    decoder = VideoDecoder()
    frames = [frame for unit in units(64, 48, codec) for frame in decoder.decode(unit)]
    assert [(frame.width, frame.height, frame.pts) for frame in frames] == [
        (64, 48, number) for number in range(len(frames))
    ]
    assert len(frames) == 10
    assert frames[0].time_base.denominator == 90_000


def test_the_size_may_change_up_to_the_maximum():
    decoder = VideoDecoder()
    assert decoder.decode(units(64, 48)[0])
    (frame,) = decoder.decode(units(4096, 2160)[0])
    assert frame.width * frame.height == MAX_PICTURE_PIXELS


@pytest.mark.parametrize(("width", "height"), [(4112, 2160), (16383, 16383)])
def test_a_larger_picture_is_refused(width, height):
    with pytest.raises(PictureTooLargeError, match=f"The video is {width}x{height}; at most 8847360 pixels"):
        VideoDecoder().decode(vp8_key_frame(width, height))


def test_a_larger_h264_picture_is_refused():
    with pytest.raises(PictureTooLargeError, match="The video is 4112x2160; at most 8847360 pixels"):
        VideoDecoder().decode(units(4112, 2160)[0])


@pytest.mark.parametrize("data", [b"", b"\x10", bytes(7), b"\0\0\0\1\x65" + bytes(50), b"\xff" * 100])
@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_damaged_data_are_an_error_of_ffmpeg_or_no_picture(codec, data):
    with contextlib.suppress(FFmpegError):
        assert VideoDecoder().decode(AccessUnit(codec, data, 0, True)) == []


def test_a_damaged_unit_is_counted_and_the_next_ones_are_decoded(caplog):
    queue, frames, failures = AccessUnitQueue(), [], []

    def deliver(frame):
        frames.append(frame)
        queue.frame_delivered()
        if len(frames) == 10:
            queue.close()

    damaged = AccessUnit("h264", b"\0\0\0\1\x65" + b"\xaa" * 50, 0, True)
    for unit in [damaged, damaged, *units(64, 48)]:
        queue.put(unit)
    run_decoder(queue, deliver, failures.append)
    assert all(isinstance(frame, av.VideoFrame) for frame in frames)
    assert (len(frames), failures, queue.skipped) == (10, [], 2)
    assert queue.take_key_frame_request()
    assert caplog.text.count("Cannot decode a video frame") == 1


def test_a_picture_above_the_maximum_ends_the_decoder():
    queue, failures = AccessUnitQueue(), []
    queue.put(vp8_key_frame(16383, 16383))
    queue.put(units(64, 48)[0])
    run_decoder(queue, lambda _frame: pytest.fail("a frame was decoded"), failures.append)
    assert [type(failure) for failure in failures] == [PictureTooLargeError]
    assert queue.get() is None
