"""Reads the messages of a bag that this package wrote, in the order of their stamps."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from mcap.exceptions import McapError
from mcap.reader import SeekingReader

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.regular_file import RegularFileError, open_regular_file
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_RECORD_BYTES: Final = 256 * 1024 * 1024
"""Maximum size of a record in a bag; the largest are chunks with one raw picture."""

# What the library raises for bytes that are no MCAP file.
_PARSE_ERRORS: Final = (McapError, struct.error, LookupError, ValueError, OverflowError, MemoryError)


class BagMessage(NamedTuple):
    """A message of a bag.

    Attributes:
        topic: Name of the topic, with its namespace.
        time_ns: Log time in nanoseconds since the epoch; it is the stamp.
        data: The message in CDR.
    """

    topic: str
    time_ns: int
    data: bytes


def bag_messages(path: Path, topics: Sequence[str]) -> Iterator[BagMessage]:
    """Yield the messages of some topics, in the order of their log times, then of the file. Blocks.

    One chunk of the file at a time is in memory.

    Args:
        path: The MCAP file.
        topics: The topics. The file must have all of them.

    Raises:
        EpisodeError: The file cannot be read, is damaged, or lacks a topic.
    """
    try:
        with open_regular_file(path) as file:
            reader = SeekingReader(
                # The library would wrap an unbuffered file several times, and lose what it read ahead.
                io.BufferedReader(cast("io.RawIOBase", file)),
                validate_crcs=True,
                record_size_limit=MAX_RECORD_BYTES,
            )
            summary = reader.get_summary()
            names = {} if summary is None else {each.topic for each in summary.channels.values()}
            missing = [topic for topic in topics if topic not in names]
            if missing:
                raise broken_bag(path, f"it has no topic {missing[0]}")
            for _, channel, message in reader.iter_messages(topics=list(topics)):
                yield BagMessage(channel.topic, message.log_time, message.data)
    except RegularFileError as error:
        raise broken_bag(path, error.reason) from error
    except OSError as error:
        raise broken_bag(path, error.strerror or str(error)) from error
    except _PARSE_ERRORS as error:
        raise broken_bag(path, "it is damaged, or no MCAP file") from error


def broken_bag(path: Path, reason: str) -> EpisodeError:
    """Return the error of a bag that cannot be read."""
    return EpisodeError(
        ErrorCode.BAG_BROKEN,
        f"{path} cannot be read: {reason}. To make the bag again, remove its folder and run the command that "
        "made it",
    )
