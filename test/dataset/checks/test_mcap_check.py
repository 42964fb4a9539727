"""MCAP files of the writer, whole and altered. The structure of each alteration is checked alone."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.opcode import Opcode
from mcap.reader import NonSeekingReader

from odyssey_ros.dataset.checks.findings import Findings
from odyssey_ros.dataset.checks.mcap_check import McapCheck
from odyssey_ros.dataset.mcap_file import CHUNK_BYTES, McapFile

if TYPE_CHECKING:
    from odyssey_ros.dataset.checks.mcap_summary import BagContents

Messages = list[tuple[int, int, bytes]]

MESSAGES: Messages = [(0, 100, b"first"), (1, 100, b"second"), (0, 200, b"third")]


def written(messages: Messages) -> bytes:
    """Return a file with two topics."""
    file = io.BytesIO()
    mcap = McapFile(file, library="test")
    channels = [
        mcap.add_channel(
            f"/topic{at}", mcap.add_schema(f"pkg/msg/Type{at}", "ros2msg", b"uint8 x"), {"a": "b"}
        )
        for at in range(2)
    ]
    for channel, time_ns, data in messages:
        mcap.write(channels[channel], time_ns, [data])
    mcap.finish({"rosbag2": {"serialized_metadata": "x: 1"}})
    return file.getvalue()


def checked(data: bytes, *, in_full: bool = True) -> tuple[list[bytes], list[str], BagContents]:
    """Return the messages, the faults and the contents of a file."""
    findings = Findings("e")
    check = McapCheck(io.BytesIO(data), len(data), findings)
    messages = [bytes(message.data) for message in check.messages()]
    assert check.contents.complete is in_full
    return messages, [line.removeprefix("e: MCAP file: ") for line in findings.fault_lines()], check.contents


def place_of(data: bytes, opcode: int, number: int = 0) -> int:
    """Return the offset of a record outside of the chunks."""
    place = 8
    while True:
        found, length = struct.unpack_from("<BQ", data, place)
        if found == opcode:
            if not number:
                return place
            number -= 1
        place += 9 + length


messages_in = st.tuples(st.integers(0, 1), st.integers(0, 2**63 - 1), st.binary(max_size=40))


@settings(deadline=None)
@given(st.lists(messages_in, max_size=20))
def test_files_of_the_writer_have_no_fault(messages: Messages) -> None:
    data = written(messages)
    found, faults, contents = checked(data)
    assert faults == []
    assert found == [payload for *_, payload in messages]
    assert contents.crc32 == f"{zlib.crc32(data):08x}"
    assert contents.counts == {1: sum(not one[0] for one in messages), 2: sum(one[0] for one in messages)}
    times = [time_ns for _, time_ns, _ in messages]
    assert (contents.start_ns, contents.end_ns) == ((min(times), max(times)) if times else (None, None))
    assert contents.metadata == {"rosbag2": {"serialized_metadata": "x: 1"}}


def test_several_chunks() -> None:
    data = written([(at % 2, at * 100, bytes(CHUNK_BYTES // 2)) for at in range(9)])
    assert checked(data)[1] == []
    # The library reads the same messages.
    assert len(list(NonSeekingReader(io.BytesIO(data)).iter_messages())) == 9


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_every_flipped_bit_is_a_fault(data: st.DataObject) -> None:
    good = written(MESSAGES)
    damaged = bytearray(good)
    damaged[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    findings = Findings("e")
    check = McapCheck(io.BytesIO(bytes(damaged)), len(damaged), findings)
    for _ in check.messages():
        pass
    assert findings.faults
    assert check.contents.crc32 == f"{zlib.crc32(damaged):08x}"


@pytest.mark.parametrize("kept", [0, 5, 8, 20, 60, 200, 300, -1, -8, -9, -40])
def test_a_file_that_is_cut_off(kept: int) -> None:
    good = written(MESSAGES)
    _, faults, contents = checked(good[:kept] if kept else b"", in_full=False)
    assert any("it ends at byte" in fault or "cut off" in fault or "magic" in fault for fault in faults), (
        faults
    )
    assert contents.size == len(good[:kept] if kept else b"")


def test_a_file_that_was_not_closed() -> None:
    data = written(MESSAGES)
    messages, faults, _ = checked(data[: place_of(data, Opcode.METADATA)], in_full=False)
    assert messages == [b"first", b"second", b"third"]
    assert faults == [
        f"it ends at byte {place_of(data, Opcode.METADATA)}: the writer did not close it, or it is cut off"
    ]


def test_bytes_behind_the_end() -> None:
    assert checked(written(MESSAGES) + b"abc")[1] == ["3 bytes follow the end of the MCAP data"]


def _with_crcs(data: bytearray) -> bytes:
    """Make the CRCs of an altered file right, so that only the alteration is left."""
    end = place_of(bytes(data), Opcode.DATA_END)
    struct.pack_into("<I", data, end + 9, zlib.crc32(data[:end]))
    footer = place_of(bytes(data), Opcode.FOOTER)
    struct.pack_into("<I", data, footer + 25, zlib.crc32(data[end + 13 : footer + 25]))
    return bytes(data)


@pytest.mark.parametrize(
    ("opcode", "offset", "value", "text"),
    [
        (Opcode.CHUNK, 9, 99, "chunk at byte {}: start 100, but the chunk says 99"),
        (Opcode.CHUNK, 17, 201, "chunk at byte {}: end 200, but the chunk says 201"),
        (Opcode.CHUNK, 25, 1, "chunk at byte {}: bytes 109, but the chunk says 1"),
        (Opcode.MESSAGE_INDEX, 15, 99, "the message index of channel 1 at byte {} does not match the chunk"),
        (Opcode.MESSAGE_INDEX, 23, 99, "the message index of channel 1 at byte {} does not match the chunk"),
        (Opcode.STATISTICS, 9, 99, "statistics: message_count is 3, but the summary says 99"),
        (Opcode.STATISTICS, 35, 99, "statistics: message_start_time is 100, but the summary says 99"),
        (Opcode.CHUNK_INDEX, 25, 99, "the index of chunk 0 (byte 99) does not match the data"),
        (Opcode.CHUNK_INDEX, 33, 99, "the index of chunk 0 (byte "),
        (Opcode.METADATA_INDEX, 9, 99, "the index of metadata 'rosbag2' does not match the data"),
        (Opcode.SUMMARY_OFFSET, 10, 99, "the offsets in the summary do not match its records"),
        (Opcode.FOOTER, 17, 99, "footer: summary_offset_start is "),
    ],
)
def test_one_altered_number(opcode: Opcode, offset: int, value: int, text: str) -> None:
    data = bytearray(written(MESSAGES))
    place = place_of(bytes(data), opcode)
    struct.pack_into("<Q", data, place + offset, value)
    _, faults, _ = checked(_with_crcs(data))
    assert any(fault.startswith(text.format(place)) for fault in faults), faults


def test_sequence_numbers() -> None:
    data = bytearray(written(MESSAGES))
    place = data.index(b"third") - 20
    struct.pack_into("<I", data, place, 7)
    _, faults, _ = checked(_with_crcs(data))
    assert faults == ["e: /topic0: message 1 has the sequence number 7"]


def test_an_invalid_record_in_a_chunk() -> None:
    for value, text in ((4, "unexpected record CHANNEL of 27 bytes"), (200, "of the unknown kind 200")):
        data = bytearray(written(MESSAGES))
        data[data.index(b"first") - 31] = value
        _, faults, _ = checked(bytes(data), in_full=False)
        assert text in faults[0]


def test_a_compressed_chunk_is_refused() -> None:
    data = written(MESSAGES)
    place = place_of(data, Opcode.CHUNK)
    (length,) = struct.unpack_from("<Q", data, place + 1)
    chunk = (
        data[place + 9 : place + 37] + struct.pack("<I", 4) + b"zstd" + data[place + 41 : place + 9 + length]
    )
    altered = data[:place] + struct.pack("<BQ", Opcode.CHUNK, len(chunk)) + chunk + data[place + 9 + length :]
    _, faults, _ = checked(altered, in_full=False)
    assert "it is compressed ('zstd'), which odyssey-dataset does not do" in faults[0]


def test_the_check_can_be_ended() -> None:
    class Ended(Exception):  # noqa: N818
        pass

    calls = []

    def raise_if_stopped() -> None:
        calls.append(None)
        if len(calls) > 5:
            raise Ended

    check = McapCheck(io.BytesIO(written(MESSAGES)), 1 << 20, Findings("e"), raise_if_stopped)
    with pytest.raises(Ended):
        list(check.messages())
