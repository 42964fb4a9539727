"""Incomplete files and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.downloading.partial_file import PartialFile, Version, sync

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = Version('"a"', "Sat, 28 Nov 2026 08:00:00 GMT", 7)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (WHOLE, True),
        (Version(), True),
        (Version(total=7), True),
        (Version('"b"', WHOLE.modified, 7), False),
        (Version('"a"', "Sat, 28 Nov 2026 09:00:00 GMT", 7), False),
        (Version('"a"', WHOLE.modified, 8), False),
    ],
)
def test_versions_that_may_be_the_same(other: Version, same: bool) -> None:
    assert WHOLE.may_be(other) is other.may_be(WHOLE) is same


def test_a_file_and_its_version_last_until_it_is_complete(tmp_path: Path) -> None:
    partial = PartialFile(tmp_path / "video.mp4")
    assert (partial.size(), partial.version()) == (0, Version())
    with partial.open(0, WHOLE) as file:
        file.write(b"vid")
    with PartialFile(tmp_path / "video.mp4").open(3, WHOLE) as file:
        file.write(b"eo")
        sync(file)
    assert (partial.size(), partial.version()) == (5, WHOLE)
    with partial.read() as file:
        assert file.read() == b"video"
    partial.complete()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"video.mp4": b"video"}


def test_a_file_without_a_length_is_marked_until_it_is_removed(tmp_path: Path) -> None:
    for has_length in (True, False, True, False):
        partial = PartialFile(tmp_path / "log")
        partial.open(0, WHOLE).close()
        partial.complete(has_length=has_length)
        assert PartialFile(tmp_path / "log").has_length() is has_length
    partial.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_version_of_an_earlier_release(tmp_path: Path) -> None:
    (tmp_path / "video.mp4.etag").write_text('"a"')
    assert PartialFile(tmp_path / "video.mp4").version() == Version('"a"')


def test_a_file_without_an_etag_has_no_version_and_is_started_again(tmp_path: Path) -> None:
    partial = PartialFile(tmp_path / "video.mp4")
    partial.open(0, WHOLE).close()
    with partial.open(0, Version(total=7)) as file:
        file.write(b"new")
    assert (partial.size(), partial.version()) == (3, Version())
    partial.discard()
    assert list(tmp_path.iterdir()) == []
