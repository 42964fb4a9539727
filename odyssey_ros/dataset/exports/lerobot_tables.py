"""The parquet files of a LeRobotDataset, and those that this package adds to it. Requires pyarrow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from odyssey_ros.client.regular_file import RegularFileError, open_regular_file
from odyssey_ros.dataset.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# With this, pandas and LeRobot take the column `task` as the index of the table.
_TASKS_INDEX: Final = {
    "index_columns": ["task"],
    "column_indexes": [
        {"name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object", "metadata": None}
    ],
    "columns": [
        {
            "name": "task_index",
            "field_name": "task_index",
            "pandas_type": "int64",
            "numpy_type": "int64",
            "metadata": None,
        },
        {
            "name": "task",
            "field_name": "task",
            "pandas_type": "unicode",
            "numpy_type": "object",
            "metadata": None,
        },
    ],
    "creator": {"library": "pyarrow", "version": pa.__version__},
    "pandas_version": "2.2.0",
}


def data_columns(
    frames: int, rate: int, episode_index: int, first_index: int, task_indexes: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Return the columns of the data of an episode.

    Args:
        frames: Number of frames.
        rate: Frames per second.
        episode_index: Number of the episode in the dataset.
        first_index: Number of the first frame in the dataset.
        task_indexes: The number of the task of each frame.
    """
    numbers = np.arange(frames, dtype=np.int64)
    return {
        "timestamp": (numbers / rate).astype(np.float32),
        "frame_index": numbers,
        "episode_index": np.full(frames, episode_index, np.int64),
        "index": numbers + first_index,
        "task_index": task_indexes,
    }


def write_columns(path: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write columns of numbers as a parquet file with one row group.

    Raises:
        OSError: The file cannot be written.
    """
    # From buffers, because `pyarrow.array` imports pandas where it is installed, which takes half a second.
    arrays = [
        pa.Array.from_buffers(
            pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))]
        )
        for values in columns.values()
    ]
    _write(path, pa.Table.from_arrays(arrays, names=list(columns)))


def write_row(path: Path, row: Mapping[str, Any]) -> None:
    """Write a parquet file with one row, whose values may be lists.

    Raises:
        OSError: The file cannot be written.
    """
    _write(path, pa.Table.from_pylist([dict(row)]))


def write_tasks(path: Path, tasks: Sequence[str]) -> None:
    """Write the table of the tasks; the number of a task is its place.

    Raises:
        OSError: The file cannot be written.
    """
    table = pa.table(
        {"task_index": pa.array(range(len(tasks)), pa.int64()), "task": pa.array(tasks, pa.string())}
    )
    _write(path, table.replace_schema_metadata({"pandas": json.dumps(_TASKS_INDEX)}))


def read_tasks(path: Path) -> list[str]:
    """Read the table of the tasks.

    Raises:
        StateError: The file cannot be read, or has other columns.
    """
    try:
        with open_regular_file(path) as file:
            table = pq.read_table(file, columns=["task_index", "task"], use_threads=False)
        numbers: list[object] = table.column("task_index").to_pylist()
        tasks: list[str] = table.column("task").to_pylist()
    except RegularFileError as error:
        raise StateError(f"{path} cannot be read: {error.reason}") from error
    except (OSError, pa.ArrowException) as error:
        raise StateError(f"{path} is damaged: use another folder") from error
    if numbers != list(range(len(tasks))) or not all(isinstance(task, str) for task in tasks):
        raise StateError(f"{path} is damaged: use another folder")
    return tasks


def _write(path: Path, table: pa.Table) -> None:
    # A file, because pyarrow takes no path with bytes that are not UTF-8.
    with path.open("wb") as file:
        pq.write_table(table, file, compression="snappy")
