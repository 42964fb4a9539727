"""The task of an episode: started once, twice, after a kill, with URLs that have expired, and strict."""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hostile_service import response
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding
from odyssey_ros.dataset.episode_folders import EpisodeFolders
from odyssey_ros.dataset.episode_task import (
    DownloadOptions,
    EpisodeWork,
    ExpiredUrlsError,
    make_episode,
    prepare,
)
from odyssey_ros.dataset.errors import EpisodeError, StateError
from odyssey_ros.dataset.losses import IncompleteDataError, Loss
from odyssey_ros.dataset.service import RemoteStream
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lost_submissions import LossyAccount

    MakeVideo = Callable[..., Path]


@pytest.fixture
def work(account: LossyAccount, make_video: MakeVideo, tmp_path: Path) -> EpisodeWork:
    (tmp_path / "episodes").mkdir()
    (tmp_path / "work").mkdir()
    log = b'{"time_ms": 0, "type": "start", "prompt": "a cat"}\n{"time_ms": 9e3, "type": "end"}\n'
    stream = RemoteStream(
        "s",
        account.add_file("video", make_video().read_bytes()) + "?signature=secret",
        account.add_file("log", log) + "?signature=secret",
        start_time_ns=7,
        frame_count=12,
    )
    return EpisodeWork(
        "a",
        stream,
        EpisodeFolders(tmp_path, tmp_path / "work"),
        BagLayout(ImageEncoding.H264),
        provenance={"source": "test"},
        options=DownloadOptions(retries=0),
    )


def test_an_episode_is_made_once(account: LossyAccount, work: EpisodeWork) -> None:
    prepare(None)
    entry = make_episode(pickle.loads(pickle.dumps(work)))
    assert (entry.episode, entry.frames, entry.losses) == ("a", 12, {})
    assert entry.provenance == {"source": "test"}
    assert work.folders.finished("a") == entry
    assert not work.folders.partial_path("a").exists()
    requests = len(account.service.requests)
    assert make_episode(work) == entry
    assert len(account.service.requests) == requests


def test_the_text_of_the_argument_has_no_url(work: EpisodeWork) -> None:
    assert "signature" not in repr(work)


def test_a_start_after_a_kill_makes_the_same(
    work: EpisodeWork, make_video: MakeVideo, account: LossyAccount
) -> None:
    account.files["video"] = (make_video(300).read_bytes(), [])
    work = replace(work, layout=BagLayout(ImageEncoding.RAW))
    process = multiprocessing.get_context("spawn").Process(target=make_episode, args=(work,))
    process.start()
    wait_until(lambda: list(work.folders.partial_path("a").glob("*.mcap")))
    process.kill()
    process.join()
    assert work.folders.finished("a") is None
    assert make_episode(work).frames == 300
    assert not work.folders.partial_path("a").exists()


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_expired_urls_are_reported_and_the_download_is_kept(
    status: int, account: LossyAccount, work: EpisodeWork
) -> None:
    partial = work.folders.downloads("a") / "s.mp4.partial"
    partial.write_bytes(b"12345")
    account.service.answer = lambda _: [response(status)]
    with pytest.raises(ExpiredUrlsError) as caught:
        make_episode(work)
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.code, error.received) == (ErrorCode.DOWNLOAD_FAILED, 5)
    assert "signature" not in str(error)
    assert partial.exists()


def test_a_strict_episode_with_a_loss_leaves_no_bag(work: EpisodeWork) -> None:
    work = replace(work, is_strict=True, stream=replace(work.stream, events_url=None))
    with pytest.raises(IncompleteDataError) as caught:
        make_episode(work)
    assert caught.value.losses == {Loss.MISSING_PROMPTS: 1}
    assert not list((work.folders.folder / "episodes").iterdir())


def test_a_task_that_is_ended_leaves_no_bag(work: EpisodeWork) -> None:
    def end(frames: int) -> None:
        raise StateError(str(frames))

    with pytest.raises(StateError, match="1"):
        make_episode(work, end)
    assert not list((work.folders.folder / "episodes").iterdir())


def test_a_folder_that_is_gone(work: EpisodeWork) -> None:
    (work.folders.folder / "work").rmdir()
    with pytest.raises(EpisodeError, match="cannot write the episode") as caught:
        make_episode(work)
    assert caught.value.code is ErrorCode.DISK_FAILED


async def test_it_runs_on_a_thread_beside_an_event_loop(work: EpisodeWork) -> None:
    assert (await asyncio.to_thread(make_episode, work)).frames == 12
