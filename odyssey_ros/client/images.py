"""Preparation of the image that starts a stream: common formats in, a JPEG data URL out.

An image is decoded once, scaled to cover the stream's size, cropped around its centre, converted to sRGB,
flattened, rotated by its orientation and encoded once, as JPEG without metadata. A process converts one image
at a time; the others wait in their encoded form. Pillow is imported only when an image is given, so that
other clients do not need it.
"""

# ruff: noqa: PLC0415 - Pillow is optional, see above

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import logging
import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from odyssey_ros.client.call_thread import CallThread
from odyssey_ros.client.errors import OdysseyImageError
from odyssey_ros.client.image_fitting import fit
from odyssey_ros.client.image_limits import MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, MAX_JPEG_PIXELS, check_size
from odyssey_ros.client.regular_file import FileFault, RegularFileError, read_regular_file
from odyssey_ros.pictures.colours import to_srgb
from odyssey_ros.pictures.decoding import DECODE_ERRORS, image_format, open_picture
from odyssey_ros.pictures.exif_colours import exif_encoding
from odyssey_ros.pictures.limits import ImageLimitError
from odyssey_ros.pictures.metadata import Metadata
from odyssey_ros.pictures.modes import eight_bits, mixable
from odyssey_ros.pictures.orientation import memory_orientation
from odyssey_ros.requirements import EXTRAS, MissingPackageError, require

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    ImageInput: TypeAlias = (
        str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[np.uint8]
    )

logger = logging.getLogger(__name__)

LANDSCAPE_SIZE: Final = (1280, 704)
"""Width and height of a landscape stream, in pixels."""

PORTRAIT_SIZE: Final = (704, 1280)
"""Width and height of a portrait stream, in pixels."""

JPEG_QUALITY: Final = 90

_CONVERTING: Final = threading.Lock()
_CONVERTER: Final = CallThread("odyssey-image")


async def convert_image(image: ImageInput, *, portrait: bool) -> str:
    """Return the result of `prepare_image`, which runs on the thread that converts images.

    The images of a process wait here for their turn, without a thread for each. An image whose caller is
    cancelled before its turn is released at once.

    Raises:
        OdysseyImageError: As for `prepare_image`.
    """
    converting = _CONVERTER.submit(partial(prepare_image, image, portrait=portrait))
    del image
    return await asyncio.wrap_future(converting)


def prepare_image(image: ImageInput, *, portrait: bool) -> str:
    """Return the data URL with which an image starts a stream.

    Blocks for tens of milliseconds, and while another thread converts an image; on an event loop, await
    `convert_image` instead. The input is not changed.

    Args:
        image: A path; the bytes of a JPEG, PNG, WebP, GIF (first frame), BMP, HEIC, HEIF or AVIF file; a
            base64 data URL of such a file; a PIL image; or an RGB array of uint8, shape (height, width, 3).
            Of a PIL image, the orientation and the ICC profile that Pillow keeps with it are used.
        portrait: Whether the stream is 704x1280 instead of 1280x704.

    Returns:
        A URL `data:image/jpeg;base64,...` of an image of exactly the stream's size. Transparent areas are
        white, and the colours are sRGB. A profile that cannot be used is ignored, with a warning in the log.

    Raises:
        OdysseyImageError: The file cannot be read, is larger than 25 MB, has an unsupported type, is damaged,
            or exceeds a limit of `odyssey_ros.pictures.limits`; or the package that decodes it is not
            installed.
    """
    _require_package("pillow")
    from PIL import Image

    size = PORTRAIT_SIZE if portrait else LANDSCAPE_SIZE
    try:
        with _CONVERTING:
            covered, note = fit(*_open(image), size)
    except OdysseyImageError:
        raise
    except ImageLimitError as error:
        raise OdysseyImageError(str(error)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise OdysseyImageError(
            f"the image has too many pixels. Reduce it to at most {MAX_IMAGE_PIXELS} pixels"
        ) from error
    except MemoryError as error:
        raise OdysseyImageError("there is not enough memory to decode the image: reduce it") from error
    except DECODE_ERRORS as error:
        raise OdysseyImageError(f"the image is damaged or cannot be decoded: {error}") from error
    if note:
        logger.warning("Start image: %s", note)
    encoded = io.BytesIO()
    covered.save(encoded, format="JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getbuffer()).decode("ascii")


def colour_note(image: ImageInput) -> str:
    """Return what `prepare_image` would log about the colours of an image, without decoding its pixels.

    Blocks. The result is empty when the colours are converted exactly.

    Raises:
        OdysseyImageError: As for `prepare_image`, as far as the beginning of the file shows the error.
    """
    _require_package("pillow")
    from PIL import Image

    try:
        with _CONVERTING:
            picture, metadata = _open(image)
            pixel = eight_bits(mixable(Image.new(picture.mode, (1, 1))))
            return to_srgb(pixel, metadata)[1]
    except OdysseyImageError:
        raise
    except ImageLimitError as error:
        raise OdysseyImageError(str(error)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, *DECODE_ERRORS) as error:
        raise OdysseyImageError(f"the image is damaged or cannot be decoded: {error}") from error


def _open(image: ImageInput) -> tuple[Image.Image, Metadata]:
    """Open an image and check its size; decoding is deferred where the kind of input allows it."""
    from PIL import Image

    if isinstance(image, Image.Image):
        check_size(*image.size, max_pixels=MAX_JPEG_PIXELS)
        exif = image.info.get("exif")
        encoding = exif_encoding(exif) if isinstance(exif, bytes) else None
        return image, Metadata(memory_orientation(image), _profile(image), encoding)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise OdysseyImageError(
                f"an image array must be RGB, uint8, (height, width, 3), not {image.dtype} {image.shape}"
            )
        check_size(image.shape[1], image.shape[0], max_pixels=MAX_JPEG_PIXELS)
        return Image.fromarray(image), Metadata()
    if isinstance(image, str) and image[:5].lower() == "data:":
        return _decode(_data_url_bytes(image))
    if isinstance(image, (str, os.PathLike)):
        return _decode(_file_bytes(Path(image)))
    if isinstance(image, (bytes, bytearray, memoryview)):
        if memoryview(image).nbytes > MAX_IMAGE_BYTES:
            raise OdysseyImageError(_too_large())
        return _decode(bytes(image))
    raise OdysseyImageError(
        f"an image is a path, bytes, a data URL, a PIL image or an RGB array, not {type(image).__name__}"
    )


def _file_bytes(path: Path) -> bytes:
    try:
        return read_regular_file(path, MAX_IMAGE_BYTES)
    except RegularFileError as error:
        if error.fault is FileFault.TOO_LARGE:
            raise OdysseyImageError(_too_large()) from error
        raise OdysseyImageError(f"cannot read image {str(path)!r}: {error.reason}") from error


def _data_url_bytes(url: str) -> bytes:
    header, comma, payload = url.partition(",")
    if not comma or not header.lower().endswith(";base64"):
        raise OdysseyImageError("an image data URL must be base64: data:<type>;base64,<data>")
    if len(payload) > (MAX_IMAGE_BYTES + 3) // 3 * 4 + 4:
        raise OdysseyImageError(_too_large())
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise OdysseyImageError("the image data URL is not valid base64") from error


def _profile(picture: Image.Image) -> bytes | None:
    """Return the ICC profile that Pillow keeps with an image that the program has made or opened."""
    profile = picture.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and profile else None


def _decode(data: bytes) -> tuple[Image.Image, Metadata]:
    if len(data) > MAX_IMAGE_BYTES:
        raise OdysseyImageError(_too_large())
    name = image_format(data)
    if name is None:
        raise OdysseyImageError(
            "unsupported image type: it is not JPEG, PNG, WebP, GIF, BMP, HEIC, HEIF or AVIF"
            if data
            else "the image is empty"
        )
    _require_decoder(name)
    # Both sides request the longer length, since the orientation may exchange them.
    return open_picture(data, name, enough=max(LANDSCAPE_SIZE))


def _require_package(name: str) -> None:
    try:
        require("images", packages={name: EXTRAS["images"][name]})
    except MissingPackageError as error:
        raise OdysseyImageError(str(error)) from None


def _require_decoder(name: str) -> None:
    from PIL import Image

    Image.init()
    if name == "HEIF":
        _require_package("pillow-heif")
        import pillow_heif

        pillow_heif.register_heif_opener()
    elif name not in Image.OPEN:
        raise OdysseyImageError(
            f"This Pillow cannot decode {name} images. Run: pip install --upgrade --force-reinstall pillow"
        )


def _too_large() -> str:
    return f"the image is larger than {MAX_IMAGE_BYTES // (1024 * 1024)} MB"
