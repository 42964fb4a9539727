"""The folders of episodes, and the lock of an episode among threads and processes that die."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

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
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with folders.locked("a"):
            inside.append(number)
            most.append(len(inside))
            folders.remove_downloads("a")  # as the driver does when an episode is finished
            inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5
    with folders.locked("b"), folders.locked("c"):
        pass
    assert not (folders.downloads("b") / "lock").exists()


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
