"""The command `report`, with real bags: what it writes, what it does not do again, and what stops it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from odyssey_ros.dataset import cli, report_command
from odyssey_ros.dataset.command_line import parser
from odyssey_ros.dataset.engines.task_engine import LostTaskError
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from odyssey_ros.dataset.report.flagged_frames import read_flagged
from odyssey_ros.dataset.report.report_file import read_report
from odyssey_ros.dataset.report.report_folder import ReportFolder
from odyssey_ros.dataset.report_command import run_report
from small_datasets import add_episodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOP = Path(__file__).parents[2]

# The command, killed while it works: it has stored two episodes, and the others are lost.
KILLED = """
import os, signal, sys
from odyssey_ros.dataset import cli
from odyssey_ros.dataset.report.report_folder import ReportFolder

if __name__ == "__main__":
    kept = []
    keep = ReportFolder.keep

    def keep_two(folder, record):
        if len(kept) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        kept.append(record)
        keep(folder, record)

    ReportFolder.keep = keep_two
    sys.exit(cli.main(["report", sys.argv[1], "--workers", "1"]))
"""


class InlineEngine:
    """Runs each task in this process, and keeps the names of its episodes."""

    def __init__(self) -> None:
        self.width = 1
        self.names: list[str] = []
        self.lost: set[str] = set()

    def submit(self, function: Callable[[Any], Any], argument: Any) -> Future[Any]:
        self.names.append(argument.episode.name)
        future: Future[Any] = Future()
        if argument.episode.name in self.lost:
            future.set_exception(LostTaskError("the worker process died 3 times"))
        else:
            future.set_result(function(argument))
        return future

    def close(self) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> InlineEngine:
    """The engine of the commands in this process."""
    engine = InlineEngine()

    @contextmanager
    def select(_: object) -> Iterator[InlineEngine]:
        yield engine

    monkeypatch.setattr(report_command, "selected_engine", select)
    return engine


def pages_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a report, without the records."""
    return {path.name: path.read_bytes() for path in (folder / "report").iterdir() if path.is_file()}


def test_a_report_is_made_by_workers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_episodes(tmp_path, {"walk-b": ["a fox", "it “rains”"], "walk-a": ["<b>bold</b>"]})
    assert cli.main(["report", str(tmp_path), "--workers", "1"]) == 0
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert page.index("episode-walk-a") < page.index("episode-walk-b")
    assert "it “rains”" in page
    assert "<b>bold" not in page
    assert page.count("data:image/jpeg;base64,") >= 4 + 4
    out = capsys.readouterr().out
    assert out.startswith("2 episodes, ")
    assert out.endswith(f"0 unreadable: {tmp_path / 'report' / 'index.html'}\n")
    report = read_report(tmp_path)
    assert report is not None
    assert [span.prompt for span in report.episodes["walk-b"].prompts] == ["a fox", "it “rains”"]
    content = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert (content["totals"]["episodes"], content["totals"]["frames"]) == (2, 12)
    assert set(read_flagged(tmp_path, stored_episodes(tmp_path))) == {"walk-a", "walk-b"}


def test_only_new_and_changed_episodes_are_read_again(tmp_path: Path, engine: InlineEngine) -> None:
    add_episodes(tmp_path, {"a": ["x"], "b": ["x"]})
    cli.main(["report", str(tmp_path)])
    first = pages_of(tmp_path)
    cli.main(["report", str(tmp_path)])
    assert engine.names == ["a", "b"]
    assert pages_of(tmp_path) == first
    add_episodes(tmp_path, {"c": ["y"]})
    cli.main(["report", str(tmp_path)])
    assert engine.names == ["a", "b", "c"]
    grown = pages_of(tmp_path)
    assert grown != first
    for path in (tmp_path / "report" / ".work").glob("*.json"):
        path.unlink()
    cli.main(["report", str(tmp_path)])
    assert pages_of(tmp_path) == grown, "a report does not depend on the runs that made it"


def test_an_episode_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, engine: InlineEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, entry = add_episodes(tmp_path, {"a": ["x"], "b": ["x"], "c": ["x"]}, images="jpeg")
    bag = tmp_path / entry.files[0].path
    whole = bag.read_bytes()
    bag.write_bytes(whole[:3000])
    engine.lost.add("b")
    assert cli.main(["report", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert "c: BAG_BROKEN: " in output.err
    assert "b: INTERNAL: the worker process died 3 times" in output.err
    assert "2 unreadable" in output.out
    report = read_report(tmp_path)
    assert report is not None
    assert [bool(each.error) for each in report.episodes.values()] == [False, True, True]
    page = (tmp_path / "report" / "index.html").read_text()
    assert page.count('<span class="badge">unreadable</span>') == 3, "in the list and in both episodes"
    assert str(bag) in page
    bag.write_bytes(whole)
    engine.lost.clear()
    engine.names.clear()
    assert cli.main(["report", str(tmp_path)]) == 0
    assert engine.names == ["b", "c"]


def test_a_killed_command_goes_on(tmp_path: Path, engine: InlineEngine) -> None:
    names = ["a", "b", "c", "d", "e"]
    folder = tmp_path / "walks"
    add_episodes(folder, {name: ["x"] for name in names})
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    killed = subprocess.run(
        [sys.executable, script, folder],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        timeout=200,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    kept = {path.stem for path in (folder / "report" / ".work").glob("*.json")}
    assert len(kept) == 2
    assert not (folder / "report" / "index.html").exists()
    assert cli.main(["report", str(folder)]) == 0
    assert engine.names == [name for name in names if name not in kept]
    resumed = pages_of(folder)
    assert cli.main(["report", str(folder), "-o", str(tmp_path / "other" / "report")]) == 0
    assert pages_of(tmp_path / "other") == resumed


def test_another_output_folder(tmp_path: Path, engine: InlineEngine) -> None:
    add_episodes(tmp_path / "walks", {"a": ["x"]})
    assert cli.main(["report", str(tmp_path / "walks"), "-o", str(tmp_path / "out" / "x")]) == 0
    assert {path.name for path in (tmp_path / "out" / "x").iterdir()} == {
        "index.html",
        "report.json",
        ".work",
    }
    assert not (tmp_path / "walks" / "report").exists()


def test_folders_that_cannot_be_used(
    tmp_path: Path, engine: InlineEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "has no manifest" in capsys.readouterr().err
    add_episodes(tmp_path, {"a": ["x"]})
    with ReportFolder(tmp_path / "report", {}):
        assert cli.main(["report", str(tmp_path)]) == 2
    assert "another process is writing the report" in capsys.readouterr().err


def test_progress_on_a_terminal(tmp_path: Path, engine: InlineEngine) -> None:
    *_, entry = add_episodes(tmp_path, {"a": ["x"], "b": ["x"]})
    (tmp_path / entry.files[0].path).unlink()
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=200)
    assert run_report(parser().parse_args(["report", str(tmp_path)]), console) == 1
    assert re.search(r"a: \d+ findings", screen.getvalue())
    assert "b: BAG_BROKEN: " in screen.getvalue()
