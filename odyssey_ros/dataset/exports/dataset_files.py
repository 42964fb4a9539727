"""Opens the files of an exported dataset, and reads bounded numbers of rows and columns of parquet tables.

Needs only PyArrow and NumPy.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from odyssey_ros.dataset.errors import ExportedDatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MAX_ROWS: Final = 4_000_000
"""Maximum number of rows that are read at once: 37 hours at 30 Hz."""

MAX_TEXT_BYTES: Final = 256 << 20
"""Maximum size of all texts of a column."""

_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
)
_MAX_FOOTER_STRING: Final = 16 << 20
_MAX_FOOTER_LIST: Final = 1_000_000


@contextmanager
def open_dataset_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file of a dataset as a context. Symbolic links are followed.

    Raises:
        ExportedDatasetError: There is no such file, or it is a pipe or a device, or it cannot be read.
    """
    try:
        # A device may act when it is opened, so that its type is checked before and after.
        _check_regular(path, path.stat().st_mode)
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        _check_regular(path, os.fstat(descriptor).st_mode)
        yield file


def read_dataset_file(path: Path, max_bytes: int) -> bytes:
    """Return the contents of a regular file.

    Raises:
        ExportedDatasetError: It cannot be read, or is larger than `max_bytes`.
    """
    with open_dataset_file(path) as file:
        try:
            data = bytearray()
            while len(data) <= max_bytes and (part := file.read(min(1 << 20, max_bytes + 1 - len(data)))):
                data += part
        except OSError as error:
            raise unreadable(path, error) from error
    if len(data) > max_bytes:
        raise damaged(path, f"it is larger than {max_bytes} bytes")
    return bytes(data)


class ParquetFile:
    """An open parquet file. For one thread at a time; no thread of PyArrow is used. A context.

    Args:
        path: The path, for errors.
        file: The open file.

    Attributes:
        group_rows: Number of rows of each row group.

    Raises:
        ExportedDatasetError: It is no parquet file.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._source = file
        with _errors_of(path):
            self._file = _parquet(file)
            metadata = self._file.metadata
            self.group_rows = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
            self._names = set(self._file.schema_arrow.names)
        if min(self.group_rows, default=0) < 0:
            raise damaged(path, "a row group has a negative number of rows")

    def __contains__(self, column: str) -> bool:
        """Return whether the file has a column."""
        return column in self._names

    def integers(self, column: str, groups: Sequence[int] | None = None) -> NDArray[np.int64]:
        """Return a column of whole numbers.

        Args:
            column: The name of the column.
            groups: The row groups; None for all.

        Raises:
            ExportedDatasetError: There is no such column, it has other values, or there are too many rows.
        """
        values = self._column(column, groups)
        if not pa.types.is_integer(values.type):
            raise damaged(self._path, f"the column {column} has no whole numbers")
        with _errors_of(self._path):
            numbers: NDArray[np.int64] = values.cast(pa.int64()).to_numpy()
        return numbers

    def reals(self, column: str, groups: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Return a column of finite numbers; see `integers`."""
        values = self._column(column, groups)
        if not pa.types.is_floating(values.type) and not pa.types.is_integer(values.type):
            raise damaged(self._path, f"the column {column} has no numbers")
        with _errors_of(self._path):
            numbers: NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
        if not np.isfinite(numbers).all():
            raise damaged(self._path, f"the column {column} has a number that is not finite")
        return numbers

    def different_texts(self, column: str) -> list[str]:
        """Return a column of texts, of which none occurs twice; see `integers`.

        Args:
            column: The name of the column.
        """
        if column in self._names:
            with _errors_of(self._path):  # a text that occurs often is in memory once
                self._file = _parquet(self._source, read_dictionary=[column])
        values = self._column(column, None)
        with _errors_of(self._path):
            if pa.types.is_dictionary(values.type):
                values = values.unify_dictionaries()
                chunks = values.chunks
                different = chunks[0].dictionary if chunks else pa.array([], pa.string())
                if len(different) != len(values):
                    raise damaged(self._path, f"the column {column} has a value twice")
                values = values.cast(different.type)
            if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
                raise damaged(self._path, f"the column {column} has no texts")
            if values.nbytes > MAX_TEXT_BYTES:
                raise damaged(self._path, f"the texts of {column} are larger than {MAX_TEXT_BYTES} bytes")
            values.validate(full=True)  # the decoder does not check UTF-8
            texts: list[str] = values.to_pylist()
        if len(set(texts)) != len(texts):
            raise damaged(self._path, f"the column {column} has a value twice")
        return texts

    def _column(self, column: str, groups: Sequence[int] | None) -> Any:  # pyarrow has no types
        if column not in self._names:
            raise damaged(self._path, f"it has no column {column}")
        groups = range(len(self.group_rows)) if groups is None else groups
        rows = sum(self.group_rows[group] for group in groups)
        if rows > MAX_ROWS:
            raise damaged(self._path, f"{rows} rows have to be read at once; at most {MAX_ROWS} are")
        with _errors_of(self._path):
            values = self._file.read_row_groups(list(groups), columns=[column], use_threads=False)
            if values.num_columns != 1:
                raise damaged(self._path, f"the column {column} is nested")
            chunked = values.column(0)
            if len(chunked) != rows or chunked.null_count:
                raise damaged(self._path, f"the column {column} lacks values")
        return chunked


@contextmanager
def open_parquet(path: Path) -> Iterator[ParquetFile]:
    """Open a parquet file as a context.

    Raises:
        ExportedDatasetError: It cannot be read.
    """
    with open_dataset_file(path) as file:
        yield ParquetFile(path, file)


def damaged(path: Path, reason: str) -> ExportedDatasetError:
    """Return the error of a file whose contents cannot be used."""
    return ExportedDatasetError(f"{path} cannot be used: {reason}")


def unreadable(path: Path, error: Exception) -> ExportedDatasetError:
    """Return the error of a file that cannot be opened or read."""
    reason = getattr(error, "strerror", None) or "it is not a valid path"
    return ExportedDatasetError(f"{path} cannot be read: {reason}")


def _parquet(file: BinaryIO, **options: Any) -> pq.ParquetFile:
    return pq.ParquetFile(
        file,
        pre_buffer=False,
        thrift_string_size_limit=_MAX_FOOTER_STRING,
        thrift_container_size_limit=_MAX_FOOTER_LIST,
        **options,
    )


def _check_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not a regular file (a pipe, a device or a socket)"
        raise damaged(path, f"it is {what}")


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Translate what PyArrow raises for bytes that are no parquet file."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        raise damaged(path, "it is damaged, or no parquet file") from error
