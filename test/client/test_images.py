"""Conversion of images to the data URL of a stream's size, and refusal of invalid ones."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import os
import struct
import subprocess
import sys
import weakref
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avif_files import announcing
from odyssey_ros.client import images
from odyssey_ros.client.errors import OdysseyImageError
from odyssey_ros.client.image_limits import MAX_IMAGE_BYTES
from odyssey_ros.client.images import (
    LANDSCAPE_SIZE,
    PORTRAIT_SIZE,
    convert_image,
    image_format,
    prepare_image,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def _halves(size: tuple[int, int], left: tuple[int, ...], right: tuple[int, ...]) -> Image.Image:
    picture = Image.new("RGB", size, left)
    picture.paste(right, (size[0] // 2, 0, size[0], size[1]))
    return picture


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    file = io.BytesIO()
    picture.save(file, format=kind, **options)
    return file.getvalue()


def _result(url: str) -> Image.Image:
    head, _, payload = url.partition(",")
    assert head == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(payload, validate=True)))
    assert picture.format == "JPEG"
    assert picture.mode == "RGB"
    return picture


def _near(picture: Image.Image, x: float, y: float, colour: tuple[int, ...], within: int = 25) -> bool:
    pixel = picture.getpixel((int(x * (picture.width - 1)), int(y * (picture.height - 1))))
    return all(abs(a - b) <= within for a, b in zip(pixel, colour, strict=True))


@pytest.mark.parametrize("portrait", [False, True])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "HEIF", "AVIF"])
def test_every_supported_image_type_is_converted(kind: str, portrait: bool, tmp_path: Path) -> None:
    data = _encoded(_halves((640, 480), RED, BLUE), kind)
    assert image_format(data) == kind
    path = tmp_path / "picture.bin"
    path.write_bytes(data)
    url = f"data:image/whatever;base64,{base64.b64encode(data).decode()}"
    sources: list[Any] = [data, bytearray(data), memoryview(data), path, str(path), url]
    for source in sources:
        picture = _result(prepare_image(source, portrait=portrait))
        assert picture.size == (PORTRAIT_SIZE if portrait else LANDSCAPE_SIZE)
        assert _near(picture, 0.1, 0.5, RED, 60)
        assert _near(picture, 0.9, 0.5, BLUE, 60)


def test_arrays_and_pil_images_are_not_encoded_twice_nor_changed() -> None:
    picture = _halves((1280, 704), RED, BLUE)
    array = np.asarray(picture)
    before = picture.tobytes()
    first = prepare_image(picture, portrait=False)
    assert first == prepare_image(array, portrait=False)
    assert first == prepare_image(np.asfortranarray(array), portrait=False)
    assert first == prepare_image(_encoded(picture, "PNG"), portrait=False)
    assert picture.tobytes() == before
    read_only = array.view()
    read_only.flags.writeable = False
    assert first == prepare_image(read_only, portrait=False)


@pytest.mark.parametrize(
    ("size", "portrait", "colours"),
    [((3000, 704), False, (RED, BLUE)), ((704, 3000), True, (RED, BLUE)), ((1, 1), False, (RED, RED))],
)
def test_an_image_covers_the_size_and_is_cropped_at_the_centre(
    size: tuple[int, int], portrait: bool, colours: tuple[tuple[int, ...], ...]
) -> None:
    picture = _halves(size, RED, BLUE) if size[0] > 1 else Image.new("RGB", size, RED)
    result = _result(prepare_image(picture, portrait=portrait))
    assert result.size == (PORTRAIT_SIZE if portrait else LANDSCAPE_SIZE)
    assert _near(result, 0.25, 0.5, colours[0])
    assert _near(result, 0.75, 0.5, colours[1])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(400, 300), (4000, 3000)])
def test_exif_orientation_is_applied(orientation: int, size: tuple[int, int]) -> None:
    upright = Image.new("RGB", size, RED)
    upright.paste(BLUE, (0, size[1] // 2, *size))
    stored = {
        1: lambda p: p,
        2: lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda p: p.transpose(Image.Transpose.ROTATE_180),
        4: lambda p: p.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda p: p.transpose(Image.Transpose.TRANSPOSE),
        6: lambda p: p.transpose(Image.Transpose.ROTATE_90),
        7: lambda p: p.transpose(Image.Transpose.TRANSVERSE),
        8: lambda p: p.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = _result(prepare_image(_encoded(stored, "JPEG", exif=exif), portrait=False))
    assert _near(result, 0.5, 0.2, RED)
    assert _near(result, 0.5, 0.8, BLUE)
    assert not result.getexif()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA", "RGBa"])
def test_transparent_areas_become_white(mode: str) -> None:
    clear = Image.new("RGBA", (128, 70), (0, 0, 0, 0))
    opaque = (128, 128, 128) if mode == "LA" else GREEN
    clear.paste((*opaque, 255), (64, 0, 128, 70))
    if mode == "P":
        picture = Image.open(io.BytesIO(_encoded(clear, "GIF")))
    else:
        picture = clear.convert("P").convert("PA") if mode == "PA" else clear.convert(mode)
    result = _result(prepare_image(picture, portrait=False))
    assert _near(result, 0.9, 0.5, opaque)
    assert _near(result, 0.1, 0.5, WHITE)


def test_a_transparent_colour_of_an_rgb_png_becomes_white() -> None:
    data = _encoded(_halves((128, 70), RED, GREEN), "PNG", transparency=RED)
    result = _result(prepare_image(data, portrait=False))
    assert _near(result, 0.1, 0.5, WHITE)
    assert _near(result, 0.9, 0.5, GREEN)


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "YCbCr", "HSV", "F"])
def test_images_of_other_modes_are_converted(mode: str) -> None:
    result = _result(prepare_image(Image.new("RGB", (128, 70), WHITE).convert(mode), portrait=False))
    assert _near(result, 0.5, 0.5, WHITE)


def test_sixteen_bit_grey_keeps_its_levels() -> None:
    levels = np.full((70, 128), 32768, np.uint16)
    levels[:, 64:] = 65535
    data = _encoded(Image.fromarray(levels), "PNG")
    result = _result(prepare_image(data, portrait=False))
    assert _near(result, 0.1, 0.5, (127, 127, 127), 3)
    assert _near(result, 0.9, 0.5, WHITE, 3)


def test_the_first_frame_of_an_animation_is_used() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, BLUE)]
    for kind in ("GIF", "WEBP"):
        data = _encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert _near(_result(prepare_image(data, portrait=False)), 0.5, 0.5, RED)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (b"", "empty"),
        (b"hello", "unsupported image type"),
        (b"II*\x00" + bytes(100), "unsupported image type"),
        (b"%PDF-1.7", "unsupported image type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported image type"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(20), "unsupported image type"),
        (b"\xff\xd8\xff" + bytes(50), "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "damaged"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(50), "damaged"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(50), "damaged"),
        (b"\x00\x00\x00\x18ftypavif" + bytes(50), "damaged"),
        (bytes(MAX_IMAGE_BYTES + 1), "larger than 25 MB"),
        ("data:image/png;base64," + "A" * (MAX_IMAGE_BYTES * 4 // 3 + 100), "larger than 25 MB"),
        ("data:image/png;base64,$$$", "not valid base64"),
        ("data:image/png;base64,ü", "not valid base64"),
        ("data:image/png,%89PNG", "must be base64"),
        ("data:", "must be base64"),
        ("/no/such/picture.jpg", "cannot read image '/no/such/picture.jpg': No such file"),
        ("null\0byte", "cannot read image"),
        ("/dev/zero", "cannot read image '/dev/zero': it is not a regular file"),
        ("/dev/ptmx", "cannot read image '/dev/ptmx': it is not a regular file"),
        (Path("/"), "it is a folder"),
        (3, "not int"),
        (None, "not NoneType"),
        (np.zeros((4, 4), np.uint8), r"not uint8 \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"not uint8 \(4, 4, 4\)"),
        (np.zeros((4, 4, 3), np.float32), "not float32"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (np.zeros((1, 2_200_000, 3), np.uint8), "unusable shape: 2200000x1"),
        (Image.new("L", (1, 60)), "unusable shape: 1x60"),
        (Image.new("RGB", (0, 4)), "empty"),
    ],
)
def test_an_invalid_image_is_refused_with_a_reason(source: Any, text: str) -> None:
    with pytest.raises(OdysseyImageError, match=text) as caught:
        prepare_image(source, portrait=False)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 300


def test_a_large_file_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OdysseyImageError, match="larger than 25 MB"):
        prepare_image(path, portrait=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(_encoded(Image.new("RGB", (4, 4)), "JPEG"))
    path.chmod(0)
    with pytest.raises(OdysseyImageError, match="Permission denied"):
        prepare_image(path, portrait=False)


def _png(side: int, *, colour_type: int) -> bytes:
    """Return a black PNG file of colour type 2 (RGB) or 6 (RGBA), compressed row by row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = bytes(1 + side * {2: 3, 6: 4}[colour_type])
    compressor = zlib.compressobj()
    pixels = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [4_097, 9_500, 14_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused_before_decoding(side: int) -> None:
    with pytest.raises(OdysseyImageError, match="too many pixels"):
        prepare_image(_png(side, colour_type=2), portrait=False)


def test_an_image_with_too_many_pixels_is_refused_when_warnings_are_errors() -> None:
    with pytest.raises(OdysseyImageError, match="too many pixels"):
        prepare_image(_encoded(Image.new("1", (9_500, 9_500)), "PNG"), portrait=False)


KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "HEIF", "AVIF")
_SEEDS = {kind: _encoded(_halves((64, 48), RED, BLUE), kind) for kind in KINDS}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(_SEEDS)), st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_damaged_image_is_converted_or_refused(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(_SEEDS[kind])
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    try:
        url = prepare_image(bytes(damaged[:cut]), portrait=False)
    except OdysseyImageError:
        return
    assert _result(url).size == LANDSCAPE_SIZE


@pytest.mark.parametrize(("package", "kind"), [("pillow", "PNG"), ("pillow-heif", "HEIF")])
def test_a_package_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, package: str, kind: str) -> None:
    """test_packaging.py tests missing packages."""
    monkeypatch.setitem(images.EXTRAS["images"], package, "999")
    with pytest.raises(OdysseyImageError, match=rf"{package} [\d.]+ \(999 or later is required\)"):
        prepare_image(_SEEDS[kind], portrait=False)


def test_a_pillow_without_avif_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(Image.OPEN, "AVIF")
    with pytest.raises(OdysseyImageError, match=r"This Pillow cannot decode AVIF.*pip install"):
        prepare_image(_SEEDS["AVIF"], portrait=False)


def test_an_array_with_too_many_pixels_is_refused() -> None:
    with pytest.raises(OdysseyImageError, match="too many pixels: 8001x8000"):
        prepare_image(np.zeros((8000, 8001, 3), np.uint8), portrait=False)


ALLOWED_PEAK_MB = {"PNG": 220, "WEBP": 380, "GIF": 220, "HEIF": 260, "AVIF": 260, "JPEG": 120}
"""Peak of a conversion of the largest allowed image, about 1.4 times what was measured."""


def _largest(kind: str) -> bytes:
    if kind == "JPEG":
        return _encoded(Image.new("L", (8000, 8000), 90), kind)
    if kind == "HEIF":
        return _encoded(Image.new("RGB", (5712, 4284), GREEN), kind, quality=10)
    mode = {"GIF": "P", "AVIF": "RGB"}.get(kind, "RGBA")
    options = {"WEBP": {"method": 0}, "AVIF": {"speed": 10}, "PNG": {"compress_level": 1}}.get(kind, {})
    return _encoded(Image.new(mode, (4096, 4096)), kind, **options)


CONVERSION = """
import base64, sys, threading
from odyssey_ros.client.errors import OdysseyImageError
from odyssey_ros.client.images import prepare_image

def peak_kb():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

def convert(data):
    try:
        prepare_image(data, portrait=False)
    except OdysseyImageError as error:
        print(f"{error}\\n", end="")

# The imports of Pillow and the decoder are no part of the figure.
small, data = (base64.b64decode(line) for line in sys.stdin.buffer)
convert(small)
before = peak_kb()
threads = [threading.Thread(target=convert, args=(data,)) for _ in range(int(sys.argv[1]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print((peak_kb() - before) // 1024)
"""


def _peak_mb(kind: str, data: bytes, threads: int) -> tuple[int, list[str]]:
    """Convert an image on several threads of another process; return its peak in MiB, and its errors."""
    process = subprocess.run(
        [sys.executable, "-c", CONVERSION, str(threads)],
        input=base64.b64encode(_SEEDS[kind]) + b"\n" + base64.b64encode(data),
        capture_output=True,
        check=True,
    )
    *errors, peak = process.stdout.decode().splitlines()
    return int(peak), errors


@pytest.mark.parametrize("kind", sorted(ALLOWED_PEAK_MB))
def test_the_largest_images_need_little_memory_however_many_are_converted(kind: str) -> None:
    """Three decoded at the same time would need three times the memory."""
    peak, errors = _peak_mb(kind, _largest(kind), 3)
    assert not errors
    assert peak < ALLOWED_PEAK_MB[kind]


def test_a_pixel_bomb_costs_nothing() -> None:
    """The attack of the review: three 344 kB files took the process to 5.9 GB."""
    peak, errors = _peak_mb("PNG", _png(9_400, colour_type=6), 3)
    assert len(errors) == 3
    assert all("too many pixels: 9400x9400" in error for error in errors)
    assert peak < 20


def test_a_progressive_jpeg_bomb_costs_nothing() -> None:
    """Its decoder keeps the coefficients of the whole image, also when the result is small."""
    bomb = _encoded(Image.new("L", (8_000, 8_000)), "JPEG", progressive=True)
    peak, errors = _peak_mb("JPEG", bomb, 3)
    assert all("too many pixels: 8000x8000" in error for error in errors)
    assert peak < 20


@pytest.mark.parametrize("side", [64, 4096])
def test_an_avif_bomb_that_announces_another_size_costs_nothing(side: int) -> None:
    """The decoder follows the AV1 data: 2 kB took 210 MB, and can take more than 960 MB."""
    bomb = announcing(_encoded(Image.new("RGB", (9_984, 9_984)), "AVIF", speed=10), side)
    assert Image.open(io.BytesIO(bomb)).size == (side, side)
    peak, errors = _peak_mb("AVIF", bomb, 3)
    assert len(errors) == 3
    assert all("too many pixels: 9984x9984" in error for error in errors)
    assert peak < 20


async def test_a_caller_that_is_cancelled_before_its_turn_releases_its_image() -> None:
    class Owned(bytearray):
        """An image whose end is observable."""

    with images._CONVERTING:  # the turn of another image, which takes as long as the test wants
        first = asyncio.ensure_future(convert_image(_SEEDS["PNG"], portrait=False))
        image = Owned(_SEEDS["PNG"])
        released = weakref.ref(image)
        second = asyncio.ensure_future(convert_image(image, portrait=False))
        del image
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        del second
        gc.collect()
        assert released() is None
        assert not first.done()
    assert _result(await first).size == LANDSCAPE_SIZE
