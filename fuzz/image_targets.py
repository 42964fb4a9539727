"""Targets of input images: the client's preparation and the emulator's decoder, in every accepted format."""

from __future__ import annotations

import base64
import io

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from fuzz_target import FuzzTarget
from malformed import as_text, damaged_bytes, damaged_text
from odyssey_ros.client.errors import OdysseyImageError
from odyssey_ros.client.images import image_format, prepare_image
from odyssey_ros.emulator.images import InvalidImageError, decode_data_url
from oracle import check

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "HEIF")
_LIMIT = 1 << 20


def _pictures() -> tuple[bytes, ...]:
    """Return small files of every format and of unusual modes, with the metadata that the format has."""
    pillow_heif.register_heif_opener()
    x, y = np.meshgrid(np.arange(24, dtype=np.uint8), np.arange(16, dtype=np.uint8))
    picture = Image.fromarray(np.dstack([x * 10, y * 15, x + y]))
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation
    exif[0x010E] = "description"
    files = []
    for name in _FORMATS:
        file = io.BytesIO()
        options = {} if name in {"GIF", "BMP"} else {"exif": exif.tobytes()}
        picture.save(file, format=name, **options)
        files.append(file.getvalue())
    for mode, name in (
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("P", "PNG"),
        ("LA", "PNG"),
        ("1", "BMP"),
        ("RGBA", "WEBP"),
    ):
        file = io.BytesIO()
        picture.convert(mode).save(file, format=name)
        files.append(file.getvalue())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for name in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF"):
        file = io.BytesIO()
        options = {} if name == "PNG" else {"xmp": xmp}
        picture.save(file, format=name, icc_profile=profile, **options)
        files.append(file.getvalue())
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(file, format="PNG")
    files.append(file.getvalue())
    file = io.BytesIO()
    picture.save(file, format="GIF", save_all=True, append_images=[picture.rotate(90)], loop=0)
    files.append(file.getvalue())
    return tuple(files)


PICTURES = _pictures()
URLS = tuple("data:image/png;base64," + base64.b64encode(PICTURES[1]).decode() for _ in range(1))


def _prepared(data: bytes, image: bytes | str) -> None:
    portrait = bool(len(data) % 2)
    url = prepare_image(image, portrait=portrait)
    head, _, body = url.partition(",")
    check(head == "data:image/jpeg;base64", "the result is no JPEG data URL")
    with Image.open(io.BytesIO(base64.b64decode(body)), formats=("JPEG",)) as picture:
        check(picture.size == ((704, 1280) if portrait else (1280, 704)), f"the size is {picture.size}")


def _file(data: bytes) -> None:
    image_format(data)
    _prepared(data, data)


def _url(data: bytes) -> None:
    # Without the prefix it would be a path, and an input could name any file of this machine.
    _prepared(data, "data:" + as_text(data).removeprefix("data:"))


def _emulated(data: bytes) -> None:
    # The input is the file; its first byte chooses the declared type.
    kind = ("png", "jpeg", "heic", "avif", "x")[data[0] % 5 if data else 0]
    pixels = decode_data_url(f"data:image/{kind};base64,{base64.b64encode(data).decode()}", _LIMIT)
    check(
        pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3, "the result is no RGB array"
    )


def _emulated_url(data: bytes) -> None:
    decode_data_url(as_text(data), _LIMIT)


TARGETS = [
    FuzzTarget(
        "image_file", damaged_bytes(*PICTURES), _file, (OdysseyImageError,), memory_mib=768, share=0.7
    ),
    FuzzTarget("image_url", damaged_text(*URLS), _url, (OdysseyImageError,), memory_mib=256, share=0.3),
    FuzzTarget(
        "emulator_image", damaged_bytes(*PICTURES), _emulated, (InvalidImageError,), memory_mib=768, share=0.5
    ),
    FuzzTarget(
        "emulator_image_url", damaged_text(*URLS), _emulated_url, (InvalidImageError,), memory_mib=256
    ),
]
