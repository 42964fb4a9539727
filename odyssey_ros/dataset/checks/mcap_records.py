"""Reads the records of an MCAP file one after another, whatever the file contains.

The `mcap` library parses the contents of a record. The frame around a record (opcode and length) is parsed
here, because the library trusts a length. This module shares no code with `mcap_file`, which writes the
files.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, TypeVar

from mcap.data_stream import ReadDataStream, RecordBuilder
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Chunk, McapRecord

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_RECORD_BYTES: Final = 256 * 1024 * 1024
"""Maximum size of a record. The largest records of the writer are a chunk with a picture of 27 MB."""

MAGIC: Final = b"\x89MCAP0\r\n"
"""The first and the last bytes of a file."""

HEAD: Final = struct.Struct("<BQ")
"""The opcode and the length of a record."""

_BLOCK: Final = 1 << 20

# What the parsers of the library raise for bytes that are no such record.
_PARSE_ERRORS: Final = (McapError, struct.error, ValueError, OverflowError, MemoryError)

_Record = TypeVar("_Record", bound=McapRecord)


class BrokenFileError(Exception):
    """A file cannot be read further. The text gives the reason."""


class RawRecord(NamedTuple):
    """A record that is not parsed yet.

    Attributes:
        offset: Place of its first byte in the file.
        opcode: Its kind.
        body: Its contents.
    """

    offset: int
    opcode: int
    body: bytes

    @property
    def end(self) -> int:
        """Place of the first byte after the record."""
        return self.offset + HEAD.size + len(self.body)

    @property
    def name(self) -> str:
        """Name of its kind."""
        return opcode_name(self.opcode)

    def parsed(self, read: Callable[[ReadDataStream], _Record]) -> _Record:
        """Parse the contents with the library.

        Args:
            read: The library's parser of this kind.

        Raises:
            BrokenFileError: The contents are no such record.
        """
        try:
            record = read(ReadDataStream(BytesIO(self.body)))
            whole = _chunk_is_whole(self.body) if isinstance(record, Chunk) else _encoded(record) == self.body
        except _PARSE_ERRORS as error:
            raise BrokenFileError(f"the record {self.name} at byte {self.offset} is damaged") from error
        if not whole:
            raise BrokenFileError(
                f"the record {self.name} at byte {self.offset} is damaged: its length is wrong"
            )
        return record


class RecordReader:
    """Reads a file from its beginning to its end.

    Args:
        file: The file, at its beginning.
        size: Size of the file in bytes.
        raise_if_stopped: Called before each block that is read. An exception that it raises ends the reading.

    Attributes:
        position: Number of bytes read so far.
        crc: CRC-32 of the bytes read so far.
        section_crc: CRC-32 of the bytes since `start_section`; 0 before.
    """

    def __init__(self, file: BinaryIO, size: int, raise_if_stopped: Callable[[], None]) -> None:
        self.position = 0
        self.size = size
        self.crc = 0
        self.section_crc = 0
        self._in_section = False
        self._file = file
        self._raise_if_stopped = raise_if_stopped

    def start_section(self) -> None:
        """Start the computation of `section_crc`."""
        self._in_section = True
        self.section_crc = 0

    def magic(self) -> bool:
        """Read the magic bytes; return whether they are right."""
        return self._read(len(MAGIC)) == MAGIC

    def record(self, at_end: str) -> RawRecord:
        """Read a record.

        Args:
            at_end: What it means that the file ends here, as a text.

        Raises:
            BrokenFileError: The file ends before the end of the record, or the record is too large.
            OSError: The disk failed.
        """
        offset = self.position
        head = self._read(HEAD.size)
        if len(head) < HEAD.size:
            raise BrokenFileError(f"it ends at byte {self.position}: {at_end}")
        opcode, length = HEAD.unpack(head)
        if length > self.size - self.position:
            raise BrokenFileError(
                f"it ends at byte {self.size}, but the record {opcode_name(opcode)} at byte {offset} has "
                f"{length} bytes: {at_end}"
            )
        if length > MAX_RECORD_BYTES:
            raise BrokenFileError(f"the record {opcode_name(opcode)} at byte {offset} has {length} bytes")
        body = self._read(length)
        if len(body) < length:
            raise BrokenFileError(f"it ends at byte {self.position}: {at_end}")
        return RawRecord(offset, opcode, body)

    def skip_rest(self) -> None:
        """Read up to the end of the file, for `crc`.

        Raises:
            OSError: The disk failed.
        """
        while self._read(_BLOCK):
            pass

    def _read(self, length: int) -> bytes:
        """Read `length` bytes; fewer only at the end of the file."""
        parts: list[bytes] = []
        while length:
            self._raise_if_stopped()
            part = self._file.read(min(length, _BLOCK))
            if not part:
                break
            length -= len(part)
            self.position += len(part)
            self.crc = zlib.crc32(part, self.crc)
            if self._in_section:
                self.section_crc = zlib.crc32(part, self.section_crc)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def opcode_name(opcode: int) -> str:
    """Return the name of a kind of records."""
    try:
        return Opcode(opcode).name
    except ValueError:
        return f"of the unknown kind {opcode}"


def _encoded(record: McapRecord) -> bytes:
    builder = RecordBuilder()
    record.write(builder)
    data: bytes = builder.end()  # type: ignore[no-untyped-call]
    return data[HEAD.size :]


def _chunk_is_whole(body: bytes) -> bool:
    """Return whether the records of a chunk fill the rest of it. A second encoding would copy a picture."""
    (name_length,) = struct.unpack_from("<I", body, 28)
    (data_length,) = struct.unpack_from("<Q", body, 32 + name_length)
    return bool(40 + name_length + data_length == len(body))
