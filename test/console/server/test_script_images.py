"""Images of scripts: data URLs and names of attached pictures."""

from __future__ import annotations

import pytest

from odyssey_ros.client.image_limits import MAX_IMAGE_BYTES
from odyssey_ros.console.server import script_images
from odyssey_ros.console.server.script_images import ScriptImageError, check_image, data_url_bytes

URL = "data:image/png;base64,aGVsbG8="


def test_a_data_url_has_its_bytes() -> None:
    assert data_url_bytes(URL) == b"hello"
    assert data_url_bytes(URL.replace("data:", "DATA:")) == b"hello"
    check_image(URL, ())


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("data:image/png,hello", "must be base64"),
        ("data:image/png;base64", "must be base64"),
        (f"{URL}?", "not valid base64"),
        ("data:;base64,", "is empty"),
        ("a/b.png", "is a path, and the console reads no files"),
        ("~root", "is a path"),
        ("C:\\x.png", "is a path"),
        ("/" + "x" * 500, "…' is a path"),
        ("other.png", "no picture with the name 'other.png' is attached"),
    ],
)
def test_other_images_are_refused_in_words(image: str, message: str) -> None:
    with pytest.raises(ScriptImageError, match=message.replace("?", r"\?")):
        check_image(image, {"start.png"})


def test_large_images_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_IMAGE_BYTES == 25 * 1024 * 1024
    monkeypatch.setattr(script_images, "MAX_IMAGE_BYTES", 4)
    with pytest.raises(ScriptImageError, match="larger than"):
        data_url_bytes(URL)
