"""The sizes in the AV1 data of AVIF files, as Pillow writes them, and of hostile files."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avif_files import announcing
from odyssey_ros.pictures.avif_size import AvifStructureError, CodedSize, coded_sizes


def avif(size, mode="RGB", **options):
    file = io.BytesIO()
    Image.new(mode, size).save(file, format="AVIF", **{"speed": 10, **options})
    return file.getvalue()


def box(kind, content):
    return struct.pack(">I", 8 + len(content)) + kind + content


SMALL = avif((64, 48), "RGBA")
ANIMATED = avif((200, 100), save_all=True, append_images=[Image.new("RGB", (200, 100), "red")])


@pytest.mark.parametrize("size", [(1, 1), (64, 48), (17, 1000), (5000, 3000)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_the_size_of_every_picture_is_read(size, mode, subsampling):
    sizes = coded_sizes(avif(size, mode, subsampling=subsampling))
    # The second picture has the transparency.
    assert sizes == [CodedSize(*size, possible_pixels=size[0] * size[1])] * (2 if mode == "RGBA" else 1)


def test_the_first_picture_of_an_animation_is_read():
    """Its frames may have headers with a size of their own: 8 and 7 bits."""
    assert set(coded_sizes(ANIMATED)) == {CodedSize(200, 100, 1 << 15)}


@pytest.mark.parametrize("side", [1, 64, 65536])
def test_the_announced_size_does_not_matter(side):
    assert {size[:2] for size in coded_sizes(announcing(SMALL, side))} == {(64, 48)}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no AV1 picture"),
        (b"\x00", "ends too early"),
        (SMALL[:32], "no AV1 picture"),
        (SMALL[: SMALL.index(b"mdat") + 4], "no sequence header"),
        (SMALL.replace(b"av01", b"hvc1"), "no AV1 picture"),
        (struct.pack(">I4s", 7, b"ftyp"), "invalid box"),
        (box(b"free", b"") * 30_000, "too many parts"),
        (box(b"moov", b"") * 30_000, "too many parts"),
        (b"\x00\x00\x00\x00moov" * 30_000, "too many parts"),
        (box(b"meta", bytes(4) + box(b"iloc", struct.pack(">IHI", 2 << 24, 0, 2**32 - 1) + bytes(10**6))),
         "too many parts"),
        (box(b"moov", box(b"stbl", b"")), "a track has no pictures"),
        (box(b"moov", box(b"stbl", box(b"stco", bytes(12)) * 2 + box(b"stsz", bytes(16)))), "several tables"),
        (box(b"meta", bytes(4) + box(b"idat", b"x") * 2), "in several places"),
    ],
)  # fmt: skip
def test_what_is_no_avif_file_is_refused(data, reason):
    with pytest.raises(AvifStructureError, match=reason):
        coded_sizes(data)


def test_a_picture_in_several_pieces_is_refused():
    """No encoder writes it, and the size would be in the piece that is not read."""
    at = SMALL.index(b"iloc") + 8
    sizes, items = struct.unpack_from(">HH", SMALL, at)
    assert (sizes, items) == (0x4400, 2)
    hostile = bytearray(SMALL)
    assert struct.unpack_from(">H", hostile, at + 8) == (1,)
    struct.pack_into(">H", hostile, at + 8, 2)
    with pytest.raises(AvifStructureError, match="not in one piece"):
        coded_sizes(bytes(hostile))


def test_every_sequence_header_of_a_picture_is_read():
    """A decoder uses the last one."""
    small, large = avif((64, 64)), avif((5000, 3000))
    at = large.index(b"mdat") + 4
    length = struct.unpack_from(">I", small, small.index(b"iloc") + 22)
    offset = small.index(b"iloc") + 22
    assert small[small.index(b"mdat") + 4 :][: length[0]] == small[small.index(b"mdat") + 4 :]
    both = bytearray(small) + large[at:]
    struct.pack_into(">I", both, offset, length[0] + len(large) - at)
    assert [size[:2] for size in coded_sizes(bytes(both))] == [(64, 64), (5000, 3000)]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([SMALL, ANIMATED]), st.data())
def test_a_damaged_file_is_read_or_refused(file, data):
    damaged = bytearray(file)
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        sizes = coded_sizes(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
    except AvifStructureError:
        return
    assert sizes
