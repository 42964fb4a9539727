"""Pictures that requests name: what is read, and what is refused."""

from __future__ import annotations

import os

import pytest

from odyssey_ros.bridge.calls import request_pictures
from odyssey_ros.bridge.calls.request_pictures import PictureFile, PictureFiles
from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
from odyssey_ros.bridge.runtime.file_access import FileAccess
from odyssey_ros.client import ErrorCode, OdysseyArgumentError, OdysseyError, OdysseyImageError
from odyssey_ros.client.image_limits import MAX_IMAGE_BYTES


@pytest.fixture
def make():
    """Makes the function that reads pictures as one request, with the allowed folders."""
    thread = AsyncioThread("pictures")

    def make(*folders):
        reader = PictureFiles(FileAccess(thread), [str(folder) for folder in folders]).reader()
        return lambda path, where="": thread.submit(reader.read(PictureFile(str(path), where))).result(60)

    yield make
    assert thread.stop(5)


def test_a_picture_in_an_allowed_folder(make, tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "sea.png").write_bytes(b"picture")
    read = make(tmp_path / "other", tmp_path)
    assert read(tmp_path / "below" / "sea.png") == b"picture"
    assert read(f"{tmp_path}/./below/../below//sea.png") == b"picture"


def test_a_picture_outside_is_refused_with_the_remedy(make, tmp_path):
    (tmp_path / "private.png").write_bytes(b"private")
    with pytest.raises(OdysseyArgumentError) as caught:
        make(tmp_path / "allowed")(tmp_path / "private.png", "script[0]: ")
    assert caught.value.code is ErrorCode.PATH_NOT_ALLOWED
    assert str(caught.value) == (
        "script[0]: image_path: the path is not in a folder that this node allows: send the picture in the "
        "field image, or start the node with the folder in the parameter image_folders"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.png", "No such file"),
        ("fifo", "it is not a regular file"),
        (".", "not in a folder that this node allows"),
        ("below", "it is a folder"),
    ],
)
def test_a_file_that_cannot_be_read(make, tmp_path, name, reason):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "below").mkdir()
    with pytest.raises(OdysseyArgumentError, match=reason):
        make(tmp_path)(tmp_path / name, "scripts[1][0]: ")


def test_a_file_that_is_too_large(make, tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(MAX_IMAGE_BYTES + 1)
    with pytest.raises(OdysseyImageError, match="it is larger than 25 MiB"):
        make(tmp_path)(tmp_path / "large.png")


def test_the_files_of_one_request_are_bounded_and_read_once(make, tmp_path, monkeypatch):
    monkeypatch.setattr(request_pictures, "MAX_REQUEST_BYTES", 3 << 20)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(bytes(2 << 20))
    read = make(tmp_path)
    assert all(read(tmp_path / "a") == bytes(2 << 20) for _ in range(100))
    with pytest.raises(OdysseyImageError, match="larger than 1 MiB; the files of one request can have 3 MiB"):
        read(tmp_path / "b")


def test_errors_are_errors_of_the_client(make, tmp_path):
    with pytest.raises(OdysseyError) as caught:
        make(tmp_path)(tmp_path / "none.png")
    assert caught.value.code is ErrorCode.BAD_IMAGE
