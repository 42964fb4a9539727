"""LeRobot datasets: they grow in order, go on after an interruption, and never change what is there."""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import PlanError, StateError
from odyssey_ros.dataset.exports.export_places import ExportPlaces
from odyssey_ros.dataset.exports.splits import Splits
from stored_episodes import TasksHere, add_episode, contents, video_without

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

GROWING = {
    "README.md",
    "meta/info.json",
    "meta/odyssey.json",
    "meta/stats.json",
    "meta/tasks.parquet",
    "odyssey_export.json",
}


def info(out: Path) -> Any:
    return json.loads((out / "meta" / "info.json").read_text())


def names(out: Path) -> list[str]:
    origin = json.loads((out / "meta" / "odyssey.json").read_text())
    return [record["episode"] for record in origin["episodes"]]


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.rglob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_the_tables_of_a_dataset(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = export_lerobot(walks("b", "a"), out)
    assert (outcome.added, outcome.present, outcome.failures) == (2, 0, {})
    assert outcome.datasets == {PurePosixPath(): (2, 48)}
    totals = info(out)
    assert (totals["total_episodes"], totals["total_frames"], totals["total_tasks"]) == (2, 48, 2)
    assert (totals["fps"], totals["splits"]) == (20, {"train": "0:2"})
    assert totals["features"]["observation.images.odyssey"]["shape"] == [192, 320, 3]
    data = rows(out / "data")
    assert [row["index"] for row in data] == list(range(48))
    assert [row["episode_index"] for row in data] == [0] * 24 + [1] * 24
    assert [row["frame_index"] for row in data] == [*range(24), *range(24)]
    assert [row["task_index"] for row in data] == ([0] * 10 + [1] * 14) * 2
    assert [row["timestamp"] for row in data] == pytest.approx([number / 20 for number in range(24)] * 2)
    episodes = rows(out / "meta" / "episodes")
    assert [row["tasks"] for row in episodes] == [["a fox", "it “rains”"]] * 2
    assert [(row["dataset_from_index"], row["dataset_to_index"]) for row in episodes] == [(0, 24), (24, 48)]
    assert [row["length"] for row in episodes] == [24, 24]
    assert pq.read_table(out / "meta" / "tasks.parquet").to_pydict() == {
        "task_index": [0, 1],
        "task": ["a fox", "it “rains”"],
    }
    assert names(out) == ["a", "b"]
    assert not (out / ".work").exists()


def test_the_statistics_of_all_episodes(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    export_lerobot(walks("a", "b"), tmp_path / "out")
    statistics = json.loads((tmp_path / "out" / "meta" / "stats.json").read_text())
    assert statistics["index"]["min"] == [0.0]
    assert statistics["index"]["max"] == [47.0]
    assert statistics["index"]["mean"] == pytest.approx([23.5])
    assert statistics["index"]["std"] == pytest.approx([13.8534])
    assert statistics["frame_index"]["count"] == [48]
    pictures = statistics["observation.images.odyssey"]
    assert set(pictures) == {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"}
    assert pictures["count"] == [2]
    assert all(0 <= channel[0][0] <= 1 for channel in pictures["mean"])


def test_more_episodes_are_appended(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_lerobot(walks("b", "d"), out)
    before = contents(out)
    engine = TasksHere()
    outcome = export_lerobot(walks("a", "c"), out, engine=engine)
    assert (outcome.added, outcome.present) == (2, 2)
    assert [task.episode.name for task in engine.started] == ["a", "c"]
    assert names(out) == ["b", "d", "a", "c"]
    after = contents(out)
    assert {path for path in before if after[path] != before[path]} <= GROWING
    assert [row["index"] for row in rows(out / "data")] == list(range(96))
    assert info(out)["total_frames"] == 96


def test_nothing_new_changes_nothing(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    export_lerobot(walks("a"), tmp_path / "out")
    before = contents(tmp_path / "out")
    assert export_lerobot(walks(), tmp_path / "out").present == 1
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("tasks", [0, 1, 2, 3])
def test_an_interrupted_run_goes_on(
    tasks: int, walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    """Staged episodes are not exported again, and the result is that of a run without an interruption."""
    folder = walks("a", "b", "c")
    export_lerobot(folder, tmp_path / "undisturbed")
    out = tmp_path / "out"
    if tasks < 3:
        with pytest.raises(KeyboardInterrupt):
            export_lerobot(folder, out, engine=TasksHere(interrupted_after=tasks))
    engine = TasksHere()
    export_lerobot(folder, out, engine=engine)
    assert len(engine.started) == (3 - tasks if tasks < 3 else 3)
    assert contents(out) == contents(tmp_path / "undisturbed")


class FullDisk(TasksHere):
    """An engine after whose tasks no file can grow, which has the effect of a full disk."""

    def submit(self, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
        future = super().submit(function, argument)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return future


def test_a_disk_that_is_full_when_episodes_are_added(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    folder, out = walks("a"), tmp_path / "out"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(StateError, match=r"DISK_FULL: no room .*run the same command again"):
            export_lerobot(folder, out, engine=FullDisk())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (out / "meta").exists()
    engine = TasksHere()
    export_lerobot(folder, out, engine=engine)
    assert engine.started == []
    export_lerobot(folder, tmp_path / "undisturbed")
    assert contents(out) == contents(tmp_path / "undisturbed")


def test_staged_work_of_another_bag_is_not_used(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    folder, out = walks("a", "b"), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        export_lerobot(folder, out, engine=TasksHere(interrupted_after=1))
    shutil.rmtree(folder)
    export_lerobot(walks("a", "b", frames=12), out)
    assert info(out)["total_frames"] == 24


def test_an_episode_that_was_made_again_is_refused(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    folder, out = walks("a"), tmp_path / "out"
    export_lerobot(folder, out)
    before = contents(out)
    shutil.rmtree(folder)
    outcome = export_lerobot(walks("a", frames=12), out)
    assert outcome.failures["a"].code is ErrorCode.NOT_EXPORTABLE
    assert "not the one that was exported before" in str(outcome.failures["a"])
    assert contents(out) == before


def test_a_failure_does_not_stop_the_others(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    folder = walks("a", "b", "c")
    (path,) = (folder / "episodes" / "b").glob("*.mcap")
    path.write_bytes(path.read_bytes()[:20_000])
    outcome = export_lerobot(folder, tmp_path / "out")
    assert {name: error.code for name, error in outcome.failures.items()} == {"b": ErrorCode.BAG_BROKEN}
    assert names(tmp_path / "out") == ["a", "c"]


def test_another_rate_does_not_fit(
    walks: Callable[..., Path],
    make_video: Callable[..., Path],
    export_lerobot: Callable[..., Any],
    tmp_path: Path,
) -> None:
    folder = walks("a")
    add_episode(folder, "b", make_video(12, fps=25))
    outcome = export_lerobot(folder, tmp_path / "out")
    assert "its frame rate is 25 Hz, but that of the dataset is 20 Hz" in str(outcome.failures["b"])
    assert "--resample 20" in str(outcome.failures["b"])
    assert names(tmp_path / "out") == ["a"]


def test_an_exported_episode_that_is_left_out_now_stays(
    walks: Callable[..., Path],
    export_lerobot: Callable[..., Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = tmp_path / "out"
    export_lerobot(walks("a", "b", frames=12), out)
    assert export_lerobot(walks("c", frames=12), out, left_out=("b", "c")).added == 0
    assert names(out) == ["a", "b"]
    assert "b: it was exported before and has findings now" in caplog.text
    assert "c: " not in caplog.text


def test_the_card_counts_episodes_with_findings(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    """Of all runs: a run that adds nothing updates the card, and one that changes nothing leaves it."""

    def card() -> str:
        return (tmp_path / "out" / "README.md").read_text()

    left_out, later = "(`--exclude-flagged`): ", "of the exported episodes were made after their export"
    folder, out = walks("a", "b", frames=12), tmp_path / "out"
    export_lerobot(folder, out, left_out=("a",))
    assert f"{left_out}1." in card()
    walks("c", frames=12)
    export_lerobot(folder, out, left_out=("a", "c"))
    assert f"{left_out}2." in card()
    shutil.rmtree(folder)
    export_lerobot(walks("b", "d", frames=12), out, left_out=())  # another folder, without findings
    assert names(out) == ["b", "d"]
    assert f"{left_out}2." in card()
    assert later not in card()
    export_lerobot(folder, out, left_out=("b",))
    assert f"{left_out}2. Findings about 1 {later}" in card()
    before = contents(out)
    export_lerobot(folder, out, left_out=("b",))
    assert contents(out) == before
    export_lerobot(walks("a", frames=12), out, left_out=())
    assert names(out) == ["b", "d", "a"]
    assert f"{left_out}1." in card()
    assert later not in card()


def test_the_card_of_a_split_counts_its_own_episodes(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    out, splits = tmp_path / "out", Splits.parse("train=0.5,val=0.5")
    episodes = "abcdefgh"
    train = [name for name in episodes if splits.of(name) == "train"]
    assert 1 < len(train) < len(episodes)
    export_lerobot(walks(*episodes, frames=12), out, places=ExportPlaces(splits), left_out=tuple(train[1:]))
    for split, count in (("train", len(train) - 1), ("val", 0)):
        assert f"(`--exclude-flagged`): {count}." in (out / split / "README.md").read_text()


def test_mixed_sizes_are_refused_before_anything_is_written(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    walks("a", frames=12)
    folder = walks("b", frames=12, size=(192, 320))
    with pytest.raises(PlanError, match=r"320x192 \(a\), 192x320 \(b\)\. Give --split-by size"):
        export_lerobot(folder, tmp_path / "out")
    outcome = export_lerobot(folder, tmp_path / "sizes", places=ExportPlaces(by_size=True))
    assert set(map(str, outcome.datasets)) == {"320x192", "192x320"}
    assert info(tmp_path / "sizes" / "192x320")["features"]["observation.images.odyssey"]["shape"][:2] == [
        320,
        192,
    ]


def test_episodes_stay_in_their_splits(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    out, splits = tmp_path / "out", Splits.parse("train=0.5,val=0.5")
    places = ExportPlaces(splits)
    export_lerobot(walks("a", "c", "e", frames=12), out, places=places)
    before = {split: names(out / split) for split in ("train", "val") if (out / split).exists()}
    export_lerobot(walks("b", "d", "f", frames=12), out, places=places)
    after = {split: names(out / split) for split in ("train", "val")}
    assert all(after[split][: len(found)] == found for split, found in before.items())
    assert {split: sorted(found) for split, found in after.items()} == {
        split: [name for name in "abcdef" if splits.of(name) == split] for split in ("train", "val")
    }
    assert info(out / "val")["splits"] == {"val": f"0:{len(after['val'])}"}


def test_filled_gaps_are_noted(
    make_video: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    video = video_without(make_video(24), tmp_path / "gap.mp4", {7, 8, 15})
    add_episode(tmp_path / "walks", "a", video)
    add_episode(tmp_path / "walks", "b", make_video(24))
    refused = export_lerobot(tmp_path / "walks", tmp_path / "refused")
    assert list(refused.failures) == ["a"]
    assert "at 20 Hz, 3 frames are missing" in str(refused.failures["a"])
    assert "--resample 20" in str(refused.failures["a"])
    outcome = export_lerobot(tmp_path / "walks", tmp_path / "out", resample=20)
    assert (outcome.added, outcome.repeated_frames) == (2, 3)
    origin = json.loads((tmp_path / "out" / "meta" / "odyssey.json").read_text())
    assert [record["notes"] for record in origin["episodes"]] == [{"repeated_frames": 3}, {}]
    assert "3 frames fill gaps" in (tmp_path / "out" / "README.md").read_text()


def test_a_damaged_dataset_is_refused(
    walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_lerobot(walks("a"), out)
    folder = walks("b")
    for name in ("info.json", "odyssey.json", "stats.json", "tasks.parquet"):
        path = out / "meta" / name
        data = path.read_bytes()
        for damage in (b"", b"[]", data[: len(data) // 2]):
            path.write_bytes(damage)
            with pytest.raises(StateError):
                export_lerobot(folder, out)
        path.unlink()
        before = contents(out)
        with pytest.raises(StateError, match=name):
            export_lerobot(folder, out)
        assert contents(out) == before  # no episode gets the number of another one
        path.write_bytes(data)
    assert export_lerobot(folder, out).added == 1


@pytest.mark.parametrize(
    "name",
    [
        "videos/observation.images.odyssey/chunk-000/file-000.mp4",
        "data/chunk-000/file-000.parquet",
        "meta/episodes/chunk-000/file-000.parquet",
        "meta/odyssey_frames/chunk-000/file-000.parquet",
    ],
)
def test_a_file_of_an_exported_episode_is_missing(
    name: str, walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_lerobot(walks("a", "b"), out)
    (out / name).write_bytes(b"")
    outcome = export_lerobot(walks("c"), out)
    assert (outcome.added, outcome.present) == (1, 1)
    assert f"{name} is missing now" in str(outcome.failures["a"])
