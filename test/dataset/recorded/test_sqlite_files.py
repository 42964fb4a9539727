"""Databases of rosbag2: old tables, tables that compute their rows, and what is unpacked."""

from __future__ import annotations

import io
import sqlite3
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.downloading import disk_space
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.recorded import sqlite_files
from odyssey_ros.dataset.recorded.sqlite_files import database_messages, unpacked_database

if TYPE_CHECKING:
    from pathlib import Path

FOXY = """
CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT);
CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data {column});
INSERT INTO topics VALUES (1, '/a', 'x/msg/A', 'cdr'), (2, '/b', 'x/msg/B', 'cdr');
"""


def _database(path: Path, column: str = "BLOB") -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(FOXY.format(column=column))
    columns = "topic_id, timestamp" if "AS" in column else "topic_id, timestamp, data"
    rows = [(1, 20, b"second"), (2, 15, b"other"), (1, 10, b"first")]
    for row in rows:
        marks = ",".join("?" * (columns.count(",") + 1))
        connection.execute(
            f"INSERT INTO messages ({columns}) VALUES ({marks})", row[: columns.count(",") + 1]
        )
    connection.commit()
    connection.close()
    return path


def test_a_database_without_definitions_in_order_of_time(tmp_path: Path) -> None:
    """Those of the first releases have neither definitions nor a quality of service."""
    asked = []

    def takes(topic: str, type_name: str, encoding: str, definition: bytes) -> bool:
        asked.append((topic, type_name, encoding, definition))
        return topic == "/a"

    with database_messages(_database(tmp_path / "bag.db3"), takes) as found:
        assert list(found) == [("/a", "x/msg/A", b"first"), ("/a", "x/msg/A", b"second")]
    assert asked == [("/a", "x/msg/A", "", b""), ("/b", "x/msg/B", "", b"")]


def test_a_row_that_is_computed_cannot_fill_the_memory(tmp_path: Path) -> None:
    path = _database(tmp_path / "bag.db3", "BLOB GENERATED ALWAYS AS (zeroblob(900000000))")
    with database_messages(path, lambda *_: True) as found, pytest.raises(ValueError, match="damaged"):
        next(found)


def test_no_database(tmp_path: Path) -> None:
    (tmp_path / "bag.db3").write_bytes(b"noise" * 100)
    with database_messages(tmp_path / "bag.db3", lambda *_: True) as found, pytest.raises(ValueError):
        next(found)


def test_an_unpacked_database_is_removed_and_leaves_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with unpacked_database(io.BytesIO(b"content"), tmp_path, "x.db3.zstd") as path:
        assert path.read_bytes() == b"content"
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(sqlite_files, "DISK_SPACE", disk_space.DiskSpace(1 << 60))
    with (
        pytest.raises(EpisodeError, match=r"x\.db3\.zstd"),
        unpacked_database(io.BytesIO(b"content"), tmp_path, "x.db3.zstd"),
    ):
        pass
    assert not list(tmp_path.iterdir())
