"""Picture files with chosen metadata, valid and invalid, written by hand into files that Pillow has made."""

from __future__ import annotations

import io
import struct
import zlib

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

ORIENTATION = 0x0112
XMP_TURNED = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
LOSSLESS = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "WEBP": {"lossless": True},
    "HEIF": {"quality": -1, "chroma": 444},
    "AVIF": {"quality": 100, "subsampling": "4:4:4", "speed": 10},
}
"""Options with which Pillow keeps all colours of a picture, within 2 of 255."""

_TO_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def one_colour(colour: tuple[int, int, int] = (200, 40, 90), kind: str = "PNG") -> bytes:
    """Return a file of one colour, of 640 x 352 pixels, with the default options of Pillow."""
    content = io.BytesIO()
    Image.new("RGB", (640, 352), colour).save(content, kind)
    return content.getvalue()


def file(picture: Image.Image, kind: str, **options) -> bytes:
    """Return a picture as a file, with all its colours."""
    content = io.BytesIO()
    picture.save(content, kind, **{**LOSSLESS.get(kind, {}), **options})
    return content.getvalue()


def upright() -> Image.Image:
    """Return a picture whose orientation shows: red above blue, and green in the corner at the top left."""
    picture = Image.new("RGB", (160, 88), "red")
    picture.paste("blue", (0, 44, 160, 88))
    picture.paste("lime", (0, 0, 40, 22))
    return picture


def stored(orientation: int) -> Image.Image:
    """Return `upright` as a camera with an orientation of EXIF stores it."""
    return upright() if orientation == 1 else upright().transpose(_TO_STORED[orientation])


def is_upright(picture: Image.Image) -> bool:
    """Return whether a picture of any size shows `upright`."""
    corners = {
        (0.1, 0.1): (0, 255, 0),
        (0.9, 0.1): (255, 0, 0),
        (0.1, 0.9): (0, 0, 255),
        (0.9, 0.9): (0, 0, 255),
    }
    return all(
        max(
            abs(a - b)
            for a, b in zip(picture.getpixel((x * picture.width, y * picture.height)), colour, strict=True)
        )
        < 30
        for (x, y), colour in corners.items()
    )


def tag(number: int, kind: int, count: int, value: bytes) -> bytes:
    """Return an entry of a little-endian IFD."""
    return struct.pack("<HHI", number, kind, count) + value.ljust(4, b"\0")


def turned(orientation: int) -> bytes:
    """Return the entry with the orientation."""
    return tag(ORIENTATION, 3, 1, struct.pack("<H", orientation))


def exif(*entries: bytes, count: int | None = None, after: bytes = b"") -> bytes:
    """Return EXIF data: a TIFF header, an IFD of some entries, and what their values refer to."""
    count = len(entries) if count is None else count
    return b"II*\0" + struct.pack("<IH", 8, count) + b"".join(entries) + bytes(4) + after


def rational_by_zero(orientation: int) -> bytes:
    """Return EXIF data whose resolution is 72/0."""
    entries = turned(orientation), tag(0x011A, 5, 1, struct.pack("<I", 50)), tag(0x0128, 3, 1, b"\2")
    return exif(*entries, after=struct.pack("<II", 72, 0))


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG file."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def profile_segments(profile: bytes, size: int) -> bytes:
    """Return the segments of a JPEG file with a profile, in parts of `size` bytes."""
    parts = [profile[at : at + size] for at in range(0, len(profile), size)]
    return b"".join(
        segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part)
        for number, part in enumerate(parts, 1)
    )


def jpeg(picture: Image.Image, *segments: bytes) -> bytes:
    """Return a JPEG file that starts with some segments."""
    content = file(picture, "JPEG")
    return content[:2] + b"".join(segments) + content[2:]


def chunk(kind: bytes, content: bytes, *, checksum_error: int = 0) -> bytes:
    """Return a chunk of a PNG file."""
    checksum = zlib.crc32(kind + content) ^ checksum_error
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(picture: Image.Image, *chunks: bytes, before: bytes = b"IDAT", **options) -> bytes:
    """Return a PNG file with some chunks before the first chunk of a type."""
    content = file(picture, "PNG", **options)
    at = content.index(before) - 4
    return content[:at] + b"".join(chunks) + content[at:]


def webp(picture: Image.Image, *, flags: int = 0, **chunks: bytes) -> bytes:
    """Return an extended WebP file with some of the chunks ICCP, EXIF and XMP."""
    pixels = file(picture, "WEBP")[12:]
    size = struct.pack("<I", picture.width - 1)[:3] + struct.pack("<I", picture.height - 1)[:3]
    head = _webp_chunk("VP8X", bytes([flags, 0, 0, 0]) + size)
    parts = {name: _webp_chunk(name.ljust(4), content) for name, content in chunks.items()}
    body = b"WEBP" + head + parts.pop("ICCP", b"") + pixels + b"".join(parts.values())
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_chunk(name: str, content: bytes) -> bytes:
    return name.encode() + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def bmp(picture: Image.Image, profile: bytes) -> bytes:
    """Return a BMP file of version 5 with a profile."""
    pixels = file(picture, "BMP")[54:]
    start = 14 + 124
    head = struct.pack("<2sIHHI", b"BM", start + len(pixels) + len(profile), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 124, *picture.size, 1, 24, 0, len(pixels), 2835, 2835, 0, 0)
    space = bytes(16) + b"DEBM" + bytes(48) + struct.pack("<IIII", 4, 124 + len(pixels), len(profile), 0)
    return head + info + space + pixels + profile


def with_code_points(heif: bytes, primaries: int, curve: int) -> bytes:
    """Return a HEIF or AVIF file with other code points of its colours."""
    at = heif.index(b"colrnclx") + 8
    return heif[:at] + struct.pack(">HH", primaries, curve) + heif[at + 4 :]
