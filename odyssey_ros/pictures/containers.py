"""Separation of the pixels of a picture file from its metadata.

A decoder gets the file without metadata, so that errors in EXIF, a large text or an invalid thumbnail are no
errors of the picture. Of the metadata, only the orientation and the colours are read. The sources are ITU-T
T.81 and T.872 (JPEG), the PNG specification, third edition, and RFC 9649 (WebP).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from odyssey_ros.pictures import heif_items
from odyssey_ros.pictures.exif_colours import exif_encoding
from odyssey_ros.pictures.metadata import MAX_PROFILE_BYTES, Metadata
from odyssey_ros.pictures.orientation import exif_orientation, xmp_orientation
from odyssey_ros.pictures.rgb_encoding import RgbEncoding, from_code_points, from_gamma

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_PARTS: Final = 100_000
"""Maximum number of segments or chunks that are read. The decoder gets the rest as it is."""

_MAX_TEXT_BYTES: Final = 1024 * 1024
"""Maximum size of a compressed text that is read, decompressed."""

_JFIF: Final = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
_XMP_IN_JPEG: Final = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_IN_PNG: Final = b"XML:com.adobe.xmp"
_EXIF_IN_PNG: Final = (b"Raw profile type exif", b"Raw profile type APP1")
_ICC_IN_JPEG: Final = b"ICC_PROFILE\0"
_WEBP_METADATA_FLAGS: Final = 0x20 | 0x08 | 0x04  # ICC, EXIF, XMP


def separate(data: bytes, name: str) -> tuple[bytes, Metadata]:
    """Return a picture file without metadata, and the metadata that matter.

    A file whose structure is invalid is returned as far as it could be read: the decoder reports the error.

    Args:
        data: The file.
        name: Pillow's name of its format.
    """
    if name == "JPEG":
        return _separate_jpeg(data)
    if name == "PNG":
        return _separate_png(data)
    if name == "WEBP":
        return _separate_webp(data)
    if name == "BMP":
        return data, Metadata(profile=_bmp_profile(data))
    if name in {"AVIF", "HEIF"}:
        return heif_items.separate(data)
    return data, Metadata()


def _separate_jpeg(data: bytes) -> tuple[bytes, Metadata]:
    view = memoryview(data)
    kept: list[bytes | memoryview] = [view[:2]]
    orientation = from_xmp = encoding = None
    profile: list[memoryview] = []
    at = 2
    for _ in range(_MAX_PARTS):
        marker = data[at + 1] if data[at : at + 1] == b"\xff" and at + 1 < len(data) else 0
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        end = at + 2 + int.from_bytes(view[at + 2 : at + 4], "big")
        if not (0xC0 <= marker <= 0xFE) or 0xD0 <= marker <= 0xDA or end > len(data) or end < at + 4:
            break  # the pixels, or what no file has here
        content = view[at + 4 : end]
        head = bytes(content[:32])
        if marker == 0xE0 and head.startswith(b"JFIF\0"):
            kept.append(_JFIF)
        elif marker == 0xE1 and head.startswith(b"Exif\0"):
            orientation = orientation or exif_orientation(content)
            encoding = encoding or exif_encoding(content)
        elif marker == 0xE1 and head.startswith(_XMP_IN_JPEG):
            from_xmp = from_xmp or xmp_orientation(content)
        elif marker == 0xE2 and head.startswith(_ICC_IN_JPEG):
            profile.append(content[len(_ICC_IN_JPEG) :])
        elif (marker == 0xEE and head.startswith(b"Adobe") and len(content) >= 12) or not (
            0xE0 <= marker <= 0xEF or marker == 0xFE
        ):
            kept.append(view[at:end])
        at = end
    kept.append(view[at:])
    return b"".join(kept), Metadata(orientation or from_xmp or 1, _joined(profile), encoding)


def _joined(parts: list[memoryview]) -> bytes | None:
    """Return the profile of the segments of a JPEG file; empty when one is missing."""
    if not parts:
        return None
    numbered = {part[0]: part[2:] for part in parts if len(part) > 2}
    count = parts[0][1] if len(parts[0]) > 1 else 0
    if set(numbered) != set(range(1, count + 1)) or sum(map(len, numbered.values())) > MAX_PROFILE_BYTES:
        return b""
    return b"".join(numbered[number] for number in sorted(numbered))


def _separate_png(data: bytes) -> tuple[bytes, Metadata]:
    view = memoryview(data)
    kept: list[memoryview] = []
    found: dict[bytes, memoryview] = {}
    texts: list[memoryview] = []
    start, at = 0, 8  # of what is kept, and of the next chunk
    for _ in range(_MAX_PARTS):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(view[at : at + 4], "big")
        ancillary = len(kind) == 4 and bool(kind[0] & 0x20)
        if end > len(data) and not ancillary:
            break
        if ancillary:
            sound = end <= len(data) and zlib.crc32(view[at + 4 : end - 4]) == int.from_bytes(
                view[end - 4 : end], "big"
            )
            if kind != b"tRNS" or not sound:
                kept.append(view[start:at])
                start = min(end, len(data))
            if sound and kind in {b"iTXt", b"zTXt"}:
                texts.append(view[at + 8 : end - 4])
            elif kind == b"iCCP" or sound:
                found.setdefault(kind, view[at + 8 : end - 4] if sound else view[:0])
        at = min(end, len(data))
        if kind == b"IEND" or at == len(data):
            break
    kept.append(view[start:at] if data[at - 8 : at - 4] == b"IEND" else view[start:])
    orientation = exif_orientation(found.get(b"eXIf", view[:0])) or _png_text_orientation(texts) or 1
    profile, encoding = _png_colours(found)
    return b"".join(kept), Metadata(orientation, profile, encoding)


def _png_colours(chunks: dict[bytes, memoryview]) -> tuple[bytes | None, RgbEncoding | None]:
    """Return profile and encoding by the precedence of the specification: `cICP`, `iCCP`, `sRGB`, `gAMA`."""
    points = chunks.get(b"cICP")
    if points is not None and len(points) == 4 and points[2] == 0:
        return None, from_code_points(points[0], points[1])
    if (named := chunks.get(b"iCCP")) is not None:
        _, _, compressed = bytes(named[: MAX_PROFILE_BYTES + 100]).partition(b"\0")
        return _inflated(compressed[1:], MAX_PROFILE_BYTES), None
    if b"sRGB" in chunks:
        return None, None
    gamma, chromaticities = chunks.get(b"gAMA"), chunks.get(b"cHRM")
    return None, from_gamma(
        int.from_bytes(gamma, "big") if gamma is not None and len(gamma) == 4 else None,
        tuple(int.from_bytes(chromaticities[at : at + 4], "big") for at in range(0, 32, 4))
        if chromaticities is not None and len(chromaticities) == 32
        else None,
    )


def _png_text_orientation(texts: list[memoryview]) -> int | None:
    """Return the orientation in XMP, or in EXIF as ImageMagick wrote it before `eXIf` existed.

    Only the first text of a kind counts, so that a file with many of them takes no time.
    """
    first: dict[bytes, bytes] = {}
    for text in texts:
        keyword, _, _ = bytes(text[:80]).partition(b"\0")
        if keyword in {_XMP_IN_PNG, *_EXIF_IN_PNG}:
            first.setdefault(keyword, bytes(text[len(keyword) + 1 :]))
    if (rest := first.get(_XMP_IN_PNG, b"")) and (found := xmp_orientation(_international_text(rest))):
        return found
    for keyword in _EXIF_IN_PNG:
        lines = _inflated(first.get(keyword, b"")[1:], _MAX_TEXT_BYTES).split(b"\n")
        if found := exif_orientation(_from_hexadecimal(b"".join(lines[3:]))):
            return found
    return None


def _international_text(content: bytes) -> bytes:
    """Return the text of an `iTXt` chunk without its keyword."""
    compressed = content[:1] == b"\1"
    text = content[2:].split(b"\0", 2)[-1]  # after the language and the translated keyword
    return _inflated(text, _MAX_TEXT_BYTES) if compressed else text


def _from_hexadecimal(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return b""


def _inflated(compressed: bytes, max_bytes: int) -> bytes:
    """Return decompressed data; empty when it is damaged, cut off or too large."""
    decompressor = zlib.decompressobj()
    try:
        content = decompressor.decompress(compressed, max_bytes)
    except zlib.error:
        return b""
    return content if decompressor.eof else b""


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end, with padding, of each chunk, up to one that is cut off."""
    at, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    for _ in range(_MAX_PARTS):
        if at + 8 > end:
            return
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], at, at + 8 + size + size % 2
        at += 8 + size + size % 2


def _separate_webp(data: bytes) -> tuple[bytes, Metadata]:
    view = memoryview(data)
    kept: list[bytes | memoryview] = []
    found: dict[bytes, memoryview] = {}
    for kind, start, end in _webp_chunks(data):
        if kind in {b"ICCP", b"EXIF", b"XMP "}:
            size = int.from_bytes(view[start + 4 : start + 8], "little")
            found.setdefault(kind, view[start + 8 : start + 8 + size])
        elif kind == b"VP8X" and end <= len(data):
            kept += [view[start : start + 8], bytes([data[start + 8] & ~_WEBP_METADATA_FLAGS])]
            kept.append(view[start + 9 : end])
        elif kind in {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}:
            if end > len(data) + 1:
                return data, Metadata()  # the pixels are cut off: the decoder says so
            kept.append(view[start:end])
    orientation = exif_orientation(found.get(b"EXIF", view[:0])) or xmp_orientation(
        found.get(b"XMP ", view[:0])
    )
    icc = found.get(b"ICCP")
    profile = None if icc is None else bytes(icc) if len(icc) <= MAX_PROFILE_BYTES else b""
    size = 4 + sum(map(len, kept))
    return b"".join((b"RIFF", size.to_bytes(4, "little"), b"WEBP", *kept)), Metadata(
        orientation or 1, profile
    )


def _bmp_profile(data: bytes) -> bytes | None:
    """Return the profile that a BMP file of version 5 has, at an offset from its second header."""
    if int.from_bytes(data[14:18], "little") < 124 or data[70:74] != b"DEBM":  # 'MBED', little-endian
        return None
    start, size = 14 + int.from_bytes(data[126:130], "little"), int.from_bytes(data[130:134], "little")
    return data[start : start + size] if size <= MAX_PROFILE_BYTES else b""
