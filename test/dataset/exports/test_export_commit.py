"""Commits: after a kill at any step, the files of a commit are all there or none of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from odyssey_ros.dataset.errors import StateError
from odyssey_ros.dataset.exports.export_commit import ExportCommit, finish_commit
from stored_episodes import contents

# Each rename is a step: the audit hook is called before it. A process for each folder is killed at the step
# of its number.
KILLED = """
import os, signal, sys
from pathlib import Path, PurePosixPath
from odyssey_ros.dataset.exports.export_commit import ExportCommit
def commit_until(step, out):
    def count(event, arguments):
        nonlocal step
        if event == "os.rename":
            if step == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            step -= 1
    sys.addaudithook(count)
    work = out / ".work"
    commit = ExportCommit(out, work)
    commit.add_staged(work / "staged" / "a" / "video.mp4", PurePosixPath("videos/file-000.mp4"))
    commit.new_file(PurePosixPath("data/file-000.parquet")).write_bytes(b"data")
    commit.new_file(PurePosixPath("info.json")).write_bytes(b"new")
    commit.finish()
for number, out in enumerate(sys.argv[1:]):
    if not (child := os.fork()):
        commit_until(number, Path(out))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
BEFORE = {"info.json": b"old", ".work/staged/a/video.mp4": b"video"}
AFTER = {"data/file-000.parquet": b"data", "info.json": b"new", "videos/file-000.mp4": b"video"}


def prepared(out: Path) -> Path:
    (out / ".work" / "staged" / "a").mkdir(parents=True)
    (out / ".work" / "staged" / "a" / "video.mp4").write_bytes(b"video")
    (out / "info.json").write_bytes(b"old")
    return out


def committed(out: Path) -> ExportCommit:
    work = out / ".work"
    commit = ExportCommit(out, work)
    commit.add_staged(work / "staged" / "a" / "video.mp4", PurePosixPath("videos/file-000.mp4"))
    commit.new_file(PurePosixPath("data/file-000.parquet")).write_bytes(b"data")
    commit.new_file(PurePosixPath("info.json")).write_bytes(b"new")
    return commit


def test_a_commit(tmp_path: Path) -> None:
    commit = committed(prepared(tmp_path))
    assert {name: text for name, text in contents(tmp_path).items() if "commit" not in name} == BEFORE
    commit.finish()
    assert contents(tmp_path) == AFTER
    finish_commit(tmp_path, tmp_path / ".work")
    assert contents(tmp_path) == AFTER


def test_a_kill_at_each_step(tmp_path: Path) -> None:
    folders = [prepared(tmp_path / str(step)) for step in range(7)]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, folders)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.split() == [str(-signal.SIGKILL)] * 6 + ["0"]
    results = []
    for out in folders:
        finish_commit(out, out / ".work")
        results.append(contents(out) == AFTER)
        if not results[-1]:
            # The run after a kill before the decision starts again; the staged file is still there.
            assert {name: text for name, text in contents(out).items() if "commit" not in name} == BEFORE
            committed(out).finish()
        assert contents(out) == AFTER
    # Before the decision: the list of moves, and the decision. Then three moves and the end.
    assert results == [False] * 2 + [True] * 5


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", '[["a"]]', '[["a", "/b"]]', '[["../a", "b"]]', '[["a", "\\ud800"]]', "[" * 10_000],
)
def test_a_damaged_list_of_moves(text: str, tmp_path: Path) -> None:
    (tmp_path / ".work" / "commit").mkdir(parents=True)
    (tmp_path / ".work" / "commit" / "moves.json").write_text(text)
    before = contents(tmp_path)
    with pytest.raises(StateError, match=r"moves\.json is damaged"):
        finish_commit(tmp_path, tmp_path / ".work")
    assert contents(tmp_path) == before


def test_files_of_other_folders_are_not_replaced(tmp_path: Path) -> None:
    out = prepared(tmp_path / "out")
    (tmp_path / "other").mkdir()
    (out / "data").symlink_to(tmp_path / "other")
    with pytest.raises(StateError, match="data is a symbolic link"):
        committed(out).finish()
    assert not list((tmp_path / "other").iterdir())
    (out / "data").unlink()
    finish_commit(out, out / ".work")
    assert contents(out) == AFTER
