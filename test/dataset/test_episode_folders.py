"""The folders of episodes, and the lock of an episode among threads and processes that die."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from odyssey_ros.dataset import episode_folders
from odyssey_ros.dataset.episode_folders import EpisodeFolders
from odyssey_ros.dataset.errors import StateError
from waiting import wait_until


@pytest.fixture
def folders(tmp_path: Path) -> EpisodeFolders:
    (tmp_path / "work").mkdir()
    return EpisodeFolders(tmp_path, tmp_path / "work")


def test_other_processes_get_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    copy = pickle.loads(pickle.dumps(EpisodeFolders(Path("out"), Path("out/work")).absolute()))
    assert copy.bag_path("a") == tmp_path / "out" / "episodes" / "a"
    assert copy.partial_path("a") == tmp_path / "out" / "episodes" / ".a.partial"
    assert copy.relative(copy.bag_path("a")) == "episodes/a"


def test_one_at_a_time_works_on_an_episode(folders: EpisodeFolders) -> None:
    waits, entered = threading.Semaphore(0), threading.Event()

    def work() -> None:
        with folders.locked("a", waits.release):
            entered.set()

    thread = threading.Thread(target=work)
    with folders.locked("a"):
        thread.start()
        waits.acquire()
        waits.acquire()
        with folders.locked("b"):
            pass
        assert not entered.is_set()
    thread.join()
    assert entered.is_set()
    assert not (folders.downloads("a") / "lock").exists()


def test_the_lock_of_a_removed_file_does_not_count(
    folders: EpisodeFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, locked = episode_folders._lock, []

    def late(file: Any) -> bool:
        if not locked:
            folders.remove_downloads("a")  # by the process that had the lock
        locked.append(lock(file))
        return locked[-1]

    monkeypatch.setattr(episode_folders, "_lock", late)
    with folders.locked("a"):
        assert locked == [True, True]
        assert (folders.downloads("a") / "lock").exists()


def test_a_waiting_process_can_be_ended(folders: EpisodeFolders) -> None:
    def end() -> None:
        raise StateError("the run ends")

    with folders.locked("a"), pytest.raises(StateError), folders.locked("a", end):
        raise AssertionError("unreachable")


def test_a_killed_process_leaves_no_lock(folders: EpisodeFolders, tmp_path: Path) -> None:
    program = """if True:
        import sys, time
        from pathlib import Path
        from odyssey_ros.dataset.episode_folders import EpisodeFolders
        with EpisodeFolders(Path(sys.argv[1]), Path(sys.argv[1]) / "work").locked("a"):
            Path(sys.argv[1], "locked").touch()
            time.sleep(600)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=environment) as process:
        wait_until((tmp_path / "locked").exists)
        process.kill()
    with folders.locked("a"):
        pass
