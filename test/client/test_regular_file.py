"""Regular files: what is read, and what is refused without waiting for it."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from odyssey_ros.client.regular_file import (
    FileFault,
    RegularFileError,
    open_regular_file,
    read_bounded,
    read_regular_file,
    require_regular_file,
)

LIMIT = 1024


def refusal(path, max_bytes=LIMIT):
    with pytest.raises(RegularFileError) as caught:
        read_regular_file(path, max_bytes)
    return caught.value


def test_a_regular_file_of_the_largest_size(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * LIMIT)
    assert read_regular_file(tmp_path / "file", LIMIT) == b"x" * LIMIT
    assert read_regular_file(str(tmp_path / "file"), LIMIT) == b"x" * LIMIT
    require_regular_file(tmp_path / "file")


def test_an_empty_file(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert read_regular_file(tmp_path / "file", LIMIT) == b""


def test_a_symbolic_link_to_a_regular_file(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert read_regular_file(tmp_path / "link", LIMIT) == b"x"


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        (1024, "it is larger than 1 KiB"),
        (2 << 20, "it is larger than 2 MiB"),
        (1000, "it is larger than 1000 bytes"),
    ],
)
def test_a_file_that_is_too_large(tmp_path, limit, reason):
    (tmp_path / "file").write_bytes(b"x" * (limit + 1))
    error = refusal(tmp_path / "file", limit)
    assert (error.fault, str(error)) == (FileFault.TOO_LARGE, reason)


def test_a_sparse_file_of_a_terabyte_costs_no_memory(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        file.truncate(1 << 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(tmp_path / "file", 64 << 20).fault is FileFault.TOO_LARGE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 << 10


def test_a_file_that_grows_while_it_is_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * LIMIT)
    with open_regular_file(path, LIMIT) as file:
        with path.open("ab") as writer:
            writer.write(b"y")
        with pytest.raises(RegularFileError, match="larger than 1 KiB"):
            read_bounded(file, LIMIT)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a file of Linux")
def test_a_file_whose_size_is_unknown_is_bounded_by_what_is_read():
    assert b"Name:" in read_regular_file("/proc/self/status", 1 << 16)
    assert refusal("/proc/self/status", 10).fault is FileFault.TOO_LARGE


@pytest.mark.parametrize("writer", [False, True])
def test_a_fifo_is_refused_at_once(tmp_path, writer):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR | os.O_NONBLOCK) if writer else None
    try:
        error = refusal(path)
    finally:
        if both is not None:
            os.close(both)
    assert error.fault is FileFault.NOT_REGULAR
    assert str(error) == "it is not a regular file (a pipe, a device or a socket)"


def test_a_fifo_that_takes_the_place_of_a_file_between_check_and_opening(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    opening = os.open

    def swap_first(name, flags):
        path.unlink()
        os.mkfifo(path)
        return opening(name, flags)

    monkeypatch.setattr(os, "open", swap_first)
    assert refusal(path).fault is FileFault.NOT_REGULAR


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/tty", "/dev/ptmx", "/dev/urandom"])
def test_a_device_is_refused_at_once(path):
    if not Path(path).exists():
        pytest.skip(f"no {path} here")
    assert refusal(path).fault is FileFault.NOT_REGULAR


def test_a_device_behind_a_link_is_refused(tmp_path):
    (tmp_path / "picture.png").symlink_to("/dev/zero")
    assert refusal(tmp_path / "picture.png").fault is FileFault.NOT_REGULAR


def test_a_socket_and_a_folder_are_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert refusal(tmp_path / "socket").fault is FileFault.NOT_REGULAR
    assert str(refusal(tmp_path)) == "it is a folder"


@pytest.mark.parametrize(
    ("name", "fault", "missing"),
    [
        ("none", FileFault.UNREADABLE, True),
        ("file/below", FileFault.UNREADABLE, True),
        ("loop", FileFault.UNREADABLE, False),
        ("n" * 5000, FileFault.UNREADABLE, False),
        ("a\0b", FileFault.INVALID_PATH, False),
        ("a\ud800b", FileFault.INVALID_PATH, False),
    ],
)
def test_a_name_that_cannot_be_opened(tmp_path, name, fault, missing):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    error = refusal(str(tmp_path) + "/" + name)
    assert (error.fault, error.missing) == (fault, missing)
    assert str(tmp_path) not in str(error)


def test_no_program_that_is_started_inherits_the_file(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with open_regular_file(tmp_path / "file") as file:
        program = f"import os; os.fstat({file.fileno()})"
        ended = subprocess.run(
            [sys.executable, "-c", program], close_fds=False, capture_output=True, text=True, check=False
        )
    assert "Bad file descriptor" in ended.stderr
