"""Files of exported datasets: regular files of bounded sizes, and columns with the expected values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from odyssey_ros.dataset.errors import ExportedDatasetError
from odyssey_ros.dataset.exports import dataset_files
from odyssey_ros.dataset.exports.dataset_files import open_dataset_file, open_parquet, read_dataset_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.parquet"


def write(path: Path, **columns: Any) -> None:
    pq.write_table(pa.table(columns), path, row_group_size=2)


def test_files(path: Path) -> None:
    path.write_bytes(b"12345")
    assert read_dataset_file(path, 5) == b"12345"
    with pytest.raises(ExportedDatasetError, match="larger than 4 bytes"):
        read_dataset_file(path, 4)
    link = path.with_name("link")
    link.symlink_to(path)
    assert read_dataset_file(link, 5) == b"12345"


def test_files_that_are_none(path: Path) -> None:
    for wrong, reason in (
        (path, "No such file"),
        (path.parent, "it is a folder"),
        (path / "\0", "not a valid"),
    ):
        with pytest.raises(ExportedDatasetError, match=reason), open_dataset_file(wrong):
            pass
    os.mkfifo(path)
    with pytest.raises(ExportedDatasetError, match="not a regular file"), open_parquet(path):
        pass


def test_columns_of_chosen_groups(path: Path) -> None:
    write(path, a=pa.array([1, 2, 3, 4, 5], pa.int32()), b=[0.5, 1, 2, 3, 4], c=["x", "y", "", "z", "ä"])
    with open_parquet(path) as file:
        assert file.group_rows == [2, 2, 1]
        assert "a" in file
        assert "d" not in file
        assert file.integers("a").tolist() == [1, 2, 3, 4, 5]
        assert file.integers("a", [1]).dtype == np.int64
        assert file.integers("a", [1, 2]).tolist() == [3, 4, 5]
        assert file.reals("b").tolist() == [0.5, 1, 2, 3, 4]
        assert file.reals("a").tolist() == [1, 2, 3, 4, 5]
        assert file.different_texts("c") == ["x", "y", "", "z", "ä"]
        assert file.integers("a", []).tolist() == []


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        ([1, None], "integers", "lacks values"),
        ([1.5, 2.0], "integers", "no whole numbers"),
        (["1", "2"], "reals", "no numbers"),
        ([1.0, float("nan")], "reals", "not finite"),
        (pa.array([2**63, 1], pa.uint64()), "integers", "damaged"),
        ([1, 2], "different_texts", "no texts"),
        (["a", "a"], "different_texts", "a value twice"),
        ([None, "a"], "different_texts", "lacks values"),
        (pa.array([b"\xff", b"a"]).cast(pa.string(), safe=False), "different_texts", "damaged"),
        ([{"x": 1}, {"x": 2}], "integers", "no whole numbers"),
        ([[1], [2]], "integers", "no whole numbers"),
    ],
)
def test_columns_with_other_values(path: Path, values: Any, kind: str, reason: str) -> None:
    write(path, a=values)
    with open_parquet(path) as file:
        with pytest.raises(ExportedDatasetError, match=reason):
            getattr(file, kind)("a")
        with pytest.raises(ExportedDatasetError, match="it has no column b"):
            getattr(file, kind)("b")


def test_the_same_text_in_two_row_groups(path: Path) -> None:
    write(path, a=["x", "y", "x"])
    with open_parquet(path) as file, pytest.raises(ExportedDatasetError, match="a value twice"):
        file.different_texts("a")


def test_limits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, a=[1, 2, 3], b=["aaaa", "bbbb", "cccc"])
    monkeypatch.setattr(dataset_files, "MAX_ROWS", 2)
    with open_parquet(path) as file:
        assert file.integers("a", [0]).tolist() == [1, 2]
        with pytest.raises(ExportedDatasetError, match="3 rows have to be read at once; at most 2"):
            file.integers("a")
    monkeypatch.setattr(dataset_files, "MAX_ROWS", 3)
    monkeypatch.setattr(dataset_files, "MAX_TEXT_BYTES", 11)
    with open_parquet(path) as file, pytest.raises(ExportedDatasetError, match="larger than 11 bytes"):
        file.different_texts("b")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 10, bytes(100)])
def test_other_contents(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ExportedDatasetError, match="no parquet file"), open_parquet(path):
        pass
