"""The command `bags` as a user runs it: with processes, twice, interrupted, and with wrong options."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inline_engine import inline_engine
from live_bags import LiveStream, write_rosbag
from odyssey_ros.dataset import bags_command
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.manifest import read_manifest
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeVideo = Callable[..., Path]

ROOT = Path(__file__).parents[2]


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "odyssey_ros.dataset", *map(str, arguments)]


@pytest.fixture
def bags(make_video: MakeVideo, tmp_path: Path) -> Path:
    for number in range(3):
        write_rosbag(tmp_path / "bags" / f"b{number}", LiveStream(make_video(), f"s{number}").messages())
    return tmp_path / "bags"


def test_a_killed_run_goes_on_and_a_finished_one_has_nothing_to_do(
    bags: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL as soon as the first episode exists. No process of the killed run is left."""
    out = tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = _command("bags", bags, "-o", out, "--workers", 1)
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: list(out.glob("episodes/[!.]*")), "an episode")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (out / "work" / "unpacked-left").mkdir()
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    entries = read_manifest(out / "manifest.jsonl")
    assert [entry.episode for entry in entries] == ["s0", "s1", "s2"]
    assert sorted(path.name for path in (out / "episodes").iterdir()) == ["s0", "s1", "s2"]
    assert not list((out / "work").glob("unpacked-*"))
    before = {path: path.stat().st_mtime_ns for path in out.glob("episodes/*/*")}
    monkeypatch.setattr(bags_command, "selected_engine", inline_engine)
    assert main(["bags", str(bags), "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"3 episodes of these bags in {out}, 0 failed\n"
    assert {path: path.stat().st_mtime_ns for path in out.glob("episodes/*/*")} == before


def test_a_path_without_a_bag(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["bags", str(tmp_path / "no"), "-o", str(tmp_path / "out")]) == 2
    assert "does not exist" in capfd.readouterr().err
    (tmp_path / "run.bag").touch()
    assert main(["bags", str(tmp_path / "run.bag"), "-o", str(tmp_path / "out")]) == 2
    assert "ros2 bag record" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_settings_are_those_of_the_folder(
    bags: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bags_command, "selected_engine", inline_engine)
    out = tmp_path / "out"
    options = ["--images", "jpeg", "--namespace", "/robot", "--jpeg-quality", "50", "--frame-id", "eye"]
    assert main(["bags", str(bags / "b0"), "-o", str(out), *options]) == 0
    settings = json.loads((out / "dataset.json").read_text())
    assert (settings["images"], settings["namespace"], settings["frame_id"]) == ("jpeg", "/robot", "eye")
    assert settings["jpeg_quality"] == 50
    assert main(["bags", str(bags / "b1"), "-o", str(out)]) == 0
    assert main(["bags", str(bags / "b2"), "-o", str(out), "--images", "raw"]) == 2
    assert main(["verify", "--deep", str(out)]) == 0


def test_bags_of_other_bridges_are_left_out(
    make_video: MakeVideo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bags_command, "selected_engine", inline_engine)
    for bridge in ("left", "right"):
        stream = LiveStream(make_video(), f"of-{bridge}", namespace=f"/{bridge}/odyssey")
        write_rosbag(tmp_path / "bags" / bridge, stream.messages())
    out = tmp_path / "out"
    command = ["bags", str(tmp_path / "bags"), "-o", str(out), "--bridge"]
    assert main([*command, "/left/odyssey"]) == 0
    assert [entry.episode for entry in read_manifest(out / "manifest.jsonl")] == ["of-left"]
    assert "right: left out: it has no labels of /left/odyssey" in caplog.text
    assert main([*command, "/other"]) == 2
    assert "has a stream of /other that can be read" in capfd.readouterr().err
