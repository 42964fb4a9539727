"""Reads the SQLite databases of rosbag2 with rosbags, which knows all versions of their tables."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import apsw
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag2 import Reader, ReaderError

from odyssey_ros.dataset.downloading.disk_space import DISK_SPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLOCK: Final = 16 * 1024 * 1024
_MAX_HEAP: Final = 512 * 1024 * 1024  # of SQLite: a row may be computed, and larger than the file
_ERRORS: Final = (
    *(ReaderError, apsw.Error, sqlite3.Error, AssertionError, LookupError, TypeError, ValueError),
    MemoryError,
)
_OF_URIS: Final = frozenset("?#%")  # rosbags puts the path into a URI as it is


@contextmanager
def database_messages(
    path: Path, takes: Callable[[str, str, str, bytes], bool]
) -> Iterator[Iterator[tuple[str, str, bytes]]]:
    """Return an iterator over the messages of a database, in order of time: topic, type, data. A context.

    Args:
        path: The database. A log of a killed recorder beside it (`-wal`) is applied to a copy.
        takes: Called with topic, type, encoding and text of the definition of each topic; returns whether it
            is read. The encoding is empty if the database does not have the definition.

    Raises:
        ValueError: Raised by the iterator: the database is damaged, from here on or as a whole.
    """
    with ExitStack() as stack:
        yield _messages(path, takes, stack)


@contextmanager
def unpacked_database(content: BinaryIO, scratch: Path, name: str) -> Iterator[Path]:
    """Write the content of a compressed database to a file, as a context; the file is removed at its end.

    Args:
        content: The decompressed content.
        scratch: The folder, which must exist; space stays free on its disk.
        name: Name of the compressed file, for the error.

    Raises:
        EpisodeError: The disk has no room (`DISK_FULL`).
        OSError: The file cannot be written.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="database-") as folder:
        path = Path(folder) / "bag.db3"
        with path.open("xb") as file:
            while block := content.read(_BLOCK):
                DISK_SPACE.check(scratch, len(block), f"the content of {name}")
                file.write(block)
        yield path


def _messages(
    path: Path, takes: Callable[[str, str, str, bytes], bool], stack: ExitStack
) -> Iterator[tuple[str, str, bytes]]:
    try:
        apsw.hard_heap_limit(_MAX_HEAP)
        reader = stack.enter_context(Reader(_readable(path, stack)))
        connections = []
        for each in reader.connections:
            known = each.msgdef.format is MessageDefinitionFormat.MSG
            text = each.msgdef.data.encode("utf-8", "replace") if known else b""
            if takes(each.topic, each.msgtype, "ros2msg" if known else "", text):
                connections.append(each)
        if connections:
            for connection, _, data in reader.messages(connections):
                yield connection.topic, connection.msgtype, bytes(data)
    except _ERRORS as error:
        raise ValueError("the database is damaged, or its end is missing") from error


def _readable(path: Path, stack: ExitStack) -> Path:
    """Return a path that rosbags can open: of a link, or of a copy with the log of a killed recorder."""
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    if not has_log and path.suffix == ".db3" and _OF_URIS.isdisjoint(str(path.absolute())):
        return path
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="odyssey-bag-")))
    link = folder / "bag.db3"
    if not has_log:
        link.symlink_to(path.absolute())
        return link
    DISK_SPACE.check(folder, path.stat().st_size + log.stat().st_size, f"a copy of {path.name}")
    shutil.copyfile(path, link)
    shutil.copyfile(log, folder / "bag.db3-wal")
    connection = sqlite3.connect(link)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return link
