"""The limits of images, and the JPEG files that are decoded row by row."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from odyssey_ros.pictures.avif_size import CodedSize
from odyssey_ros.pictures.limits import (
    MAX_HEIF_PIXELS,
    MAX_IMAGE_PIXELS,
    MAX_IMAGE_SIDE,
    MAX_JPEG_PIXELS,
    ImageLimitError,
    check_avif,
    check_size,
    has_single_scan,
    pixel_limit,
)


def jpeg(mode="RGB", **options):
    file = io.BytesIO()
    Image.new(mode, (64, 48)).save(file, format="JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "size", [(1, 1), (1280, 704), (4096, 4096), (MAX_IMAGE_SIDE, 512), (512, MAX_IMAGE_SIDE), (1, 32)]
)
def test_usable_sizes(size):
    check_size(*size)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ((0, 1), "empty"),
        ((1, 0), "empty"),
        ((4097, 4096), r"too many pixels: 4097x4096. Reduce it to at most 16777216 pixels"),
        ((2_200_000, 1), "unusable shape: 2200000x1. A side may have at most 16384 pixels, and at most 32"),
        ((1, 33), "unusable shape: 1x33"),
        ((MAX_IMAGE_SIDE + 1, 1000), "unusable shape"),
        ((2**32 - 1, 2**32 - 1), "too many pixels"),
    ],
)
def test_unusable_sizes(size, text):
    with pytest.raises(ImageLimitError, match=text):
        check_size(*size)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("comment", [b"", b"text" * 1000])
def test_a_baseline_jpeg_has_a_single_scan(mode, comment):
    data = jpeg(mode, comment=comment, exif=Image.Exif().tobytes())
    assert has_single_scan(data)
    assert pixel_limit("JPEG", data) == MAX_JPEG_PIXELS


def test_a_progressive_jpeg_has_several_scans():
    data = jpeg(progressive=True)
    assert not has_single_scan(data)
    assert pixel_limit("JPEG", data) == MAX_IMAGE_PIXELS


def test_a_jpeg_with_a_scan_for_each_component_has_several_scans():
    data = bytearray(jpeg())
    scan = data.index(b"\xff\xda")
    data[scan + 4] = 1
    assert not has_single_scan(bytes(data))


@pytest.mark.parametrize("length", [0, 2, 11, 40, 200])
def test_a_jpeg_without_a_scan_has_no_single_scan(length):
    assert not has_single_scan(jpeg()[:length])


def test_fill_bytes_before_a_marker_are_skipped():
    data = jpeg()
    assert has_single_scan(data[:2] + b"\xff\xff" + data[2:])
    assert has_single_scan(data[:2] + b"\xff\x01" + data[2:])


def test_the_limit_of_each_format():
    assert pixel_limit("HEIF", b"") == MAX_HEIF_PIXELS
    assert {pixel_limit(name, b"") for name in ("PNG", "WEBP", "GIF", "BMP", "AVIF", None)} == {
        MAX_IMAGE_PIXELS
    }


def avif(**options):
    file = io.BytesIO()
    Image.new("RGB", (4096, 4096)).save(file, format="AVIF", speed=10, **options)
    return file.getvalue()


def test_the_largest_avif_files_are_usable():
    check_avif(avif())
    check_avif(avif(save_all=True, append_images=[Image.new("RGB", (4096, 4096))]))


def test_an_avif_file_whose_frames_may_have_any_size_is_refused(monkeypatch):
    """A frame may have a size of its own, up to the number of bits that the sequence header gives to it."""
    sizes = [CodedSize(64, 64, possible_pixels=1 << 32)]
    monkeypatch.setattr("odyssey_ros.pictures.limits.coded_sizes", lambda _: sizes)
    with pytest.raises(ImageLimitError, match="too many pixels: its AV1 data allows frames of any size"):
        check_avif(b"")


def test_an_avif_file_with_too_many_pictures_is_refused(monkeypatch):
    file = io.BytesIO()
    pictures = [Image.new("RGBA", (64, 64), colour) for colour in ("red", "#00ff0080")]
    pictures[0].save(file, format="AVIF", save_all=True, append_images=pictures[1:])
    check_avif(file.getvalue())
    monkeypatch.setattr("odyssey_ros.pictures.limits.MAX_IMAGE_PIXELS", 64 * 64)
    with pytest.raises(ImageLimitError, match="4 pictures in one file"):
        check_avif(file.getvalue())


def test_a_damaged_avif_file_is_refused():
    with pytest.raises(ImageLimitError, match="damaged or cannot be decoded: it has no AV1 picture"):
        check_avif(b"")
