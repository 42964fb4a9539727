"""Separation of the pixels of a HEIF or AVIF file from its metadata.

The decoders apply `irot` and `imir`, the only orientation that counts in these files; EXIF has a copy of it.
Items with EXIF and XMP are renamed in place, so that the decoders ignore them and no offset changes. The
source is ISO/IEC 23008-12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odyssey_ros.pictures.metadata import MAX_PROFILE_BYTES, Metadata
from odyssey_ros.pictures.rgb_encoding import from_code_points

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_BOXES: Final = 20_000
_MAX_ASSOCIATION_LISTS: Final = 4  # a file has one for each combination of versions and flags
_METADATA_ITEMS: Final = frozenset((b"Exif", b"mime"))
_IGNORED_ITEM: Final = b"skip"


def separate(data: bytes) -> tuple[bytes, Metadata]:
    """Return a file whose decoder ignores EXIF and XMP, and its colours.

    A profile has precedence over code points. What is invalid is skipped: the decoder reports errors.
    """
    changed: bytearray | None = None
    metadata = Metadata()
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind != b"meta":
            continue
        parts = {name: (first, last) for name, first, last in _boxes(data, start + 4, end)}
        if b"iinf" in parts:
            for at in _metadata_items(data, *parts[b"iinf"]):
                changed = bytearray(data) if changed is None else changed
                changed[at : at + 4] = _IGNORED_ITEM
        if b"iprp" in parts and b"pitm" in parts:
            metadata = _colours(data, parts[b"pitm"], parts[b"iprp"])
        break
    return data if changed is None else bytes(changed), metadata


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of the content of each box, up to an invalid one."""
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = end - at
        if size < head or at + size > end:
            return
        yield kind, at + head, at + size
        at += size


def _metadata_items(data: bytes, start: int, end: int) -> Iterator[int]:
    """Yield the offset of the type of each item with metadata."""
    for kind, first, _ in _boxes(data, start + (6 if data[start] == 0 else 8), end):
        if kind == b"infe" and data[first] >= 2:
            at = first + (8 if data[first] == 2 else 10)
            if data[at : at + 4] in _METADATA_ITEMS:
                yield at


def _colours(data: bytes, primary: tuple[int, int], properties: tuple[int, int]) -> Metadata:
    """Return the colours of the primary item: its properties of the type `colr`."""
    start = primary[0]
    item = int.from_bytes(data[start + 4 : start + (6 if data[start] == 0 else 8)], "big")
    boxes = list(_boxes(data, *properties))
    containers = [(first, last) for kind, first, last in boxes if kind == b"ipco"]
    if not containers:
        return Metadata()
    stored = list(_boxes(data, *containers[0]))
    points = profile = None
    lists = [(first, last) for kind, first, last in boxes if kind == b"ipma"]
    for first, last in lists[:_MAX_ASSOCIATION_LISTS]:
        for index in _associations(data[first:last], item):
            if not 0 < index <= len(stored) or stored[index - 1][0] != b"colr":
                continue
            _, at, stop = stored[index - 1]
            if data[at : at + 4] in {b"prof", b"rICC"}:
                if profile is None:
                    profile = data[at + 4 : stop] if stop - at <= MAX_PROFILE_BYTES else b""
            elif data[at : at + 4] == b"nclx" and stop - at >= 10:
                points = from_code_points(
                    int.from_bytes(data[at + 4 : at + 6], "big"), int.from_bytes(data[at + 6 : at + 8], "big")
                )
    return Metadata(profile=profile, encoding=None if profile is not None else points)


def _associations(content: bytes, wanted: int) -> Iterator[int]:
    """Yield the numbers, from 1, of the properties of an item."""
    version, wide = content[:1] != b"\0", bool(content[3:4]) and bool(content[3] & 1)
    at = 8
    for _ in range(min(int.from_bytes(content[4:8], "big"), _MAX_BOXES)):
        size = 4 if version else 2
        item, count = (
            int.from_bytes(content[at : at + size], "big"),
            int.from_bytes(content[at + size : at + size + 1], "big"),
        )
        at += size + 1
        step = 2 if wide else 1
        if item == wanted:
            for index in range(count):
                value = content[at + index * step : at + (index + 1) * step]
                yield int.from_bytes(value, "big") & (0x7FFF if wide else 0x7F)
            return
        at += count * step
        if at >= len(content):
            return
