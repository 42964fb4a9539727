"""Limits of the images that are decoded, so that a small file cannot use up the memory.

A stream has 0.9 megapixels. The limits leave room for the pictures that people have: 4096x4096 covers screens
up to 5K; HEIC files of phones have up to 24 megapixels; JPEG files of phones have up to 50 megapixels, and
are decoded at a half, a quarter or an eighth of their size.
"""

from __future__ import annotations

from typing import Final

from odyssey_ros.pictures.avif_size import AvifStructureError, coded_sizes

MAX_IMAGE_BYTES: Final = 25 * 1024 * 1024
"""Maximum size of an encoded image, before base64."""

MAX_IMAGE_PIXELS: Final = 4096 * 4096
"""Maximum number of pixels of an image that is decoded at its full size."""

MAX_HEIF_PIXELS: Final = 25_000_000
"""Maximum number of pixels of a HEIC or HEIF image. Its decoder needs less memory than others do."""

MAX_JPEG_PIXELS: Final = 64_000_000
"""Maximum number of pixels of a JPEG image that is decoded row by row at a reduced size, and of an image that
the program itself has decoded."""

MAX_IMAGE_SIDE: Final = 16_384
"""Maximum width and maximum height of an image, in pixels."""

MAX_ASPECT_RATIO: Final = 32
"""Maximum ratio of the longer to the shorter side. The crop to a stream's shape keeps 6 % of it."""

_STANDALONE_MARKERS: Final = frozenset((0x01, *range(0xD0, 0xD9)))
_SEQUENTIAL_FRAMES: Final = frozenset((0xC0, 0xC1))
_OTHER_FRAMES: Final = frozenset(range(0xC2, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN: Final = 0xDA


class ImageLimitError(ValueError):
    """An image exceeds a limit, or its size cannot be read; the text says what is allowed."""


def check_size(width: int, height: int, *, max_pixels: int = MAX_IMAGE_PIXELS) -> None:
    """Check the size of an image before it is decoded or converted.

    Raises:
        ImageLimitError: The image is empty, too large, or too narrow; the text says what is allowed.
    """
    if not width or not height:
        raise ImageLimitError("the image is empty")
    if width * height > max_pixels:
        raise ImageLimitError(
            f"the image has too many pixels: {width}x{height}. Reduce it to at most {max_pixels} pixels; a "
            "stream has 1280x704"
        )
    longer, shorter = max(width, height), min(width, height)
    if longer > MAX_IMAGE_SIDE or longer > MAX_ASPECT_RATIO * shorter:
        raise ImageLimitError(
            f"the image has an unusable shape: {width}x{height}. A side may have at most {MAX_IMAGE_SIDE} "
            f"pixels, and at most {MAX_ASPECT_RATIO} times the other side; crop it to the shape of a stream"
        )


def check_avif(data: bytes) -> None:
    """Check the sizes of the AV1 pictures of an AVIF file, whatever size the file announces.

    One picture may have `MAX_IMAGE_PIXELS`, and all together (colour, alpha, a grid's cells) three times as
    many.

    Raises:
        ImageLimitError: A picture is too large, or the file is not structured as AVIF files are.
    """
    try:
        sizes = coded_sizes(data)
    except AvifStructureError as error:
        raise ImageLimitError(f"the image is damaged or cannot be decoded: {error}") from error
    for size in sizes:
        # Encoders use as many bits for a side as its maximum needs: less than four times the pixels.
        if size.width * size.height > MAX_IMAGE_PIXELS or size.possible_pixels > 4 * MAX_IMAGE_PIXELS:
            check_size(size.width, size.height)
            raise ImageLimitError("the image has too many pixels: its AV1 data allows frames of any size")
    if sum(size.width * size.height for size in sizes) > 3 * MAX_IMAGE_PIXELS:
        raise ImageLimitError(
            f"the image has too many pixels: {len(sizes)} pictures in one file. Reduce it to at most "
            f"{MAX_IMAGE_PIXELS} pixels"
        )


def pixel_limit(image_format: str | None, data: bytes) -> int:
    """Return the maximum number of pixels of an encoded image, by what its decoder needs.

    Args:
        image_format: Pillow's name of the format.
        data: The encoded image.
    """
    if image_format == "JPEG" and has_single_scan(data):
        return MAX_JPEG_PIXELS
    return MAX_HEIF_PIXELS if image_format == "HEIF" else MAX_IMAGE_PIXELS


def has_single_scan(jpeg: bytes) -> bool:
    """Return whether a JPEG image can be decoded row by row.

    It can when its first scan has all components. The decoder keeps the coefficients of a whole image with
    several scans, as in a progressive JPEG, whatever the size of the result (ITU-T T.81, annex B).
    """
    at, components = 2, 0
    while at + 10 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _STANDALONE_MARKERS:
            at += 2
        elif marker == _START_OF_SCAN:
            return jpeg[at + 4] == components
        elif marker in _OTHER_FRAMES:
            return False
        else:
            if marker in _SEQUENTIAL_FRAMES:
                components = jpeg[at + 9]
            at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return False
