"""The pictures that pages have uploaded."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from odyssey_ros.client import OdysseyImageError
from odyssey_ros.console.server import start_pictures
from odyssey_ros.console.server.start_pictures import MAX_AGE_S, MAX_PICTURES, StartPicture, StartPictures


def file_of(kind: str, size: tuple[int, int] = (64, 36), orientation: int = 1) -> bytes:
    """Return a picture file."""
    picture, file = Image.new("RGB", size, (200, 40, 90)), io.BytesIO()
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_size_is_that_of_the_upright_picture(kind: str) -> None:
    """The orientation of EXIF exchanges the sides."""
    picture = StartPicture.read(file_of(kind))
    assert (picture.width, picture.height, picture.format) == (64, 36, kind.lower())
    turned = StartPicture.read(file_of(kind, orientation=6))
    assert (turned.width, turned.height) == (36, 64)
    assert turned.encoded.content == file_of(kind, orientation=6)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the image is empty"),
        (b"/etc/passwd", "unsupported image type"),
        (file_of("PNG")[:30], "damaged"),
        (file_of("PNG", (4000, 20)), "unusable shape"),
    ],
    ids=["empty", "text", "cut", "narrow"],
)
def test_other_files_are_refused(content: bytes, reason: str) -> None:
    """In the words of the client."""
    with pytest.raises(OdysseyImageError, match=reason):
        StartPicture.read(content)


def test_pictures_are_kept_until_they_are_used_or_old() -> None:
    """Nobody can guess an id."""
    now = [0.0]
    pictures = StartPictures(lambda: now[0])
    first, second = (pictures.add(StartPicture(b"x", 1, 1, "png")) for _ in range(2))
    assert len(first) >= 16
    assert pictures.get(first).content == b"x"
    pictures.discard(first)
    pictures.discard(first)
    now[0] = MAX_AGE_S
    assert pictures.get(second).content == b"x"
    now[0] = MAX_AGE_S + 1
    for name in (first, second, ""):
        with pytest.raises(OdysseyImageError, match="choose it again"):
            pictures.get(name)
    assert len(pictures) == 0


def test_pictures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In number and size; the oldest are dropped."""
    pictures = StartPictures()
    names = [pictures.add(StartPicture(b"x", 1, 1, "png")) for _ in range(MAX_PICTURES + 1)]
    assert len(pictures) == MAX_PICTURES
    with pytest.raises(OdysseyImageError):
        pictures.get(names[0])
    monkeypatch.setattr(start_pictures, "MAX_BYTES", 100)
    last = pictures.add(StartPicture(bytes(98), 1, 1, "png"))
    assert len(pictures) == 3
    assert len(pictures.get(last).content) == 98
