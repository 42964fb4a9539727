"""An MCAP writer that does not copy the messages.

The libraries that write MCAP copy a message three to five times. For raw pictures that costs more than
decoding. Here a chunk is a list of buffers that are written one after another. The small records come from
the `mcap` library. The layout is that of the specification (mcap.dev/spec): a header, schemas and channels,
chunks, each followed by its message indexes, and a summary.
"""

from __future__ import annotations

import struct
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import (
    Channel,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    MessageIndex,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from typing_extensions import Buffer

_MAGIC: Final = b"\x89MCAP0\r\n"
_MESSAGE: Final = struct.Struct("<BQHIQQ")  # opcode, length, channel, sequence, log time, publish time
_CHUNK: Final = struct.Struct("<BQQQQIIQ")  # opcode, length, start, end, size, crc, no compression, size

CHUNK_BYTES: Final = 1 << 20
"""The message with which a chunk reaches this size closes the chunk, as in rosbag2 by default."""


@dataclass(slots=True)
class _OpenChunk:
    pieces: list[Buffer] = field(default_factory=list)
    size: int = 0
    start_ns: int = 0
    end_ns: int = 0
    offsets: defaultdict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))


class McapFile:
    """Writes one MCAP file; `finish` completes it. Not thread-safe.

    Args:
        file: The file, at its beginning. The caller closes it.
        library: Name of the writing library in the header.

    Attributes:
        size: Bytes written so far.
        crc32: CRC-32 of the bytes written so far.
    """

    def __init__(self, file: BinaryIO, *, library: str) -> None:
        self.size = 0
        self.crc32 = 0
        self._file = file
        self._schemas: list[Schema] = []
        self._channels: list[Channel] = []
        self._chunk = _OpenChunk()
        # Stored as bytes. There is one index for each raw picture, and objects would need ten times the
        # memory.
        self._chunk_indexes = bytearray()
        self._chunks = 0
        self._first_ns: int | None = None
        self._last_ns = 0
        self._counts: defaultdict[int, int] = defaultdict(int)
        self._sequences: defaultdict[int, int] = defaultdict(int)
        self._put([_MAGIC, _encoded(Header(profile="ros2", library=library))])

    def add_schema(self, name: str, encoding: str, data: bytes) -> int:
        """Write a schema and return its id."""
        schema = Schema(id=len(self._schemas) + 1, name=name, encoding=encoding, data=data)
        self._schemas.append(schema)
        self._put([_encoded(schema)])
        return schema.id

    def add_channel(self, topic: str, schema_id: int, metadata: Mapping[str, str]) -> int:
        """Write a channel of CDR messages and return its id."""
        channel = Channel(
            id=len(self._channels) + 1,
            topic=topic,
            message_encoding="cdr",
            metadata=dict(metadata),
            schema_id=schema_id,
        )
        self._channels.append(channel)
        self._put([_encoded(channel)])
        return channel.id

    def write(self, channel_id: int, time_ns: int, message: Sequence[Buffer]) -> None:
        """Add a message.

        Args:
            channel_id: The result of `add_channel`.
            time_ns: Log time and publish time, in nanoseconds.
            message: The message as buffers, written one after another. They are kept until the chunk is full,
                and must not change before.

        Raises:
            OSError: The file cannot be written.
        """
        chunk = self._chunk
        length = sum(memoryview(part).nbytes for part in message)
        head = _MESSAGE.pack(
            Opcode.MESSAGE,
            _MESSAGE.size - 9 + length,
            channel_id,
            self._sequences[channel_id],
            time_ns,
            time_ns,
        )
        self._sequences[channel_id] += 1
        self._counts[channel_id] += 1
        if not chunk.pieces:
            chunk.start_ns = chunk.end_ns = time_ns
        chunk.start_ns = min(chunk.start_ns, time_ns)
        chunk.end_ns = max(chunk.end_ns, time_ns)
        chunk.offsets[channel_id].append((time_ns, chunk.size))
        chunk.pieces += (head, *message)
        chunk.size += len(head) + length
        if chunk.size >= CHUNK_BYTES:
            self._close_chunk()

    def finish(self, metadata: Mapping[str, Mapping[str, str]]) -> None:
        """Write the pending chunk, the metadata records (name to fields) and the summary.

        Raises:
            OSError: The file cannot be written.
        """
        if self._chunk.pieces:
            self._close_chunk()
        metadata_indexes: list[MetadataIndex] = []
        for name, fields in metadata.items():
            record = _encoded(Metadata(name=name, metadata=dict(fields)))
            metadata_indexes.append(MetadataIndex(offset=self.size, length=len(record), name=name))
            self._put([record])
        self._put([_encoded(DataEnd(data_section_crc=self.crc32))])

        start = self.size
        groups: list[tuple[Opcode, bytes | bytearray]] = [
            (Opcode.SCHEMA, _encoded(*self._schemas)),
            (Opcode.CHANNEL, _encoded(*self._channels)),
            (Opcode.STATISTICS, _encoded(self._statistics(len(metadata_indexes)))),
            (Opcode.CHUNK_INDEX, self._chunk_indexes),
            (Opcode.METADATA_INDEX, _encoded(*metadata_indexes)),
        ]
        summary = bytearray()
        offsets: list[SummaryOffset] = []
        for opcode, records in groups:
            if records:
                offsets.append(SummaryOffset(opcode, start + len(summary), len(records)))
                summary += records
        offset_start = start + len(summary)
        summary += _encoded(*offsets)
        # The CRC of the summary covers the footer up to the CRC itself.
        footer_start = struct.pack("<BQQQ", Opcode.FOOTER, 20, start, offset_start)
        footer = Footer(start, offset_start, summary_crc=zlib.crc32(footer_start, zlib.crc32(summary)))
        self._put([summary, _encoded(footer), _MAGIC])

    def _statistics(self, metadata_count: int) -> Statistics:
        return Statistics(
            attachment_count=0,
            channel_count=len(self._channels),
            channel_message_counts=dict(self._counts),
            chunk_count=self._chunks,
            message_count=sum(self._counts.values()),
            message_end_time=self._last_ns,
            message_start_time=self._first_ns or 0,
            metadata_count=metadata_count,
            schema_count=len(self._schemas),
        )

    def _close_chunk(self) -> None:
        chunk, self._chunk = self._chunk, _OpenChunk()
        start = self.size
        # The chunk has no CRC: the CRC of the data section covers it, and a second pass over a picture is
        # slow.
        head = _CHUNK.pack(
            Opcode.CHUNK,
            _CHUNK.size - 9 + chunk.size,
            chunk.start_ns,
            chunk.end_ns,
            chunk.size,
            0,
            0,
            chunk.size,
        )
        self._put([head, *chunk.pieces])
        end = self.size
        index_offsets: dict[int, int] = {}
        for channel_id, records in chunk.offsets.items():
            index_offsets[channel_id] = self.size
            self._put([_encoded(MessageIndex(channel_id, records))])
        self._chunk_indexes += _encoded(
            ChunkIndex(
                chunk_length=end - start,
                chunk_start_offset=start,
                compression="",
                compressed_size=chunk.size,
                message_end_time=chunk.end_ns,
                message_index_length=self.size - end,
                message_index_offsets=index_offsets,
                message_start_time=chunk.start_ns,
                uncompressed_size=chunk.size,
            )
        )
        self._chunks += 1
        self._first_ns = chunk.start_ns if self._first_ns is None else min(self._first_ns, chunk.start_ns)
        self._last_ns = max(self._last_ns, chunk.end_ns)

    def _put(self, parts: Iterable[Buffer]) -> None:
        for part in parts:
            self._file.write(part)
            self.crc32 = zlib.crc32(part, self.crc32)
            self.size += memoryview(part).nbytes


def _encoded(*records: McapRecord) -> bytes:
    builder = RecordBuilder()
    for record in records:
        record.write(builder)
    data: bytes = builder.end()  # type: ignore[no-untyped-call]
    return data
