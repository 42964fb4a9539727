"""What is accepted from a server of files, and what the operator is told otherwise."""

from __future__ import annotations

import httpx
import pytest

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_address import parse_address
from odyssey_ros.console.server.byte_ranges import ByteRange, FilePart
from odyssey_ros.console.server.media_answers import Accepted, accepted, fetch_error, picture_answer
from odyssey_ros.dataset.downloading.downloads import MAX_BYTES
from odyssey_ros.dataset.downloading.presigned_requests import PrivateAddressError
from odyssey_ros.dataset.errors import EpisodeError


def _response(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("response", "wanted", "expected"),
    [
        (_response(200, content_length="5"), None, Accepted(200, 5)),
        (_response(200), None, Accepted(200, None)),
        (_response(200, content_length="5"), ByteRange(2, None), Accepted(200, 5)),
        (
            _response(206, content_range="bytes 2-4/5"),
            ByteRange(2, None),
            Accepted(206, 3, FilePart(2, 4, 5)),
        ),
        (_response(416, content_range="bytes */5"), ByteRange(9, None), Accepted(416, 0, total=5)),
        (_response(416), ByteRange(9, None), Accepted(416, 0)),
        (_response(200, content_type="binary/octet-stream"), None, Accepted(200, None)),
    ],
)
def test_accepted(response: httpx.Response, wanted: ByteRange | None, expected: Accepted) -> None:
    """The whole file, the part that was asked for, or none."""
    assert accepted(response, wanted) == expected


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (_response(206, content_range="bytes 0-4/5"), "another part"),
        (_response(206), "another part"),
        (_response(200, content_type="text/html; charset=utf-8"), "a text instead of a video"),
        (_response(200, content_type="application/json"), "a text instead of a video"),
        (_response(200, content_encoding="gzip"), "compressed"),
        (_response(200, content_length=str(MAX_BYTES + 1)), "longer than"),
        (_response(204), "status 204"),
        (_response(500), "status 500"),
        (_response(403), "refuses it with status 403"),
        (_response(304), "status 304"),
    ],
)
def test_refused(response: httpx.Response, reason: str) -> None:
    """Anything else is an error in words."""
    with pytest.raises(EpisodeError, match=reason):
        accepted(response, ByteRange(2, None))


def test_only_pictures_are_thumbnails() -> None:
    """A page that a server sends instead is not passed on."""
    answer = picture_answer(b"\xff\xd8\xff\xe0rest")
    assert answer.content_type == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with pytest.raises(OdysseyError, match="not a JPEG"):
        picture_answer(b"<html>")


def test_errors_name_the_remedy_but_no_address() -> None:
    """The origin is named where the operator has to decide about it; the path and the query never are."""
    address = parse_address("http://127.0.0.1:8000/files/video.mp4?signature=verysecret")
    private = fetch_error(PrivateAddressError(address, redirected=False))
    assert "media_origins:=['http://127.0.0.1:8000']" in private.message
    assert "files" not in private.message
    assert "verysecret" not in private.message
    assert fetch_error(EpisodeError(ErrorCode.INSECURE_ADDRESS, "a.b: set x")).message.startswith(
        "The file is at"
    )
    failed = fetch_error(EpisodeError(ErrorCode.DOWNLOAD_FAILED, "a.b: ReadTimeout", retryable=True))
    assert failed.message == "The file cannot be fetched: a.b: ReadTimeout; try again"
