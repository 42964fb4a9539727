"""Compares the summary of an MCAP file with the data of the file."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mcap import records
from mcap.opcode import Opcode

from odyssey_ros.dataset.checks.findings import quoted
from odyssey_ros.dataset.checks.mcap_records import HEAD, BrokenFileError

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.dataset.checks.mcap_records import RawRecord, RecordReader

_DIGEST_BYTES: Final = 16
_AT_END: Final = "the summary is cut off"
_KINDS: Final = (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.STATISTICS, Opcode.CHUNK_INDEX, Opcode.METADATA_INDEX)


@dataclass(slots=True)
class BagContents:
    """What has been read of a file.

    Attributes:
        size: Size of the file in bytes.
        crc32: CRC-32 of the file, as eight hexadecimal digits; empty before the end of the reading.
        schemas: The schemas by id.
        channels: The channels by id.
        counts: Number of messages of each channel.
        start_ns: Log time of the earliest message; None without messages.
        end_ns: Log time of the latest message; None without messages.
        metadata: The metadata records by name.
        metadata_places: Offset, length and name of each metadata record.
        complete: Whether the file could be read to its end.
    """

    size: int
    crc32: str = ""
    schemas: dict[int, records.Schema] = field(default_factory=dict)
    channels: dict[int, records.Channel] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    start_ns: int | None = None
    end_ns: int | None = None
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    metadata_places: list[tuple[int, int, str]] = field(default_factory=list)
    complete: bool = False


class SummaryCheck:
    """Reads the summary. For one thread, and one file.

    Args:
        contents: What has been read of the data.
        fault: Receives a rule and a text for each fault.
    """

    def __init__(self, contents: BagContents, fault: Callable[[str, str], None]) -> None:
        self._contents = contents
        self._fault = fault
        # Digests: a raw bag has an index for each picture, and objects would need ten times the memory.
        self._chunks = bytearray()
        self._counts: Counter[int] = Counter()
        self._statistics: records.Statistics | None = None

    def expect_chunk(self, index: records.ChunkIndex) -> None:
        """Add the index that the summary must have of the next chunk."""
        self._chunks += _digest(index)

    def read(self, reader: RecordReader) -> None:
        """Read the rest of a file whose data section has ended.

        Raises:
            BrokenFileError: The summary cannot be read.
            OSError: The disk failed.
        """
        start = reader.position
        reader.start_section()
        groups: dict[int, tuple[int, int]] = {}  # the first byte and the length of each kind
        offsets: list[tuple[int, int, int]] = []
        offsets_start = 0
        while True:
            crc = reader.section_crc
            record = reader.record(_AT_END)
            if record.opcode == Opcode.FOOTER:
                break
            if record.opcode == Opcode.SUMMARY_OFFSET:
                offsets_start = offsets_start or record.offset
                offset = record.parsed(records.SummaryOffset.read)
                offsets.append((int(offset.group_opcode), offset.group_start, offset.group_length))
                continue
            first = groups.get(record.opcode, (record.offset, 0))[0]
            groups[record.opcode] = (first, record.end - first)
            self._record(record)
        self._compare_counts()
        if offsets != [(opcode, *place) for opcode, place in groups.items()]:
            self._fault("the offsets of the summary", "the offsets in the summary do not match its records")
        self._footer(record, start, offsets_start, crc)
        if not reader.magic():
            raise BrokenFileError("it does not end with the magic bytes of MCAP: it is cut off")
        if reader.position != reader.size:
            self._fault(
                "the end of the file",
                f"{reader.size - reader.position} bytes follow the end of the MCAP data",
            )

    def _record(self, record: RawRecord) -> None:
        number = self._counts[record.opcode]
        self._counts[record.opcode] += 1
        if record.opcode == Opcode.SCHEMA:
            schema = record.parsed(records.Schema.read)
            self._same("schema", self._contents.schemas.get(schema.id), schema)
        elif record.opcode == Opcode.CHANNEL:
            channel = record.parsed(records.Channel.read)
            self._same("channel", self._contents.channels.get(channel.id), channel)
        elif record.opcode == Opcode.STATISTICS:
            self._statistics = record.parsed(records.Statistics.read)
        elif record.opcode == Opcode.CHUNK_INDEX:
            index = record.parsed(records.ChunkIndex.read)
            if _digest(index) != self._chunks[number * _DIGEST_BYTES : (number + 1) * _DIGEST_BYTES]:
                self._fault(
                    "the chunk indexes",
                    f"the index of chunk {number} (byte {index.chunk_start_offset}) does not match the data",
                )
        elif record.opcode == Opcode.METADATA_INDEX:
            found = record.parsed(records.MetadataIndex.read)
            if (found.offset, found.length, found.name) not in self._contents.metadata_places:
                self._fault(
                    "the metadata indexes",
                    f"the index of metadata {quoted(found.name)} does not match the data",
                )
        else:
            self._fault("the kinds of records", f"unexpected record {record.name} at byte {record.offset}")

    def _compare_counts(self) -> None:
        contents = self._contents
        chunks = len(self._chunks) // _DIGEST_BYTES
        metadata = len(contents.metadata_places)
        expected = (len(contents.schemas), len(contents.channels), 1, chunks, metadata)
        for opcode, count in zip(_KINDS, expected, strict=True):
            if self._counts[opcode] != count:
                self._fault(
                    "the records of the summary",
                    f"the summary has {self._counts[opcode]} records {opcode.name} instead of {count}",
                )
        if self._statistics is None:
            return
        statistics = records.Statistics(
            attachment_count=0,
            channel_count=len(contents.channels),
            channel_message_counts=_without_zeros(contents.counts),
            chunk_count=chunks,
            message_count=sum(contents.counts.values()),
            message_end_time=contents.end_ns or 0,
            message_start_time=contents.start_ns or 0,
            metadata_count=metadata,
            schema_count=len(contents.schemas),
        )
        # A channel without messages may be left out.
        counts = _without_zeros(self._statistics.channel_message_counts)
        self._statistics.channel_message_counts = counts
        self._same("statistics", statistics, self._statistics)

    def _footer(self, record: RawRecord, start: int, offsets_start: int, crc: int) -> None:
        footer = record.parsed(records.Footer.read)
        # The CRC of the summary covers the footer up to the CRC itself.
        crc = zlib.crc32(record.body[:16], zlib.crc32(HEAD.pack(record.opcode, len(record.body)), crc))
        expected = records.Footer(start, offsets_start, crc)
        self._same("footer", expected, footer)

    def _same(self, what: str, expected: records.McapRecord | None, found: records.McapRecord) -> None:
        """Report each field of a record of the summary that differs from the data."""
        if expected is None:
            self._fault(f"the {what} of the summary", f"the summary has a {what} that the data does not have")
            return
        for name, value in vars(expected).items():
            said = getattr(found, name)
            if said != value:
                self._fault(
                    f"the {what} of the summary",
                    f"{what}: {name} is {quoted(value)}, but the summary says {quoted(said)}",
                )


def _without_zeros(counts: dict[int, int]) -> dict[int, int]:
    return {channel: count for channel, count in counts.items() if count}


def _digest(index: records.ChunkIndex) -> bytes:
    values = [sorted(value.items()) if isinstance(value, dict) else value for value in vars(index).values()]
    return hashlib.blake2b(repr(values).encode(), digest_size=_DIGEST_BYTES).digest()
