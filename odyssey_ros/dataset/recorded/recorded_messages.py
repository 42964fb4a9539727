"""Reads the messages of one file of a recorded bag, in the order of the file: MCAP or SQLite.

MCAP files are read from front to back with the `mcap` library, one chunk at a time, so a file without a
summary can be read, and so can one whose end is missing. The reader of rosbags needs the summary, and has no
limits. It reads the SQLite databases here. metadata.yaml is not used: the kind of a file and the compression
of files and messages follow from their first bytes.
"""

from __future__ import annotations

import io
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, cast

import zstandard
from mcap.exceptions import EndOfFile, McapError
from mcap.reader import SeekingReader
from mcap.records import Channel, Chunk, DataEnd, Message, Schema
from mcap.stream_reader import StreamReader

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.regular_file import RegularFileError, open_regular_file
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.reading.message_reader import definition_differs
from odyssey_ros.dataset.recorded.decompression import (
    ZSTD_MAGIC,
    CompressionError,
    chunk_content,
    unzstd,
    unzstd_file,
)
from odyssey_ros.dataset.recorded.sqlite_files import database_messages, unpacked_database

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterator
    from pathlib import Path

_MCAP_MAGIC: Final = b"\x89MCAP0\r\n"
_SQLITE_MAGIC: Final = b"SQLite format 3\x00"
_MAX_RECORD_BYTES: Final = 256 * 1024 * 1024
_MAX_CHANNELS: Final = 100_000

# What the library raises for bytes that are no MCAP file.
_PARSE_ERRORS: Final = (
    *(McapError, struct.error, LookupError, ValueError, OverflowError, MemoryError),
    zstandard.ZstdError,
)

_CUT_OFF: Final = "its compression is damaged, or its end is missing"


class RecordedMessage(NamedTuple):
    """A message of a recorded bag: its topic, its type, and the CDR data."""

    topic: str
    type_name: str
    data: bytes


def recorded_messages(
    path: Path,
    scratch: Path,
    losses: Counter[Loss],
    *,
    types: Collection[str],
    topics: Collection[str] | None = None,
    known: dict[str, str] | None = None,
) -> Iterator[RecordedMessage]:
    """Yield the messages of a file, in the order of the file. Blocks; memory does not grow with the file.

    Args:
        path: The file.
        scratch: Folder for the content of a compressed database; it must exist.
        losses: Where unknown definitions, damaged parts and a missing end are counted.
        types: The types to read. A topic of a type whose definition in the file differs is not read.
        topics: The topics to read; None for all.
        known: Where the topics of the file are stored with their types, also those that are not read.

    Raises:
        EpisodeError: The file is no bag, or none of it can be read (`BAG_BROKEN`), or a compressed database
            does not fit on the disk (`DISK_FULL`).
    """
    selection = _Selection(types, topics, losses, {} if known is None else known)
    try:
        with open_regular_file(path) as raw:
            file = io.BufferedReader(cast("io.RawIOBase", raw), 1 << 20)
            magic = file.peek(16)[:16]
            if magic.startswith(ZSTD_MAGIC):
                with unzstd_file(file) as content:
                    magic = content.peek(16)[:16]
                    if magic.startswith(_MCAP_MAGIC):
                        yield from _mcap_messages(path, content, selection, has_end=False)
                        return
                    if magic == _SQLITE_MAGIC:
                        with unpacked_database(content, scratch, path.name) as database:
                            yield from _database_messages(database, path, selection)
                        return
                    if not magic:
                        raise unreadable_bag(path, _CUT_OFF)
            if magic.startswith(_MCAP_MAGIC):
                yield from _mcap_messages(path, file, selection)
                return
        if magic == _SQLITE_MAGIC:
            yield from _database_messages(path, path, selection)
            return
    except RegularFileError as error:
        raise unreadable_bag(path, error.reason) from error
    except OSError as error:
        raise unreadable_bag(path, error.strerror or type(error).__name__) from error
    except zstandard.ZstdError as error:
        raise unreadable_bag(path, _CUT_OFF) from error
    reason = "it is no MCAP file and no SQLite database" if magic else "it is empty"
    raise unreadable_bag(path, reason)


def unreadable_bag(path: Path, reason: str) -> EpisodeError:
    """Return the error of a recorded file that cannot be read."""
    return EpisodeError(ErrorCode.BAG_BROKEN, f"{clean_text(str(path))} cannot be read: {reason}")


class _Selection:
    """Which topics are read, and what is known of them."""

    def __init__(
        self,
        types: Collection[str],
        topics: Collection[str] | None,
        losses: Counter[Loss],
        known: dict[str, str],
    ) -> None:
        self.losses = losses
        self._types = types
        self._topics = topics
        self._known = known
        self._refused: set[str] = set()

    def takes(self, topic: str, type_name: str, encoding: str, definition: bytes) -> bool:
        if len(self._known) < _MAX_CHANNELS:
            self._known[topic] = type_name
        if type_name not in self._types or (self._topics is not None and topic not in self._topics):
            return False
        # Databases of Humble have no definitions, and a recorder may store IDL: the messages tell then.
        if encoding == "ros2msg" and definition and definition_differs(type_name, encoding, definition):
            if topic not in self._refused:
                self._refused.add(topic)
                self.losses[Loss.UNKNOWN_DEFINITIONS] += 1
            return False
        return True

    def message(self, topic: str, type_name: str, data: bytes) -> Iterator[RecordedMessage]:
        if data.startswith(ZSTD_MAGIC):  # CDR begins with a zero
            try:
                data = unzstd(data)
            except CompressionError:
                self.losses[Loss.UNREADABLE_MESSAGES] += 1
                return
        yield RecordedMessage(topic, type_name, data)


def _mcap_messages(
    path: Path, file: BinaryIO, selection: _Selection, *, has_end: bool = True
) -> Iterator[RecordedMessage]:
    """Yield the messages of an MCAP file; `has_end` tells whether the file can be read from its end."""
    # Chunks are broken up here, within limits.
    records = StreamReader(
        cast("io.BufferedReader", file), emit_chunks=True, record_size_limit=_MAX_RECORD_BYTES
    ).records
    channels = _Channels(selection)
    begun = learned = False
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except _PARSE_ERRORS as error:
            if not begun:
                raise unreadable_bag(path, "it is damaged, or its first part is missing") from error
            selection.losses[Loss.CUT_OFF_BAGS] += 1
            return
        begun = True
        if isinstance(record, DataEnd):
            return
        if not isinstance(record, Chunk):
            yield from channels.message(record)
            continue
        try:
            content = chunk_content(record)
        except CompressionError:
            selection.losses[Loss.DAMAGED_CHUNKS] += 1
            if not learned and has_end:
                learned = True
                _learn_channels(file, channels)
            continue
        del record
        inner = StreamReader(
            io.BytesIO(content), skip_magic=True, record_size_limit=_MAX_RECORD_BYTES
        ).records
        with _end_of_chunk(selection.losses):
            for each in inner:
                yield from channels.message(each)


def _learn_channels(file: BinaryIO, channels: _Channels) -> None:
    """Read the channels in the summary of a file: a damaged chunk may have been the one that defines them."""
    place = file.tell()
    file.seek(0)
    try:
        summary = SeekingReader(file, record_size_limit=_MAX_RECORD_BYTES).get_summary()
        for record in () if summary is None else (*summary.schemas.values(), *summary.channels.values()):
            for _ in channels.message(record):
                pass
    except _PARSE_ERRORS:
        return  # there is no summary
    finally:
        file.seek(place)


@contextmanager
def _end_of_chunk(losses: Counter[Loss]) -> Iterator[None]:
    """Return a context for reading the records of a chunk, which have no footer."""
    try:
        yield
    except EndOfFile:
        return
    except _PARSE_ERRORS:
        losses[Loss.DAMAGED_CHUNKS] += 1


class _Channels:
    """The channels of an MCAP file that are read."""

    def __init__(self, selection: _Selection) -> None:
        self._selection = selection
        self._schemas: dict[int, Schema] = {}
        self._taken: dict[int, tuple[str, str] | None] = {}

    def message(self, record: object) -> Iterator[RecordedMessage]:
        if isinstance(record, Message):
            taken = self._taken.get(record.channel_id)
            if taken is not None:
                yield from self._selection.message(*taken, record.data)
        elif isinstance(record, Schema):
            if len(self._schemas) < _MAX_CHANNELS:
                self._schemas[record.id] = record
        elif isinstance(record, Channel) and record.id not in self._taken:
            schema = self._schemas.get(record.schema_id)
            taken = None
            if (
                schema is not None
                and record.message_encoding == "cdr"
                and self._selection.takes(record.topic, schema.name, schema.encoding, schema.data)
            ):
                taken = record.topic, schema.name
            self._taken[record.id] = taken


def _database_messages(database: Path, path: Path, selection: _Selection) -> Iterator[RecordedMessage]:
    begun = False
    with database_messages(database, selection.takes) as messages:
        while True:
            try:
                found = next(messages, None)
            except ValueError as error:
                if not begun:
                    raise unreadable_bag(path, str(error)) from error
                selection.losses[Loss.CUT_OFF_BAGS] += 1
                return
            if found is None:
                return
            begun = True
            yield from selection.message(*found)
