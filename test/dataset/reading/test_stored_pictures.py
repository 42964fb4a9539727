"""Decoding of stored pictures: what is no such picture is an error that names the picture."""

from __future__ import annotations

import pytest

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.reading.message_reader import ImageMessage
from odyssey_ros.dataset.reading.stored_pictures import decoded_pictures


def raw(
    data: bytes = bytes(range(24)), *, size: tuple[int, int] = (2, 2), step: int = 12, encoding: str = "rgb8"
) -> ImageMessage:
    return ImageMessage(0, "", encoding, data, size, step)


def test_padding_of_raw_rows_is_left_out() -> None:
    ((position, frame),) = decoded_pictures("raw", iter([(7, raw())]))
    assert position == 7
    assert frame.to_ndarray(format="rgb24").tolist() == [[[0, 1, 2], [3, 4, 5]], [[12, 13, 14], [15, 16, 17]]]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("raw", raw(encoding="bgr8")),
        ("raw", raw(size=(0, 2))),
        ("raw", raw(step=5)),
        ("raw", raw(data=bytes(23))),
        ("jpeg", ImageMessage(0, "", "jpeg", b"\xff\xd8 no picture")),
        ("h264", ImageMessage(0, "", "h264", b"\x00\x00\x00\x01\x65 no picture")),
    ],
)
def test_what_is_no_picture_is_an_error(images: str, message: ImageMessage) -> None:
    with pytest.raises(EpisodeError, match="picture 7 of the bag") as caught:
        list(decoded_pictures(images, iter([(7, message)])))
    assert caught.value.code is ErrorCode.VIDEO_BROKEN
