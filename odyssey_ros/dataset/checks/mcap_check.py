"""Reads the MCAP file of a bag in one pass, and checks its structure against the specification.

The file is read from its beginning to its end: nothing that the summary says is used to find a message. What
the indexes and the summary say is compared with what the file contains.

Memory holds one chunk, and 16 bytes for each chunk.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, TypeVar

from mcap import records
from mcap.opcode import Opcode

from odyssey_ros.dataset.checks.findings import quoted
from odyssey_ros.dataset.checks.mcap_records import HEAD, BrokenFileError, RecordReader, opcode_name
from odyssey_ros.dataset.checks.mcap_summary import BagContents, SummaryCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odyssey_ros.dataset.checks.findings import Findings
    from odyssey_ros.dataset.checks.mcap_records import RawRecord

_MESSAGE_HEAD: Final = struct.Struct("<HIQQ")  # channel, sequence number, log time, publish time
_MAX_TABLE: Final = 1000  # schemas, channels or metadata records
_AT_END: Final = "the writer did not close it, or it is cut off"

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class BagMessage(NamedTuple):
    """A message of a bag.

    Attributes:
        topic: The topic.
        number: Number of the message on its topic, from 0.
        log_time_ns: Log time in nanoseconds.
        publish_time_ns: Publish time in nanoseconds.
        data: The message, CDR.
    """

    topic: str
    number: int
    log_time_ns: int
    publish_time_ns: int
    data: memoryview


class McapCheck:
    """Reads a file, and reports what contradicts the specification or the writer. For one thread.

    Args:
        file: The file, at its beginning.
        size: Size of the file in bytes.
        findings: Receives the faults.
        raise_if_stopped: Called before each block that is read. An exception that it raises ends the reading.

    Attributes:
        contents: What has been read so far.
    """

    def __init__(
        self,
        file: BinaryIO,
        size: int,
        findings: Findings,
        raise_if_stopped: Callable[[], None] = lambda: None,
    ) -> None:
        self.contents = BagContents(size)
        self._reader = RecordReader(file, size, raise_if_stopped)
        self._findings = findings
        self._summary = SummaryCheck(self.contents, self._fault)
        self._chunk: _ChunkFacts | None = None  # the chunk whose message indexes follow

    def messages(self) -> Iterator[BagMessage]:
        """Yield the messages in the order of the file, and check what is around them.

        If the file cannot be read further, that is a fault; the messages before the damage have been yielded.

        Raises:
            OSError: The disk failed.
        """
        try:
            yield from self._data_section()
            self._summary.read(self._reader)
            self.contents.complete = True
        except BrokenFileError as error:
            self._fault("a complete file", str(error))
        self._reader.skip_rest()  # the checksum in the manifest covers the rest too
        self.contents.crc32 = f"{self._reader.crc:08x}"

    def _data_section(self) -> Iterator[BagMessage]:
        if not self._reader.magic():
            raise BrokenFileError("it does not begin with the magic bytes of MCAP")
        header = self._reader.record(_AT_END)
        if header.opcode != Opcode.HEADER:
            raise BrokenFileError(f"the first record is {header.name} instead of HEADER")
        profile = header.parsed(records.Header.read).profile
        if profile != "ros2":
            self._fault("the profile", f"the profile is {quoted(profile)} instead of 'ros2'")
        while True:
            crc = self._reader.crc
            record = self._reader.record(_AT_END)
            if record.opcode != Opcode.MESSAGE_INDEX:
                self._close_chunk()
            if record.opcode == Opcode.DATA_END:
                self._check_data_crc(crc, record)
                return
            if record.opcode == Opcode.CHUNK:
                yield from self._chunk_messages(record)
            else:
                self._other(record)

    def _check_data_crc(self, crc: int, record: RawRecord) -> None:
        # The writer stores no CRC for a chunk: this one covers them all.
        stored = record.parsed(records.DataEnd.read).data_section_crc
        if stored != crc:
            self._fault(
                "the CRC of the data section",
                f"the CRC of the data section is {crc:08x}, but the file says {stored:08x}",
            )

    def _other(self, record: RawRecord) -> None:
        contents = self.contents
        if record.opcode == Opcode.SCHEMA:
            schema = record.parsed(records.Schema.read)
            _add(contents.schemas, schema.id, schema, "schema")
        elif record.opcode == Opcode.CHANNEL:
            channel = record.parsed(records.Channel.read)
            if channel.schema_id not in contents.schemas:
                raise BrokenFileError(f"channel {channel.id} has no schema ({channel.schema_id})")
            _add(contents.channels, channel.id, channel, "channel")
            contents.counts.setdefault(channel.id, 0)
        elif record.opcode == Opcode.MESSAGE_INDEX:
            self._message_index(record)
        elif record.opcode == Opcode.METADATA:
            metadata = record.parsed(records.Metadata.read)
            _add(contents.metadata, metadata.name, metadata.metadata, "metadata record")
            contents.metadata_places.append((record.offset, record.end - record.offset, metadata.name))
        else:
            self._fault("the kinds of records", f"unexpected record {record.name} at byte {record.offset}")

    def _chunk_messages(self, record: RawRecord) -> Iterator[BagMessage]:
        chunk = record.parsed(records.Chunk.read)
        place = f"chunk at byte {record.offset}"
        if chunk.compression:
            raise BrokenFileError(
                f"{place}: it is compressed ({quoted(chunk.compression)}), which odyssey-dataset does not do"
            )
        data = memoryview(chunk.data)
        self._compare("the size of a chunk", place, "bytes", len(data), chunk.uncompressed_size)
        if chunk.uncompressed_crc:
            self._compare("the CRC of a chunk", place, "CRC", zlib.crc32(data), chunk.uncompressed_crc)
        facts = _ChunkFacts(record.offset, record.end, len(data))
        start = 0
        while start < len(data):
            opcode, length = (
                HEAD.unpack_from(data, start) if start + HEAD.size <= len(data) else (0, len(data))
            )
            end = start + HEAD.size + length
            if end > len(data):
                raise BrokenFileError(f"{place}: a record ends outside of its chunk")
            if opcode != Opcode.MESSAGE or length < _MESSAGE_HEAD.size:
                raise BrokenFileError(f"{place}: unexpected record {opcode_name(opcode)} of {length} bytes")
            yield self._message(data[start + HEAD.size : end], start, facts)
            start = end
        self._compare("the times of a chunk", place, "start", facts.start_ns, chunk.message_start_time)
        self._compare("the times of a chunk", place, "end", facts.end_ns, chunk.message_end_time)
        self._chunk = facts

    def _message(self, record: memoryview, start: int, facts: _ChunkFacts) -> BagMessage:
        contents = self.contents
        channel_id, sequence, log_ns, publish_ns = _MESSAGE_HEAD.unpack_from(record)
        channel = contents.channels.get(channel_id)
        if channel is None:
            raise BrokenFileError(f"a message has the channel {channel_id}, which the file does not have")
        number = contents.counts[channel_id]
        contents.counts[channel_id] = number + 1
        if sequence != number & 0xFFFFFFFF:
            self._findings.fault(
                "the sequence numbers",
                f"message {number} has the sequence number {sequence}",
                topic=channel.topic,
            )
        contents.start_ns = log_ns if contents.start_ns is None else min(contents.start_ns, log_ns)
        contents.end_ns = log_ns if contents.end_ns is None else max(contents.end_ns, log_ns)
        facts.add(channel_id, log_ns, start)
        return BagMessage(channel.topic, number, log_ns, publish_ns, record[_MESSAGE_HEAD.size :])

    def _message_index(self, record: RawRecord) -> None:
        index = record.parsed(records.MessageIndex.read)
        chunk = self._chunk
        if chunk is None:
            raise BrokenFileError(f"the message index at byte {record.offset} belongs to no chunk")
        if index.channel_id in chunk.index_offsets or index.records != chunk.places.get(index.channel_id):
            self._fault(
                "the message indexes",
                f"the message index of channel {index.channel_id} at byte {record.offset} does not match the "
                f"chunk at byte {chunk.offset}",
            )
        chunk.index_offsets[index.channel_id] = record.offset
        chunk.indexes_end = record.end

    def _close_chunk(self) -> None:
        """Check that each channel in the last chunk had an index; tell the summary about the chunk."""
        chunk, self._chunk = self._chunk, None
        if chunk is None:
            return
        missing = chunk.places.keys() - chunk.index_offsets.keys()
        if missing:
            self._fault(
                "the message indexes",
                f"the chunk at byte {chunk.offset} has no message index of {len(missing)} of its channels",
            )
        self._summary.expect_chunk(
            records.ChunkIndex(
                chunk_length=chunk.end - chunk.offset,
                chunk_start_offset=chunk.offset,
                compression="",
                compressed_size=chunk.size,
                message_end_time=chunk.end_ns,
                message_index_length=chunk.indexes_end - chunk.end,
                message_index_offsets=chunk.index_offsets,
                message_start_time=chunk.start_ns,
                uncompressed_size=chunk.size,
            )
        )

    def _compare(self, rule: str, place: str, what: str, found: int, said: int) -> None:
        if found != said:
            self._fault(rule, f"{place}: {what} {found}, but the chunk says {said}")

    def _fault(self, rule: str, text: str) -> None:
        self._findings.fault(rule, f"MCAP file: {text}")


class _ChunkFacts:
    """What was found in a chunk: what its indexes must say."""

    def __init__(self, offset: int, end: int, size: int) -> None:
        self.offset = offset
        self.end = self.indexes_end = end
        self.size = size
        self.start_ns = self.end_ns = 0
        self.places: dict[int, list[tuple[int, int]]] = {}
        self.index_offsets: dict[int, int] = {}

    def add(self, channel_id: int, log_ns: int, start: int) -> None:
        """Add the message that starts at a place in the chunk."""
        self.start_ns = min(self.start_ns, log_ns) if self.places else log_ns
        self.end_ns = max(self.end_ns, log_ns)
        self.places.setdefault(channel_id, []).append((log_ns, start))


def _add(table: dict[_Key, _Value], key: _Key, value: _Value, what: str) -> None:
    if table.setdefault(key, value) != value:
        raise BrokenFileError(f"two different records are the {what} {quoted(key)}")
    if len(table) > _MAX_TABLE:
        raise BrokenFileError(f"it has more than {_MAX_TABLE} records of the kind {what}")
