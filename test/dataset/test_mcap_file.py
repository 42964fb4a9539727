"""Files of the MCAP writer, read by the mcap library, which checks CRCs and indexes."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import NonSeekingReader, SeekingReader
from mcap.records import DataEnd, Message
from mcap.stream_reader import StreamReader

from odyssey_ros.dataset import mcap_file
from odyssey_ros.dataset.mcap_file import CHUNK_BYTES, McapFile

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from typing_extensions import Buffer


def _written(messages: list[tuple[int, int, bytes]]) -> tuple[bytes, McapFile]:
    file = io.BytesIO()
    mcap = McapFile(file, library="test")
    schemas = [mcap.add_schema(f"pkg/msg/Type{at}", "ros2msg", b"uint8 x") for at in range(2)]
    channels = [mcap.add_channel(f"/topic{at}", schemas[at], {"key": "value"}) for at in range(2)]
    for channel, time_ns, data in messages:
        middle = len(data) // 2
        mcap.write(channels[channel], time_ns, [data[:middle], memoryview(data)[middle:]])
    mcap.finish({"rosbag2": {"serialized_metadata": "x: 1"}})
    return file.getvalue(), mcap


messages_in = st.tuples(st.integers(0, 1), st.integers(0, 2**63 - 1), st.binary(max_size=40))


@settings(deadline=None)
@given(st.lists(messages_in, max_size=20))
def test_messages_are_read_back(messages: list[tuple[int, int, bytes]]) -> None:
    data, mcap = _written(messages)
    assert mcap.size == len(data)
    assert mcap.crc32 == zlib.crc32(data)
    expected = sorted((time_ns, channel) for channel, time_ns, _ in messages)
    seeking = SeekingReader(io.BytesIO(data), validate_crcs=True)
    found = [(message.log_time, channel.id - 1) for _, channel, message in seeking.iter_messages()]
    assert sorted(found) == expected
    assert [time_ns for time_ns, _ in found] == sorted(time_ns for time_ns, _ in expected)
    streaming = NonSeekingReader(io.BytesIO(data), validate_crcs=True)
    payloads = [bytes(message.data) for _, _, message in streaming.iter_messages(log_time_order=False)]
    assert payloads == [payload for _, _, payload in messages]
    assert [(record.name, record.metadata) for record in seeking.iter_metadata()] == [
        ("rosbag2", {"serialized_metadata": "x: 1"})
    ]
    summary = seeking.get_summary()
    assert summary is not None
    assert summary.statistics is not None
    assert summary.statistics.message_count == len(messages)
    assert [channel.topic for channel in summary.channels.values()] == ["/topic0", "/topic1"]


def test_large_messages_make_chunks_with_indexes() -> None:
    payload = bytes(CHUNK_BYTES // 2)
    data, _ = _written([(at % 2, at * 100, payload) for at in range(9)])
    reader = SeekingReader(io.BytesIO(data), validate_crcs=True)
    summary = reader.get_summary()
    assert summary is not None
    assert len(summary.chunk_indexes) == 5
    times = [message.log_time for _, _, message in reader.iter_messages(topics="/topic1", starting_at=250)]
    assert times == [300, 500, 700]


def test_the_crc_of_the_data_section() -> None:
    data, _ = _written([(0, 1, b"x" * 100)])
    records = list(StreamReader(io.BytesIO(data)).records)
    end = next(record for record in records if isinstance(record, DataEnd))
    at = data.index(struct.pack("<BQI", 0x0F, 4, end.data_section_crc))
    assert zlib.crc32(data[:at]) == end.data_section_crc


def test_buffers_are_not_copied(tmp_path: Path) -> None:
    """The file contains a change of a buffer before its chunk is closed, so the buffer was not copied."""
    with (tmp_path / "x.mcap").open("wb") as file:
        mcap = McapFile(file, library="test")
        channel = mcap.add_channel("/topic", mcap.add_schema("a/msg/B", "ros2msg", b""), {})
        buffer = bytearray(b"before")
        mcap.write(channel, 1, [buffer])
        buffer[:] = b"behind"
        mcap.finish({})
    records = StreamReader(io.BytesIO((tmp_path / "x.mcap").read_bytes())).records
    assert [bytes(record.data) for record in records if isinstance(record, Message)] == [b"behind"]


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcap_file, "CHUNK_BYTES", 100)

    class Nowhere(io.BytesIO):
        def write(self, data: Buffer) -> int:
            return memoryview(data).nbytes

    mcap = McapFile(Nowhere(), library="test")
    channel = mcap.add_channel("/topic", mcap.add_schema("a/msg/B", "ros2msg", b""), {})
    picture = bytes(100)

    def chunks(count: int) -> int:
        for at in range(count):
            mcap.write(channel, at, [picture])
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before, after = chunks(500), chunks(5000)
    finally:
        tracemalloc.stop()
    assert (after - before) / 5000 < 200
