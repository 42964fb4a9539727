"""The progress of a task in another process, and a task that is lost."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset import task_progress
from odyssey_ros.dataset.bag_layout import BagLayout
from odyssey_ros.dataset.engines.task_engine import LostTaskError
from odyssey_ros.dataset.episode_folders import EpisodeFolders
from odyssey_ros.dataset.episode_task import EpisodeWork
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.service import RemoteStream
from odyssey_ros.dataset.task_progress import followed
from waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


class Progress:
    def __init__(self) -> None:
        self.phases: list[tuple[Any, ...]] = []

    def phase(self, *shown: Any) -> None:
        self.phases.append(shown)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EpisodeWork:
    monkeypatch.setattr(task_progress, "_POLL_S", 0.01)
    (tmp_path / "work").mkdir()
    folders = EpisodeFolders(tmp_path, tmp_path / "work")
    return EpisodeWork("a", RemoteStream("s", "https://files/1", None), folders, BagLayout())


async def test_sizes_of_files_show_the_progress(work: EpisodeWork) -> None:
    progress: Any = Progress()
    task: Future[Any] = Future()
    following = asyncio.create_task(followed(task, work, progress))
    downloads = work.folders.downloads("a")
    (downloads / "s.mp4.etag").write_text('"1"\n\n9000')
    (downloads / "s.mp4.partial").write_bytes(bytes(5000))
    await eventually(lambda: ("downloading", 5, 9, "kB") in progress.phases, "the download")
    bag = work.folders.partial_path("a")
    bag.mkdir(parents=True)
    (bag / "a_0.mcap").write_bytes(bytes(7000))
    await eventually(lambda: ("writing", 7, None, "kB") in progress.phases, "the bag")
    task.set_result("entry")
    assert await following == "entry"


async def test_a_lost_task_fails_its_episode(work: EpisodeWork) -> None:
    task: Future[Any] = Future()
    task.set_exception(LostTaskError("the node died"))
    progress: Any = Progress()
    with pytest.raises(EpisodeError, match="the node died") as caught:
        await followed(task, work, progress)
    assert caught.value.code is ErrorCode.INTERNAL


async def test_an_early_end_cancels_the_task(work: EpisodeWork) -> None:
    task: Future[Any] = Future()
    progress: Any = Progress()
    following = asyncio.create_task(followed(task, work, progress))
    await asyncio.sleep(0)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert task.cancelled()
