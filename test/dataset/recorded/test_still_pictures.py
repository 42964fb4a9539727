"""Raw, JPEG and PNG pictures as messages of a bag."""

from __future__ import annotations

import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.messages import typestore
from odyssey_ros.dataset.reading.message_reader import ImageMessage
from odyssey_ros.dataset.recorded.recorded_pictures import PictureKind, RecordedPicture
from odyssey_ros.dataset.recorded.still_pictures import PictureError, StillPictures

PIXELS = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3) // 2
JPEG = simplejpeg.encode_jpeg(np.ascontiguousarray(PIXELS))


def _raw(encoding: str, pixels: np.ndarray, padding: int = 0, **changes: object) -> RecordedPicture:
    rows = pixels.reshape(48, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    fields = {"size": (64, 48), "step": rows.shape[1], "data": rows.tobytes(), **changes}
    return RecordedPicture(PictureKind.RAW, ImageMessage(7, "f", encoding, **fields))  # type: ignore[arg-type]


def _compressed(kind: PictureKind, data: bytes) -> RecordedPicture:
    return RecordedPicture(kind, ImageMessage(7, "f", "", data))


def _png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    return file.getvalue()


def _pixels(picture: RecordedPicture) -> np.ndarray:
    size, message = StillPictures(BagLayout(ImageEncoding.RAW)).message(9, picture)
    image = typestore().deserialize_cdr(b"".join(bytes(part) for part in message), "sensor_msgs/msg/Image")
    assert size == (image.width, image.height) == (64, 48)
    assert (image.encoding, image.header.stamp.nanosec) == ("rgb8", 9)
    return image.data.reshape(48, image.step)[:, : 64 * 3].reshape(48, 64, 3)


@pytest.mark.parametrize(
    "picture",
    [
        _raw("rgb8", PIXELS),
        _raw("rgb8", PIXELS, padding=5),
        _raw("bgr8", PIXELS[..., ::-1], padding=1),
        _compressed(PictureKind.PNG, _png()),
    ],
)
def test_pixels_do_not_change(picture: RecordedPicture) -> None:
    assert np.array_equal(_pixels(picture), PIXELS)


def test_grey_pixels_and_jpeg() -> None:
    grey = PIXELS[..., 1]
    assert np.array_equal(_pixels(_raw("mono8", grey)), np.repeat(grey[..., None], 3, axis=2))
    decoded = simplejpeg.decode_jpeg(JPEG)
    assert np.array_equal(_pixels(_compressed(PictureKind.JPEG, JPEG)), decoded)


def test_jpeg_data_does_not_change() -> None:
    size, message = StillPictures(BagLayout()).message(9, _compressed(PictureKind.JPEG, JPEG))
    assert size == (64, 48)
    assert bytes(message[-1]) == JPEG


@pytest.mark.parametrize(
    "picture",
    [
        _raw("rgb8", PIXELS, data=b"short"),
        _raw("rgb8", PIXELS, size=(64, 0)),
        _raw("rgb8", PIXELS, size=(1 << 20, 1 << 20)),
        _raw("rgb8", PIXELS, step=10),
        _raw("32FC1", PIXELS),
        _compressed(PictureKind.JPEG, JPEG[:-2]),
        _compressed(PictureKind.JPEG, b"\xff\xd8noise\xff\xd9"),
        _compressed(PictureKind.PNG, _png()[:50]),
        _compressed(PictureKind.PNG, b""),
    ],
)
@pytest.mark.parametrize("images", [ImageEncoding.RAW, ImageEncoding.JPEG])
def test_pictures_that_cannot_be_used(picture: RecordedPicture, images: ImageEncoding) -> None:
    with pytest.raises(PictureError):
        StillPictures(BagLayout(images)).message(9, picture)
