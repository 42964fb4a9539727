"""Pictures that a decoder would repair or conceal."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from altered_bags import AlteredDataset, BagRecord, of_topic
from odyssey_ros.dataset.checks.picture_check import picture_decoder
from odyssey_ros.dataset.reading.message_reader import ImageMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    Altered = Callable[..., AlteredDataset]

JPEG = "image_raw/compressed"
H264 = "image_raw/foxglove"


def _change_picture(
    dataset: AlteredDataset, topic: str, number: int, alter: Callable[[bytearray], object]
) -> None:
    def change(records: list[BagRecord]) -> None:
        record = of_topic(records, topic)[number]
        data = bytearray(record.value().data.tobytes())
        alter(data)
        record.change(data=_array(bytes(data)))

    dataset.change_messages(change)


def _array(data: bytes) -> Any:
    return np.frombuffer(data, np.uint8)


def _flip(data: bytearray) -> None:
    """Flip a bit in each of 30 places: a decoder cannot notice each single one."""
    for place in range(len(data) // 2, len(data) * 3 // 4, len(data) // 120):
        data[place] ^= 0x10


def _cut(data: bytearray) -> None:
    del data[len(data) // 2 :]


def _cut_but_the_end_marker(data: bytearray) -> None:
    del data[len(data) // 2 : -2]


def _extend(data: bytearray) -> None:
    data += bytes(9)


def _clear(data: bytearray) -> None:
    data.clear()


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (_flip, "the JPEG data is damaged: Corrupt JPEG data: premature end of data segment"),
        (_cut, "the JPEG data is cut off: it has no end marker, or other bytes follow it"),
        (
            _cut_but_the_end_marker,
            "the JPEG data is damaged: Corrupt JPEG data: premature end of data segment",
        ),
        (_extend, "the JPEG data is cut off: it has no end marker, or other bytes follow it"),
        (_clear, "the picture does not begin with the marker of JPEG"),
    ],
)
def test_damaged_jpeg_data(alter: Callable[[bytearray], object], reason: str, altered: Altered) -> None:
    dataset = altered()
    _change_picture(dataset, JPEG, 2, alter)
    assert dataset.faults() == [f"/odyssey/image_raw/compressed: frame 2: {reason}"]


@pytest.mark.parametrize("alter", [_flip, _cut])
def test_damaged_h264_data(alter: Callable[[bytearray], object], altered: Altered) -> None:
    dataset = altered("h264")
    _change_picture(dataset, H264, 2, alter)
    reason = "the H.264 data is damaged: Invalid data found when processing input"
    assert dataset.faults()[0] == f"/odyssey/image_raw/foxglove: frame 2: {reason}"


def test_a_picture_that_is_missing_in_an_h264_stream(altered: Altered) -> None:
    """FFmpeg decodes the next pictures without an error."""
    dataset = altered("h264")

    def remove(records: list[BagRecord]) -> None:
        pictures = of_topic(records, H264)
        for one, other in itertools.pairwise(pictures[2:]):
            one.change(data=other.value().data)
        for topic in (H264, "camera_info", "frame_info"):
            records.remove(of_topic(records, topic)[-1])

    dataset.change_messages(remove)
    faults = dataset.faults()
    assert faults[0] == (
        "/odyssey/image_raw/foxglove: frame 2: a picture before this one is missing, or this one is there "
        "twice: it has the number 3 in the H.264 stream instead of 2"
    )
    assert faults[1:] == ["4 frames, but the manifest has 5"]
    # The video lacked the picture already, and the run has told it.
    dataset.change_entry(frames=4, sizes=(), losses={"lost_references": 1})
    assert dataset.faults() == []


def test_an_h264_stream_without_its_key_frame(altered: Altered) -> None:
    dataset = altered("h264")
    dataset.change_messages(
        lambda records: of_topic(records, H264)[0].change(data=of_topic(records, H264)[1].value().data)
    )
    faults = dataset.faults()
    assert faults[0] == "/odyssey/image_raw/foxglove: frame 0: the first picture has no SPS and PPS"
    assert faults[1].startswith("/odyssey/image_raw/foxglove: frame 0: the H.264 data is damaged")


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (ImageMessage(0, "", "bgr8", bytes(12), (2, 2), 6), "the encoding is 'bgr8' instead of 'rgb8'"),
        (ImageMessage(0, "", "rgb8", bytes(12), (2, 2), 6, is_bigendian=True), "is_bigendian is set"),
        (ImageMessage(0, "", "rgb8", bytes(12), (2, 0), 6), "the size is 2x0"),
        (ImageMessage(0, "", "rgb8", bytes(10), (2, 2), 5), "a row has 5 bytes, but 2 pixels need 6"),
        (ImageMessage(0, "", "rgb8", b"", (2, 2), 6),
         "the picture has 0 bytes, but 2 rows of 6 bytes have 12"),
    ],
)  # fmt: skip
def test_raw_pictures(image: ImageMessage, reason: str) -> None:
    ((frame, size, fault),) = picture_decoder("raw").decode(3, image)
    assert (frame, size, fault) == (3, None, reason)


def test_rows_may_be_padded() -> None:
    ((_, size, fault),) = picture_decoder("raw").decode(0, ImageMessage(0, "", "rgb8", bytes(16), (2, 2), 8))
    assert (size, fault) == ((2, 2), "")


def test_a_small_file_cannot_use_much_memory() -> None:
    file = io.BytesIO()
    Image.new("RGB", (9000, 2000)).save(file, "JPEG", quality=10)
    ((_, size, fault),) = picture_decoder("jpeg").decode(0, ImageMessage(0, "", "jpeg", file.getvalue()))
    assert (size, fault) == (None, "the picture is 9000x2000, larger than the limit of 4096x2160 pixels")
