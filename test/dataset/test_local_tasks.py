"""Episodes made on this machine: few on threads, many in processes, and an early end of both."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.dataset import local_tasks
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client
from odyssey_ros.dataset.episode_folders import EpisodeFolders
from odyssey_ros.dataset.episode_task import EpisodeWork
from odyssey_ros.dataset.local_tasks import FEW_EPISODES, LocalTasks
from odyssey_ros.dataset.progress import EpisodeProgress, LogProgress
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.dataset.service import RemoteStream
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lost_submissions import LossyAccount

    MakeVideo = Callable[..., Path]


@pytest.fixture
async def tasks() -> AsyncIterator[LocalTasks]:
    async with download_client() as http:
        tasks = LocalTasks(Downloader(http, RetryPolicy(retries=0)), 2, 2)
        yield tasks
        await asyncio.to_thread(tasks.close)


@pytest.fixture
def work(account: LossyAccount, make_video: MakeVideo, tmp_path: Path) -> EpisodeWork:
    (tmp_path / "episodes").mkdir()
    (tmp_path / "work").mkdir()
    stream = RemoteStream("s", account.add_file("video", make_video(600).read_bytes()), None)
    return EpisodeWork("a", stream, EpisodeFolders(tmp_path, tmp_path / "work"), BagLayout(ImageEncoding.RAW))


def _make(tasks: LocalTasks, work: EpisodeWork) -> asyncio.Task[Any]:
    source: Any = None  # nothing expires
    return asyncio.create_task(tasks.make(source, work, EpisodeProgress(LogProgress(), "a")))


def _has_open(folder: Path) -> bool:
    """Return whether this process has a file of a folder open."""
    return any(path.resolve().is_relative_to(folder) for path in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("episodes", [FEW_EPISODES, FEW_EPISODES + 1])
async def test_an_episode(episodes: int, tasks: LocalTasks, work: EpisodeWork) -> None:
    tasks.start(episodes)
    assert await tasks.at_once() == 4
    making = _make(tasks, work)
    files = work.folders.partial_path("a")
    await eventually(lambda: list(files.glob("*.mcap")), "the bag")
    assert _has_open(files) == (episodes == FEW_EPISODES)
    assert (await making).frames == 600


@pytest.mark.parametrize("episodes", [FEW_EPISODES, FEW_EPISODES + 1])
async def test_an_early_end(episodes: int, tasks: LocalTasks, work: EpisodeWork) -> None:
    tasks.start(episodes)
    making = _make(tasks, work)
    await eventually(lambda: list(work.folders.partial_path("a").glob("*.mcap")), "the bag")
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    await asyncio.to_thread(tasks.close)
    assert work.folders.finished("a") is None
    with work.folders.locked("a"):  # nothing works on it
        pass


async def test_nothing_is_downloaded_while_a_task_of_a_dead_driver_runs(
    tasks: LocalTasks, work: EpisodeWork, account: LossyAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = asyncio.Event()
    loop = asyncio.get_running_loop()
    check = tasks._check_stopped
    monkeypatch.setattr(tasks, "_check_stopped", lambda: (loop.call_soon_threadsafe(waits.set), check()))
    with work.folders.locked("a"):
        making = _make(tasks, work)
        await waits.wait()
        assert not account.service.requests
    assert (await making).frames == 600


async def test_a_folder_that_is_gone(tasks: LocalTasks, work: EpisodeWork) -> None:
    os.rmdir(work.folders.folder / "work")  # noqa: PTH106
    with pytest.raises(Exception, match="cannot write the downloads"):
        await _make(tasks, work)


def test_processes_make_the_same_as_threads(
    account: LossyAccount, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"r{number:02}" for number in range(FEW_EPISODES + 1)]
    for name in names:
        account.add_recording(name, b"" if name == "r05" else make_video().read_bytes())
    command = ["recordings", *names, "--images", "h264"]
    assert main([*command, "-o", "processes"]) == 1
    monkeypatch.setattr(local_tasks, "FEW_EPISODES", len(names))
    assert main([*command, "-o", "threads"]) == 1
    for file in ("manifest.jsonl", "failures.jsonl"):
        assert Path("processes", file).read_bytes() == Path("threads", file).read_bytes()
    assert '"code": "VIDEO_BROKEN"' in Path("processes/failures.jsonl").read_text()
    assert not Path("processes/work/1-of-1/r05").exists()
    assert main(["verify", "processes"]) == 0
