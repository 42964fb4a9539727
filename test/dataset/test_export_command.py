"""The command `export`, in processes of its own: options, exit codes, a kill and Ctrl-C in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from inline_engine import inline_engine
from odyssey_ros.dataset import export_command, report_command
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.command_line import parser
from odyssey_ros.dataset.export_command import common_settings, export_places
from odyssey_ros.dataset.exports import clips_command
from stored_episodes import add_episode, contents
from waiting import DEFAULT_TIMEOUT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from ray_cluster import RayCluster

SOURCES = Path(__file__).parents[2]
PROMPTS = ((0, "a fox"), (10, "it “rains”"))


@pytest.fixture
def walks(make_video: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Makes a dataset folder with episodes of some names."""

    def make(*names: str, frames: int = 24, size: tuple[int, int] = (320, 192), images: str = "h264") -> Path:
        for name in names:
            add_episode(tmp_path / "walks", name, make_video(frames, size=size), PROMPTS, images=images)
        return tmp_path / "walks"

    return make


def export(*arguments: object) -> subprocess.Popen[str]:
    return command("export", "lerobot", *arguments)


def command(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "odyssey_ros.dataset", *map(str, arguments)],
        cwd=SOURCES,
        env={**os.environ, "COLUMNS": "1000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def exported(*arguments: object) -> tuple[int, str, str]:
    process = export(*arguments)
    out, errors = process.communicate(timeout=DEFAULT_TIMEOUT_S)
    return process.returncode, out, errors


@pytest.fixture
def exported_here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Exports without an interruption and without other processes, which saves their starts."""

    def run(*arguments: object) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(export_command, "selected_engine", inline_engine)
            assert main(["export", "lerobot", *map(str, arguments)]) == 0

    return run


def parsed(*arguments: str) -> Any:
    return parser().parse_args(["export", "lerobot", "walks", "-o", "out", *arguments])


def test_settings_that_later_runs_repeat() -> None:
    assert common_settings(parsed()) == {
        "gop": None,
        "resample": None,
        "split": None,
        "split-by": None,
        "exclude-flagged": False,
    }
    arguments = parsed(
        *("--gop", "2", "--resample", "30", "--split", "train=0.9,val=0.1"),
        *("--split-by", "size", "--exclude-flagged", "--workers", "3"),
    )
    assert common_settings(arguments) == {
        "gop": 2,
        "resample": 30,
        "split": "train=0.9,val=0.1",
        "split-by": "size",
        "exclude-flagged": True,
    }
    places = export_places(arguments)
    assert places.by_size
    assert [name for name, _ in places.splits.shares] == ["train", "val"]
    # The same shares, written in another way, are the same setting.
    assert common_settings(parsed("--split", "train=0.90,val=0.10"))["split"] == "train=0.9,val=0.1"


@pytest.mark.parametrize(
    "arguments", [("--gop", "0"), ("--resample", "x"), ("--split", "train=2"), ("--split-by", "name")]
)
def test_options_that_are_refused(arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*arguments)
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_an_export_and_what_is_refused_after_it(
    walks: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = walks("a", "b"), tmp_path / "out"
    walks("c", images="h264")
    (path,) = (folder / "episodes" / "b").glob("*.mcap")
    path.write_bytes(path.read_bytes()[:9000])
    status, text, errors = exported(folder, "-o", out, "--workers", "2")
    assert (status, text) == (
        1,
        f"2 episodes with 48 frames in {out}\n2 added, 0 exported before, 1 failed\n",
    )
    assert "b: BAG_BROKEN" in errors
    assert main(["export", "lerobot", str(folder), "-o", str(out), "--gop", "2"]) == 2
    assert "was exported with no --gop, not with --gop 2" in " ".join(capsys.readouterr().err.split())
    assert main(["export", "lerobot", str(folder), "-o", str(tmp_path)]) == 2
    assert "no export made this folder" in " ".join(capsys.readouterr().err.split())


def test_bags_of_jpeg_need_gop(
    walks: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = str(walks("a", images="jpeg", frames=12))
    with caplog.at_level("ERROR"):
        assert main(["export", "lerobot", folder, "-o", str(tmp_path / "out"), "--workers", "1"]) == 1
    assert "a: NOT_EXPORTABLE: its pictures are jpeg, so they must be encoded: give --gop N" in caplog.text


def test_an_interrupted_export_is_continued(
    walks: Callable[..., Path], exported_here: Callable[..., None], tmp_path: Path
) -> None:
    """After a kill and Ctrl-C in the middle, the files are those of a run without an interruption."""
    folder = walks(*"abcdef", frames=40)
    out, undisturbed = tmp_path / "out", tmp_path / "undisturbed"
    options = ("--gop", "2", "--workers", "2")
    staging = out / ".work" / "staged"
    for number in (signal.SIGKILL, signal.SIGINT):
        left = set(staging.glob(".*.partial"))  # of the run that was killed
        process = export(folder, "-o", out, *options)
        wait_until(lambda: set(staging.glob(".*.partial")) - left, "an episode that is being written")  # noqa: B023
        if number == signal.SIGKILL:
            wait_until(lambda: any(staging.glob("[!.]*")) or (out / "meta").exists(), "the first episode")
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert "interrupted; run the same command again to continue" in errors
    status, text, _ = exported(folder, "-o", out, *options)
    assert status == 0
    assert text.splitlines()[0] == f"6 episodes with 240 frames in {out}"
    exported_here(folder, "-o", undisturbed, *options)
    assert contents(out) == contents(undisturbed)


def test_the_driver_and_then_a_node_of_a_cluster_are_killed(
    walks: Callable[..., Path],
    exported_here: Callable[..., None],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """The export equals, file for file, that of this process."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    cluster: RayCluster = request.getfixturevalue("ray_cluster")
    folder = walks(*"abcdefgh", frames=120)
    out, local = tmp_path / "out", tmp_path / "local"
    on_cluster = ("--gop", "2", "--engine", "ray", "--address", cluster.address)
    staging = out / ".work" / "staged"
    driver = export(folder, "-o", out, *on_cluster)
    try:
        wait_until(lambda: any(staging.glob(".*.partial")), "an episode that is being written")
        assert driver.poll() is None
    finally:
        driver.kill()
        driver.communicate()
    again = export(folder, "-o", out, *on_cluster)
    cluster.kill_node(wait_until(lambda: cluster.writer_elsewhere(staging), "a writer on a further node"))
    cluster.add_node()
    text, errors = again.communicate(timeout=DEFAULT_TIMEOUT_S)
    assert again.returncode == 0, errors
    assert text.splitlines()[0] == f"8 episodes with 960 frames in {out}"
    exported_here(folder, "-o", local, "--gop", "2")
    assert contents(out) == contents(local)


def test_nodes_die_while_they_cut_clips_and_read_episodes(
    walks: Callable[..., Path],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two of three nodes at once, each in the middle of a task. All files equal those without a cluster."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    cluster: RayCluster = request.getfixturevalue("ray_cluster")
    folder = walks(*"abcdefgh", frames=60)

    def commands(out: Path) -> dict[str, tuple[object, ...]]:
        return {
            "export_clips": ("export", "clips", folder, "-o", out / "clips", "--gop", "2"),
            "report_episode": ("report", folder, "-o", out / "report"),
        }

    drivers = {
        name: command(*arguments, "--engine", "ray", "--address", cluster.address)
        for name, arguments in commands(tmp_path / "cluster").items()
    }
    frozen: dict[str, int] = {}

    def all_are_frozen() -> bool:
        for name in drivers.keys() - frozen.keys():
            if worker := cluster.frozen_task_elsewhere(name):
                frozen[name] = worker
        return frozen.keys() == drivers.keys()

    try:
        wait_until(all_are_frozen, lambda: f"tasks on further nodes; {frozen}")
        for worker in frozen.values():
            cluster.kill_node(worker)
            cluster.add_node()
        for name, driver in drivers.items():
            _, errors = driver.communicate(timeout=DEFAULT_TIMEOUT_S)
            assert driver.returncode == 0, (name, errors)
    finally:
        for driver in drivers.values():
            driver.kill()
    for module in (clips_command, report_command):
        monkeypatch.setattr(module, "selected_engine", inline_engine)
    for arguments in commands(tmp_path / "here").values():
        assert main([str(argument) for argument in arguments]) == 0
    found = contents(tmp_path / "cluster")
    assert found == contents(tmp_path / "here")
    assert len([path for path in found if path.endswith(".mp4")]) == 16
    assert len([path for path in found if path.startswith("report/.work/") and path.endswith(".json")]) == 8


def test_episodes_with_findings_are_left_out(
    walks: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = walks("a", "b", frames=12), tmp_path / "out"
    arguments = ["export", "lerobot", str(folder), "-o", str(out), "--exclude-flagged", "--workers", "1"]
    assert main(arguments) == 2
    assert "odyssey-dataset report" in capsys.readouterr().err
    assert main(["report", str(folder), "--workers", "1"]) == 0
    path = folder / "report" / "report.json"
    report = json.loads(path.read_text())
    for name, findings in (
        ("a", []),
        ("b", [{"kind": "frozen", "first": 3, "last": 7, "text": "no change"}]),
    ):
        report["episodes"][name]["findings"] = findings
    path.write_text(json.dumps(report))
    capsys.readouterr()
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"1 episodes with 12 frames in {out}",
        "1 added, 0 exported before, 0 failed, 1 left out because of findings",
    ]


def test_splits_and_sizes(
    walks: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walks("a", "b", frames=12)
    folder = str(walks("c", frames=12, size=(192, 320)))
    assert main(["export", "lerobot", folder, "-o", str(tmp_path / "mixed")]) == 2
    assert "Give --split-by size" in "".join(capsys.readouterr().err.splitlines())
    out = tmp_path / "out"
    options = ["--split-by", "size", "--split", "train=0.5,val=0.5", "--workers", "1"]
    assert main(["export", "lerobot", folder, "-o", str(out), *options]) == 0
    found = [path.parent.parent for path in out.glob("*/*/meta/info.json")]
    assert {path.parent.name for path in found} == {"192x320", "320x192"}
    assert {path.name for path in found} <= {"train", "val"}
    totals = [json.loads((path / "meta" / "info.json").read_text())["total_episodes"] for path in found]
    assert sum(totals) == 3
    assert capsys.readouterr().out.count(" episodes with ") == len(found)
