"""The tables of exported datasets: episodes, tasks and rows, and what contradicts them."""

from __future__ import annotations

import pickle
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exported_dataset_files import KEY, write_dataset
from odyssey_ros.dataset.errors import ExportedDatasetError
from odyssey_ros.dataset.exports import exported_tables
from odyssey_ros.dataset.exports.exported_tables import EpisodeVideo, ExportedTables

if TYPE_CHECKING:
    from pathlib import Path

PROMPTS = [["a", "a", "b"], ["b", "c"], ["a"] * 4]
EPISODES = "meta/episodes/chunk-000/file-001.parquet"
DATA = "data/chunk-000/file-001.parquet"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("exported") / "set", PROMPTS)


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "set")


def change(path: Path, column: str, values: list[Any] | None) -> None:
    """Replace the values of a column, or remove it."""
    table = pq.read_table(path)
    place = table.column_names.index(column)
    if values is None:
        table = table.remove_column(place)
    else:
        table = table.set_column(place, column, pa.array(values, table.column(column).type))
    pq.write_table(table, path)


@pytest.mark.parametrize("shared", [False, True])
def test_episodes_and_rows(tmp_path: Path, shared: bool) -> None:
    folder = write_dataset(tmp_path / "set", PROMPTS, shared=shared)
    tables = ExportedTables(folder)
    assert (tables.fps, tables.frames, tables.tasks, tables.cameras) == (10, 9, ("a", "b", "c"), (KEY,))
    for index in (2, 0, 1, 1):
        episode = tables.episodes[index]
        rows = tables.rows(episode)
        assert [tables.tasks[task] for task in rows.task_indexes] == PROMPTS[index]
        assert rows.timestamps.tolist() == pytest.approx([frame / 10 for frame in range(episode.length)])
        file = 0 if shared else index
        assert episode.data == folder / f"data/chunk-000/file-{file:03d}.parquet"
        path = folder / f"videos/{KEY}/chunk-000/file-{file:03d}.mp4"
        assert episode.videos == {KEY: EpisodeVideo(path, episode.first / 10 if shared else 0.0)}


def test_episodes_beyond_the_total_are_ignored(folder: Path) -> None:
    """A run that adds episodes replaces `info.json` last."""
    info = folder / "meta" / "info.json"
    text = info.read_text()
    info.write_text(text.replace('"total_episodes": 3', '"total_episodes": 2').replace('s": 9', 's": 5'))
    assert [episode.length for episode in ExportedTables(folder).episodes] == [3, 2]


def test_tasks_in_any_order_and_with_the_name_of_pandas(folder: Path) -> None:
    path = folder / "meta" / "tasks.parquet"
    pq.write_table(pa.table({"task_index": [2, 0, 1], "__index_level_0__": ["c", "a", "b"]}), path)
    assert ExportedTables(folder).tasks == ("a", "b", "c")


def test_rows_are_kept_up_to_a_limit_and_not_pickled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = ExportedTables(folder)
    first = tables.rows(tables.episodes[0])
    assert tables.rows(tables.episodes[0]) is first
    copy = pickle.loads(pickle.dumps(tables))
    assert copy.episodes == tables.episodes
    assert copy.rows(copy.episodes[0]).task_indexes.tolist() == [0, 0, 1]
    monkeypatch.setattr(exported_tables, "_ROWS_KEPT", 6)
    for episode in tables.episodes:
        tables.rows(episode)
    assert tables.rows(tables.episodes[0]) is not first
    shutil.rmtree(folder)
    assert tables.rows(tables.episodes[0]).task_indexes.tolist() == [0, 0, 1]
    with pytest.raises(ExportedDatasetError, match="No such file"):
        tables.rows(tables.episodes[1])


@pytest.mark.parametrize(
    ("file", "column", "values", "reason"),
    [
        ("meta/tasks.parquet", "task_index", [0, 1, 3], "the values of task_index are not 0, 1, 2"),
        ("meta/tasks.parquet", "task", ["a", "b", "b"], "the column task has a value twice"),
        ("meta/tasks.parquet", "task", None, "it has no column task"),
        (EPISODES, "episode_index", [2], "the values of episode_index are not"),
        (EPISODES, "length", [3], "do not follow one another"),
        (EPISODES, "length", [-2], "length of an episode"),
        (EPISODES, "dataset_to_index", [6], "do not follow one another"),
        (EPISODES, "dataset_from_index", [2], "do not follow one another"),
        (EPISODES, "data/file_index", [-1], "data/file_index is not from 0"),
        (EPISODES, f"videos/{KEY}/chunk_index", [10**9], "chunk_index is not from 0"),
        (EPISODES, f"videos/{KEY}/from_timestamp", [-0.1], "from_timestamp is not from 0"),
        (EPISODES, f"videos/{KEY}/from_timestamp", [float("inf")], "not finite"),
        (EPISODES, f"videos/{KEY}/file_index", None, "it has no column"),
    ],
)
def test_contradictions(folder: Path, file: str, column: str, values: list[Any] | None, reason: str) -> None:
    change(folder / file, column, values)
    with pytest.raises(ExportedDatasetError, match=reason):
        ExportedTables(folder)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("frame_index", [1, 0], "the values of frame_index are not those of frames of episode 1"),
        ("episode_index", [1, 0], "the values of episode_index"),
        ("index", [3, 5], "the values of index"),
        ("timestamp", [0.0, 0.2], "the values of timestamp"),
        ("task_index", [0, 3], "a task_index that is not in the tasks"),
        ("task_index", [-1, 0], "a task_index that is not in the tasks"),
    ],
)
def test_rows_that_contradict_the_episodes(folder: Path, column: str, values: list[Any], reason: str) -> None:
    change(folder / DATA, column, values)
    tables = ExportedTables(folder)
    with pytest.raises(ExportedDatasetError, match=reason):
        tables.rows(tables.episodes[1])
    assert tables.rows(tables.episodes[2]).task_indexes.tolist() == [0] * 4


def test_rows_that_are_missing(folder: Path) -> None:
    table = pq.read_table(folder / DATA)
    pq.write_table(table.slice(0, 1), folder / DATA)
    tables = ExportedTables(folder)
    with pytest.raises(ExportedDatasetError, match="it has 1 rows, but the episodes have more"):
        tables.rows(tables.episodes[1])
    (folder / EPISODES).unlink()
    with pytest.raises(ExportedDatasetError, match=r"it has 2 episodes, but info\.json 3"):
        ExportedTables(folder)
