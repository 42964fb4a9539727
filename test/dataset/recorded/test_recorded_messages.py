"""The messages of one file: what is read of damaged, hostile and unknown content."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import zstandard
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter

from live_bags import FRAME_INFO, LiveMessage, write_mcap, write_rosbag
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.messages import Header, frame_info
from odyssey_ros.dataset.recorded.recorded_messages import recorded_messages

if TYPE_CHECKING:
    from pathlib import Path

TOPIC = "/odyssey/frame_info"


def _messages(count: int = 50) -> list[LiveMessage]:
    return [
        LiveMessage(
            TOPIC, FRAME_INFO, 10**9 + at, frame_info(Header(10**9 + at, "f"), "s", at, at, "fox " * 20)
        )
        for at in range(count)
    ]


def _read(path: Path, scratch: Path) -> tuple[int, Counter[Loss]]:
    losses: Counter[Loss] = Counter()
    found = list(recorded_messages(path, scratch, losses, types=(FRAME_INFO,)))
    assert all(message.topic == TOPIC and message.type_name == FRAME_INFO for message in found)
    expected = {message.data for message in _messages()}
    assert all(message.data in expected for message in found)
    return len(found), +losses


@pytest.mark.parametrize("kind", ["mcap", "db3"])
def test_a_compressed_file_alone(kind: str, tmp_path: Path) -> None:
    """Compressed by the user: metadata.yaml does not say so."""
    if kind == "mcap":
        plain = write_mcap(tmp_path / "plain.mcap", _messages(), chunk_size=1000)
    else:
        plain = write_rosbag(tmp_path / "bag", _messages(), "sqlite3") / "bag.db3"
    path = tmp_path / f"run.{kind}.zstd"
    data, compressor = plain.read_bytes(), zstandard.ZstdCompressor().compressobj()
    with path.open("wb") as file:
        for at in range(0, len(data), 1000):
            file.write(compressor.compress(data[at : at + 1000]))
            file.write(compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        file.write(compressor.flush())
    assert _read(path, tmp_path) == (50, {})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    if kind == "mcap":
        count, losses = _read(path, tmp_path)
        assert 0 < count < 50
        assert losses == {Loss.CUT_OFF_BAGS: 1}
    else:
        with pytest.raises(EpisodeError, match="damaged"):
            _read(path, tmp_path)
    assert not list(tmp_path.glob("database-*"))


@pytest.mark.parametrize("compression", list(CompressionType))
def test_a_damaged_chunk_is_left_out(compression: CompressionType, tmp_path: Path) -> None:
    """The first compressed chunk is the one with the definitions: those of the summary are used then."""
    path = write_mcap(tmp_path / "run.mcap", _messages(), compression, chunk_size=4000)
    data = bytearray(path.read_bytes())
    if compression is CompressionType.NONE:
        at = data.index(b"fox fox", len(data) // 4)
    else:
        at = (
            data.index(b"\x28\xb5\x2f\xfd" if compression is CompressionType.ZSTD else b"\x04\x22\x4d\x18")
            + 30
        )
    data[at] ^= 0xFF
    path.write_bytes(data)
    count, losses = _read(path, tmp_path)
    assert losses == {Loss.DAMAGED_CHUNKS: 1}
    assert 20 < count < 50


def test_a_file_that_ends_anywhere(tmp_path: Path) -> None:
    """More of the file never gives fewer messages, and only the whole data section is no loss."""
    whole = write_mcap(tmp_path / "whole.mcap", _messages(), chunk_size=2000).read_bytes()
    counts = []
    for size in range(50, len(whole), 97):
        path = tmp_path / "cut.mcap"
        path.write_bytes(whole[:size])
        count, losses = _read(path, tmp_path)
        assert losses in ({}, {Loss.CUT_OFF_BAGS: 1})
        assert losses or count == 50
        counts.append(count)
    assert counts == sorted(counts)
    assert counts[-1] == 50


def test_a_zero_filled_tail(tmp_path: Path) -> None:
    """Some file systems leave one after a loss of power."""
    whole = write_mcap(tmp_path / "run.mcap", _messages(), chunk_size=2000, finish=False).read_bytes()
    (tmp_path / "run.mcap").write_bytes(whole + bytes(5000))
    count, losses = _read(tmp_path / "run.mcap", tmp_path)
    assert count >= 40
    assert losses == {Loss.CUT_OFF_BAGS: 1}


def test_a_database_with_the_log_of_a_killed_recorder(tmp_path: Path) -> None:
    """In the resilient profile of rosbag2, the last transactions are only in the log."""
    import sqlite3

    path = write_rosbag(tmp_path / "bag", _messages(40), "sqlite3") / "bag.db3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    for message in _messages()[40:]:
        row = (1, message.time_ns, message.data)
        connection.execute("INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)", row)
    connection.commit()
    copy = tmp_path / "killed"
    copy.mkdir()
    for name in ("bag.db3", "bag.db3-wal"):
        (copy / name).write_bytes((path.parent / name).read_bytes())
    connection.close()
    assert _read(copy / "bag.db3", tmp_path) == (50, {})


def test_a_damaged_database(tmp_path: Path) -> None:
    path = write_rosbag(tmp_path / "bag", _messages(50), "sqlite3") / "bag.db3"
    whole = path.read_bytes()
    for data in (whole[:5000], whole[:16], whole[:4096] + bytes(len(whole) - 4096)):
        path.write_bytes(data)
        with pytest.raises(EpisodeError) as raised:
            _read(path, tmp_path)
        assert raised.value.code is ErrorCode.BAG_BROKEN


def test_a_topic_with_another_definition_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "run.mcap").open("wb") as file:
        writer = McapWriter(file)
        writer.start("ros2", "test")
        schema = writer.register_schema(FRAME_INFO, "ros2msg", b"string prompt\nuint8 mood")
        channel = writer.register_channel(TOPIC, "cdr", schema)
        for at in range(3):
            writer.add_message(channel, at, b"\0\1\0\0", at)
        writer.finish()
    known: dict[str, str] = {}
    losses: Counter[Loss] = Counter()
    assert not list(
        recorded_messages(tmp_path / "run.mcap", tmp_path, losses, types=(FRAME_INFO,), known=known)
    )
    assert losses == {Loss.UNKNOWN_DEFINITIONS: 1}
    assert known == {TOPIC: FRAME_INFO}


def test_no_bag(tmp_path: Path) -> None:
    (tmp_path / "run.mcap").mkdir()
    for path in (tmp_path / "run.mcap", tmp_path / "none.mcap"):
        with pytest.raises(EpisodeError) as raised:
            _read(path, tmp_path)
        assert raised.value.code is ErrorCode.BAG_BROKEN


def test_a_bomb_in_a_message_is_counted(tmp_path: Path) -> None:
    found = _messages(2)
    found[0].data = zstandard.compress(bytes(200 << 20))
    write_mcap(tmp_path / "run.mcap", found)
    assert zlib.crc32(found[0].data)
    losses: Counter[Loss] = Counter()
    read = list(recorded_messages(tmp_path / "run.mcap", tmp_path, losses, types=(FRAME_INFO,)))
    assert [message.data for message in read] == [found[1].data]
    assert losses == {Loss.UNREADABLE_MESSAGES: 1}
