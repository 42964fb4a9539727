"""The command `export clips`: options, what it says, exit statuses, growth, and a kill in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from decoded_files import pictures_in
from odyssey_ros.dataset import cli
from odyssey_ros.dataset.command_line import parser
from odyssey_ros.dataset.exports import clips_command
from odyssey_ros.dataset.exports.export_places import ExportPlaces
from odyssey_ros.dataset.manifest import read_manifest, write_manifest
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from stored_episodes import TasksHere, add_episode, contents, video_without
from waiting import wait_until

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

PROMPTS = ((0, "a fox"), (5, "rain"), (8, ""), (10, "a fox"))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks run in this process, which saves the start of others."""
    monkeypatch.setattr(clips_command, "selected_engine", lambda _: nullcontext(TasksHere()))


@pytest.fixture
def data(make_video: Callable[..., Path], tmp_path: Path) -> Path:
    for name in ("run", "walk"):
        add_episode(tmp_path / "data", name, make_video(12), PROMPTS)
    return tmp_path / "data"


def export(data: Path, output: Path, *arguments: str) -> int:
    return cli.main(["export", "clips", str(data), "-o", str(output), *arguments])


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "videos" / "metadata.jsonl").read_text().splitlines()]


def parsed(*arguments: str) -> argparse.Namespace:
    return parser().parse_args(["export", "clips", "data", "-o", "out", *arguments])


def test_options() -> None:
    defaults = parsed()
    assert (defaults.min_seconds, defaults.max_seconds, defaults.gop, defaults.resample) == (
        0,
        None,
        None,
        None,
    )
    assert (defaults.split, defaults.split_by) == (None, None)
    assert parsed("--min-seconds", "0.1").min_seconds == Fraction(1, 10)
    assert parsed("--split", "train=0.9,val=0.1").split.of("walk") in ("train", "val")


@pytest.mark.parametrize(
    "option",
    [
        ("--min-seconds", "-1"),
        ("--min-seconds", "1e999999999"),
        ("--max-seconds", "nan"),
        ("--max-seconds", "1/3"),
        ("--gop", "0"),
        ("--resample", "0"),
        ("--split", "train"),
        ("--split-by", "colour"),
    ],
)
def test_invalid_options(option: tuple[str, str]) -> None:
    with pytest.raises(SystemExit):
        parsed(*option)


@pytest.mark.usefixtures("here")
def test_it_says_what_was_written_and_left_out(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(data, tmp_path / "out", "--min-seconds", "0.2") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"2 clips of 2 episodes in {tmp_path / 'out'}, 0 failed",
        "left out: 2 without a prompt",
        "left out: 4 shorter than --min-seconds",
    ]
    assert [row["file_name"] for row in rows(tmp_path / "out")] == ["run-000.mp4", "walk-000.mp4"]
    assert export(data, tmp_path / "out", "--min-seconds", "0.2") == 0
    assert capsys.readouterr().out.startswith("2 clips of 2 episodes")


@pytest.mark.usefixtures("here")
def test_clips_with_missing_frames_are_left_out_or_filled(
    make_video: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    counter_of: Callable[[Any], int],
) -> None:
    video = video_without(make_video(12), tmp_path / "gap.mp4", (7,))
    add_episode(tmp_path / "data", "walk", video, [(0, "a fox"), (5, "rain")])
    assert export(tmp_path / "data", tmp_path / "out") == 1
    assert capsys.readouterr().out.splitlines() == [
        "walk: prompt 1, frames 5 to 10: missing frames: 1, too early: 0, at 20 Hz",
        f"1 clips of 1 episodes in {tmp_path / 'out'}, 0 failed",
        "left out: 1 with missing frames (to fill them: --resample FPS, another output folder)",
    ]
    assert export(tmp_path / "data", tmp_path / "filled", "--resample", "20") == 0
    assert "resampled: 1 frames are repeated, 0 are dropped" in capsys.readouterr().out
    shown = [
        [counter_of(picture) for picture in pictures_in(tmp_path / "filled" / "videos" / row["file_name"])]
        for row in rows(tmp_path / "filled")
    ]
    assert shown == [[0, 1, 2, 3, 4], [5, 6, 6, 8, 9, 10, 11]]


@pytest.mark.usefixtures("here")
def test_each_clip_has_the_rate_of_its_episode(make_video: Callable[..., Path], tmp_path: Path) -> None:
    for name, fps in (("run", 25), ("walk", 20)):
        add_episode(tmp_path / "data", name, make_video(6, fps=fps), [(0, "a fox")])
    assert export(tmp_path / "data", tmp_path / "out") == 0
    assert [(row["episode"], row["fps"]) for row in rows(tmp_path / "out")] == [("run", 25), ("walk", 20)]


@pytest.mark.usefixtures("here")
def test_sizes_do_not_mix(
    data: Path,
    make_video: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    add_episode(tmp_path / "tall", "tall", make_video(6, size=(192, 320)), [(0, "a fox")])
    assert export(data, tmp_path / "out") == 0
    assert export(tmp_path / "tall", tmp_path / "out") == 1
    assert "tall: NOT_EXPORTABLE: its pictures have 192x320 pixels" in caplog.text
    add_episode(data, "tall", make_video(6, size=(192, 320)), [(0, "a fox")])
    assert export(data, tmp_path / "both") == 2
    assert "--split-by size" in capsys.readouterr().err
    assert export(data, tmp_path / "both", "--split-by", "size") == 0
    assert {row["episode"] for row in rows(tmp_path / "both" / "192x320")} == {"tall"}
    assert {row["episode"] for row in rows(tmp_path / "both" / "320x192")} == {"run", "walk"}


@pytest.mark.usefixtures("here")
def test_splits_do_not_change_when_episodes_are_added(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    def split_of() -> dict[str, str]:
        return {
            row["episode"]: split
            for split in ("train", "val")
            if (tmp_path / "out" / split).exists()
            for row in rows(tmp_path / "out" / split)
        }

    for number in range(3):
        add_episode(tmp_path / "data", f"walk-{number}", make_video(6), [(0, "a fox")])
    assert export(tmp_path / "data", tmp_path / "out", "--split", "train=0.5,val=0.5") == 0
    first = split_of()
    assert set(first) == {"walk-0", "walk-1", "walk-2"}
    for number in range(3, 7):
        add_episode(tmp_path / "data", f"walk-{number}", make_video(6), [(0, "a fox")])
    assert export(tmp_path / "data", tmp_path / "out", "--split", "train=0.5,val=0.5") == 0
    grown = split_of()
    assert len(grown) == 7
    assert first.items() <= grown.items()
    assert set(grown.values()) == {"train", "val"}


@pytest.mark.usefixtures("here")
def test_an_episode_that_fails_does_not_stop_the_others(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (path,) = (data / "episodes" / "run").glob("*.mcap")
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert export(data, tmp_path / "out") == 1
    assert f"3 clips of 1 episodes in {tmp_path / 'out'}, 1 failed" in capsys.readouterr().out
    assert "run: BAG_BROKEN" in caplog.text
    path.write_bytes(whole)
    assert export(data, tmp_path / "out") == 0
    assert export(data, tmp_path / "undisturbed") == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "undisturbed")


@pytest.mark.usefixtures("here")
def test_a_bag_that_was_made_again_is_refused(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert export(data, tmp_path / "out") == 0
    run, walk = read_manifest(data / "manifest.jsonl")
    entry = json.loads(run.to_line())
    entry["files"][0]["crc32"] = "00000000"
    write_manifest(data / "manifest.jsonl", [type(run).from_line(json.dumps(entry)), walk])
    assert export(data, tmp_path / "out") == 1
    assert "run: NOT_EXPORTABLE: its bag was made again" in caplog.text


@pytest.mark.usefixtures("here")
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["videos/run-000.mp4", "metas/run-001.txt"])
def test_a_file_of_an_exported_episode_is_missing(
    name: str, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert export(data, tmp_path / "out") == 0
    (tmp_path / "out" / name).unlink()
    assert export(data, tmp_path / "out") == 1
    assert f"{name} is missing now" in caplog.text


def test_clips_with_flagged_frames(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def run(flagged: dict[str, list[tuple[int, int]]]) -> int:
        arguments = parsed("--workers", "1")
        arguments.output = tmp_path / "out"
        return clips_command.run_clips(
            arguments, Console(), stored_episodes(data), ExportPlaces(), {"exclude-flagged": True}, flagged
        )

    assert run({"run": [(6, 6)], "walk": []}) == 0
    assert "left out: 1 with frames that the report flags" in capsys.readouterr().out
    assert [row["file_name"] for row in rows(tmp_path / "out")] == [
        "run-000.mp4", "run-003.mp4", "walk-000.mp4", "walk-001.mp4", "walk-003.mp4"
    ]  # fmt: skip
    assert run({"run": [(6, 6)], "walk": [(0, 6)]}) == 0
    assert "walk: 2 of its clips have flagged frames now" in caplog.text


def test_tasks_do_not_depend_on_the_working_directory(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = TasksHere()
    monkeypatch.setattr(clips_command, "selected_engine", lambda _: nullcontext(engine))
    monkeypatch.chdir(tmp_path)
    assert export(Path("data"), Path("out")) == 0
    assert len(engine.started) == 2
    for task in engine.started:
        assert task.episode.folder == data
        assert task.staging == tmp_path / "out" / ".work" / "staged"


@pytest.mark.usefixtures("here")
def test_what_cannot_be_used(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(tmp_path, tmp_path / "out") == 2
    assert export(data, tmp_path / "out", "--min-seconds", "2", "--max-seconds", "1") == 2
    assert export(data, tmp_path / "out", "--max-seconds", "0") == 2
    assert not (tmp_path / "out").exists()
    assert export(data, tmp_path / "out") == 0
    assert export(data, tmp_path / "out", "--gop", "2") == 2
    assert "exported with no --gop, not with --gop 2" in " ".join(capsys.readouterr().err.split())


@pytest.mark.usefixtures("here")
def test_a_killed_run_is_continued(make_video: Callable[..., Path], tmp_path: Path) -> None:
    """The processes are killed as soon as one episode is complete; the files equal those of one run."""
    for number in range(8):
        add_episode(tmp_path / "data", f"walk-{number}", make_video(60), [(0, "a fox"), (2, "x"), (31, "y")])
    command = [sys.executable, "-m", "odyssey_ros.dataset", "export", "clips", str(tmp_path / "data")]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "out"), "--gop", "1", "--workers", "1"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: any((tmp_path / "out").glob("odyssey_episodes/*.json")))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert not (tmp_path / "out" / "videos" / "metadata.jsonl").exists()
    assert export(tmp_path / "data", tmp_path / "out", "--gop", "1") == 0
    assert export(tmp_path / "data", tmp_path / "undisturbed", "--gop", "1") == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "undisturbed")
