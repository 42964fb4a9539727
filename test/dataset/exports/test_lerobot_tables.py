"""Parquet files: the columns and types that LeRobot expects."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.exports.lerobot_tables import (
    data_columns,
    read_tasks,
    write_columns,
    write_row,
    write_tasks,
)


def test_the_data_of_an_episode(tmp_path: Path) -> None:
    columns = data_columns(3, 30, 7, 100, np.array([4, 4, 5], np.int64))
    write_columns(tmp_path / "data.parquet", columns)
    table = pq.read_table(tmp_path / "data.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        "timestamp": "float",
        "frame_index": "int64",
        "episode_index": "int64",
        "index": "int64",
        "task_index": "int64",
    }
    assert table.column("timestamp").to_pylist() == [0, pytest.approx(1 / 30), pytest.approx(2 / 30)]
    assert table.column("episode_index").to_pylist() == [7, 7, 7]
    assert table.column("index").to_pylist() == [100, 101, 102]
    assert pq.ParquetFile(tmp_path / "data.parquet").num_row_groups == 1


def test_a_row_with_lists(tmp_path: Path) -> None:
    row = {"length": 3, "tasks": ["a", "“b”"], "stats/x/mean": [[[0.5]], [[0.25]], [[1.0]]]}
    write_row(tmp_path / "row.parquet", row)
    assert pq.read_table(tmp_path / "row.parquet").to_pylist() == [row]


def test_tasks_have_an_index_for_pandas(tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks.parquet", ["a fox", "", "“b”"])
    assert read_tasks(tmp_path / "tasks.parquet") == ["a fox", "", "“b”"]
    metadata = json.loads(pq.read_schema(tmp_path / "tasks.parquet").metadata[b"pandas"])
    assert metadata["index_columns"] == ["task"]


@pytest.mark.parametrize(
    "columns",
    [
        {"task_index": [1], "task": ["a"]},
        {"task_index": [0], "task": [1]},
        {"task_index": [0, 0], "task": ["a", "b"]},
        {"task": ["a"]},
    ],
)
def test_other_tables_of_tasks(columns: dict[str, list[object]], tmp_path: Path) -> None:
    pq.write_table(pa.table(columns), tmp_path / "tasks.parquet")
    with pytest.raises(StateError, match=r"tasks\.parquet"):
        read_tasks(tmp_path / "tasks.parquet")


def test_what_is_no_table_of_tasks(tmp_path: Path) -> None:
    (tmp_path / "tasks.parquet").write_bytes(b"PAR1")
    (tmp_path / "folder.parquet").mkdir()
    for name in ("tasks.parquet is damaged", "missing.parquet cannot be", "folder.parquet .* it is a folder"):
        with pytest.raises(StateError, match=name):
            read_tasks(tmp_path / name.split()[0])


def test_a_path_that_is_not_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/tasks\xff.parquet"))
    write_tasks(path, ["a fox"])
    assert read_tasks(path) == ["a fox"]
