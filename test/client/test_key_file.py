"""Key files: what is read, and what is refused with which reason."""

from __future__ import annotations

import os

import pytest

from odyssey_ros.client import key_file
from odyssey_ros.client.key_file import MAX_KEY_BYTES, KeyFileError, KeyFileFault, read_key_file

KEY = "ody_very_secret"


def write(path, content, mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_contents_without_white_space(tmp_path):
    path = write(tmp_path / "key", f" {KEY}\n".encode())
    assert read_key_file(path, private=True) == KEY
    assert read_key_file(str(path), private=False) == KEY


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "key", KEY.encode())
    assert read_key_file("~/key", private=True) == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused_where_it_must_be_private(tmp_path, mode):
    path = write(tmp_path / "key", KEY.encode(), mode)
    assert read_key_file(path, private=False) == KEY
    with pytest.raises(KeyFileError, match=f"chmod 600 {path}") as caught:
        read_key_file(path, private=True)
    assert caught.value.fault is KeyFileFault.OPEN_TO_OTHERS
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "fault", "reason"),
    [
        (b"", KeyFileFault.EMPTY, "it is empty"),
        (b" \n", KeyFileFault.EMPTY, "it is empty"),
        (b"\xff\xfe\x00", KeyFileFault.NOT_TEXT, "it is not text"),
    ],
)
def test_contents_that_are_no_key(tmp_path, content, fault, reason):
    with pytest.raises(KeyFileError) as caught:
        read_key_file(write(tmp_path / "key", content), private=True)
    assert (caught.value.fault, caught.value.reason) == (fault, reason)


@pytest.mark.parametrize(
    ("name", "fault", "reason"),
    [
        ("none", KeyFileFault.UNREADABLE, "No such file"),
        (".", KeyFileFault.NOT_REGULAR, "folder"),
        ("a\0b", KeyFileFault.INVALID_PATH, "not a valid path"),
    ],
)
def test_paths_that_name_no_file(tmp_path, name, fault, reason):
    with pytest.raises(KeyFileError, match=reason) as caught:
        read_key_file(tmp_path / name, private=True)
    assert caught.value.fault is fault


def test_the_home_folder_of_an_unknown_user():
    with pytest.raises(KeyFileError) as caught:
        read_key_file("~nobody-of-this-name/key", private=True)
    assert caught.value.fault is KeyFileFault.INVALID_PATH


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/ptmx", "/dev/tty", "fifo"])
def test_a_device_or_a_pipe_is_refused_at_once(tmp_path, device):
    os.mkfifo(tmp_path / "fifo", 0o600)
    path = tmp_path / device
    if not path.exists():
        pytest.skip(f"no {device} here")
    with pytest.raises(KeyFileError) as caught:
        read_key_file(path, private=True)
    assert caught.value.fault is KeyFileFault.NOT_REGULAR


def test_the_largest_file(tmp_path):
    assert read_key_file(write(tmp_path / "key", b"k" * MAX_KEY_BYTES), private=True) == "k" * MAX_KEY_BYTES
    with pytest.raises(KeyFileError, match="larger than 64 KiB") as caught:
        read_key_file(write(tmp_path / "key", b"k" * (MAX_KEY_BYTES + 1)), private=True)
    assert caught.value.fault is KeyFileFault.TOO_LARGE


def test_the_permissions_are_those_of_the_file_that_is_read(tmp_path, monkeypatch):
    """A private file whose name comes to stand for an open one between opening and check."""
    path = write(tmp_path / "key", b"private")
    write(tmp_path / "open", b"open", 0o644)
    reading = key_file.open_regular_file

    def swap_after(*arguments):
        opened = reading(*arguments)

        class Swapped:
            def __enter__(self):
                file = opened.__enter__()
                (tmp_path / "open").replace(path)
                return file

            def __exit__(self, *error):
                return opened.__exit__(*error)

        return Swapped()

    monkeypatch.setattr(key_file, "open_regular_file", swap_after)
    assert read_key_file(path, private=True) == "private"
    monkeypatch.undo()
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_key_file(path, private=True)
