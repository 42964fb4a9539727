"""Episodes of files, recordings and jobs, found and fetched in order."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from odyssey_ros.bridge.player.episode_library import (
    FileRequest,
    JobRequest,
    RecordingRequest,
    fetch_episodes,
    open_file,
)
from odyssey_ros.client import (
    ErrorCode,
    Odyssey,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyNotFoundError,
    SimulationJobStatus,
)
from odyssey_ros.client.types import SimulationJobDetail, SimulationStream
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.logs.events import MAX_LOG_BYTES
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.emulator import Emulator, EmulatorConfig
from small_video import write_video
from video_kinds import remux
from waiting import eventually

EVENTS = "\n".join(
    json.dumps(entry)
    for entry in (
        {"type": "start", "timestamp_ms": 0, "prompt": "a calm sea"},
        {"type": "interact", "timestamp_ms": 300, "prompt": "a red desert"},
    )
)
SCRIPTS = [
    [{"timestamp_ms": 0, "start": {"prompt": "a calm sea"}}, {"timestamp_ms": 300, "end": {}}],
    [{"timestamp_ms": 0, "start": {"prompt": "a forest"}}, {"timestamp_ms": 300, "end": {}}],
]
NO_RETRIES = RetryPolicy(retries=0)


class FakeObserver:
    """Records what the library reports."""

    def __init__(self):
        self.count, self.texts, self.episodes = None, [], {}

    def episodes_found(self, count):
        self.count = count

    def fetching(self, text):
        self.texts.append(text)

    def episode_fetched(self, number, episode):
        self.episodes[number] = episode


class FakeClient:
    """A client that knows one job, or raises an error."""

    api_url = "http://127.0.0.1:9"

    def __init__(self, answer):
        self.answer, self.closed = answer, False

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.closed = True

    async def get_simulate_status(self, job_id):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def make_job(status, *script_indexes, message=None):
    streams = [SimulationStream(f"stream{index}", script_index=index) for index in script_indexes]
    return SimulationJobDetail("j1", status, "low", "", error_message=message, streams=streams)


@pytest.fixture
def observer():
    return FakeObserver()


# -- files -------------------------------------------------------------------------------------------


async def test_a_file_is_the_only_episode(observer, tmp_path):
    await open_file(FileRequest(write_video(tmp_path / "walk.mp4")), observer)
    assert observer.count == 1
    fetched = observer.episodes[0]
    assert (fetched.episode.stream_id, fetched.script_index) == ("walk", -1)
    assert fetched.episode.events.prompts() == ()


async def test_the_events_log_beside_the_video_is_used(observer, tmp_path):
    (tmp_path / "walk.events.jsonl").write_text(EVENTS)
    await open_file(FileRequest(write_video(tmp_path / "walk.mp4")), observer)
    assert observer.episodes[0].episode.events.prompts() == ("a calm sea", "a red desert")


async def test_another_events_log_can_be_named(observer, tmp_path):
    (tmp_path / "log").write_text(EVENTS)
    await open_file(FileRequest(write_video(tmp_path / "walk.mp4"), tmp_path / "log"), observer)
    assert len(observer.episodes[0].episode.events.prompts()) == 2


async def test_losses_of_the_labels_are_one_warning_for_an_episode(observer, tmp_path):
    video = write_video(tmp_path / "walk.mp4")
    warnings = []
    await open_file(FileRequest(video), observer, warn=warnings.append)
    (tmp_path / "walk.events.jsonl").write_text(EVENTS + '\n{"type": "end", "timestamp_ms": 600}\n')
    await open_file(FileRequest(video), observer, warn=warnings.append)
    assert warnings == []
    (tmp_path / "walk.events.jsonl").write_text("nonsense\n" + EVENTS)
    await open_file(FileRequest(video), observer, warn=warnings.append)
    (warning,) = warnings
    assert warning.startswith("The labels of walk.mp4 are incomplete: cut_off_log: 1 (")
    assert "ignored_log_entries: 1 (" in warning
    (tmp_path / "walk.events.jsonl").write_text('{"type": "end", "timestamp_ms": 600}\n')
    await open_file(FileRequest(video), observer, warn=warnings.append)
    assert warnings[1].startswith("The labels of walk.mp4 are incomplete: missing_prompts: 1 (")


async def test_a_picture_that_the_video_lacks_is_a_warning(observer, tmp_path):
    whole = write_video(tmp_path / "whole.mp4", frames=12)
    video = remux(whole, tmp_path / "walk.mp4", "mp4", lambda packets: packets[:4] + packets[5:])
    warnings = []
    await open_file(FileRequest(video), observer, warn=warnings.append)
    (warning,) = warnings
    assert warning.startswith("The video walk.mp4 is incomplete: lost_references: 1 (")


async def test_a_file_that_is_not_a_video_is_an_error(observer, tmp_path):
    (tmp_path / "walk.mp4").write_bytes(b"not a video")
    await open_file(FileRequest(tmp_path / "walk.mp4"), observer)
    assert observer.count == 1
    assert observer.episodes[0].episode.code is ErrorCode.VIDEO_BROKEN


async def test_an_events_log_that_cannot_be_read_is_an_error(observer, tmp_path):
    await open_file(FileRequest(write_video(tmp_path / "walk.mp4"), tmp_path), observer)
    error = observer.episodes[0].episode
    assert error.code is ErrorCode.DISK_FAILED
    assert error.message == "the events log cannot be read: it is a folder"


async def test_a_pipe_in_place_of_the_events_log_is_an_error(observer, tmp_path):
    os.mkfifo(tmp_path / "walk.events.jsonl")
    await open_file(FileRequest(write_video(tmp_path / "walk.mp4")), observer)
    assert "it is not a regular file" in observer.episodes[0].episode.message


async def test_an_events_log_that_is_too_large_is_an_error(observer, tmp_path):
    with (tmp_path / "walk.events.jsonl").open("wb") as file:
        file.truncate(MAX_LOG_BYTES + 1)
    await open_file(FileRequest(write_video(tmp_path / "walk.mp4")), observer)
    error = observer.episodes[0].episode
    assert (error.code, error.message) == (
        ErrorCode.WRONG_SIZE,
        "the events log cannot be read: it is larger than 8 MiB",
    )


# -- jobs and recordings -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "request_", "code", "message"),
    [
        (make_job(SimulationJobStatus.FAILED), JobRequest("j1"), ErrorCode.JOB_FAILED, "job j1 failed$"),
        (
            make_job(SimulationJobStatus.FAILED, message="no room"),
            JobRequest("j1"),
            ErrorCode.JOB_FAILED,
            "job j1 failed: no room",
        ),
        (make_job(SimulationJobStatus.CANCELLED), JobRequest("j1"), ErrorCode.JOB_CANCELLED, "was cancelled"),
        (make_job(SimulationJobStatus.PENDING), JobRequest("j1"), ErrorCode.JOB_NOT_FINISHED, "is pending"),
        (
            make_job(SimulationJobStatus.COMPLETED, 0, 1),
            JobRequest("j1", 5),
            ErrorCode.NO_SUCH_SCRIPT,
            "no stream of script 5; it has 2",
        ),
        (make_job(SimulationJobStatus.COMPLETED), JobRequest("j1"), ErrorCode.NO_VIDEO, "made no streams"),
        (OdysseyNotFoundError("no job"), JobRequest("j1"), ErrorCode.NOT_FOUND, "no job"),
    ],
)
async def test_a_job_that_cannot_be_played(observer, tmp_path, answer, request_, code, message):
    client = FakeClient(answer)
    with pytest.raises(OdysseyError, match=message) as raised:
        await fetch_episodes(request_, client, tmp_path, observer, NO_RETRIES)
    assert raised.value.code is code
    assert client.closed
    assert observer.count is None


@pytest.fixture
async def emulator():
    async with Emulator(EmulatorConfig()) as running:
        yield running


def client_of(emulator):
    return Odyssey("ody_local", api_url=emulator.url)


async def completed_job(emulator):
    """Return a completed job of two scripts."""
    async with client_of(emulator) as client:
        job = await client.simulate(scripts=SCRIPTS, portrait=False)

        async def completed():
            detail = await client.get_simulate_status(job.job_id)
            return detail if detail.status is SimulationJobStatus.COMPLETED else None

        return await eventually(completed, "the job")


async def test_all_streams_of_a_job_are_fetched_in_order(emulator, observer, tmp_path):
    job = await completed_job(emulator)
    await fetch_episodes(JobRequest(job.job_id), client_of(emulator), tmp_path, observer)
    assert observer.count == 2
    assert list(observer.episodes) == [0, 1]
    for number, prompt in enumerate(("a calm sea", "a forest")):
        fetched = observer.episodes[number]
        assert fetched.script_index == number
        assert isinstance(fetched.episode, Episode)
        assert fetched.episode.video_path.parent == tmp_path
        assert fetched.episode.events.prompts()[0].startswith(prompt)
    assert any(text.startswith("episode 1 of 2: downloading") for text in observer.texts)


async def test_one_stream_of_a_job(emulator, observer, tmp_path):
    job = await completed_job(emulator)
    warnings = []
    await fetch_episodes(
        JobRequest(job.job_id, 1), client_of(emulator), tmp_path, observer, warn=warnings.append
    )
    assert warnings == []
    assert observer.count == 1
    assert observer.episodes[0].script_index == 1


async def test_a_recording_that_does_not_exist_is_the_error_of_its_episode(emulator, observer, tmp_path):
    await fetch_episodes(RecordingRequest("nothing"), client_of(emulator), tmp_path, observer, NO_RETRIES)
    assert observer.count == 1
    error = observer.episodes[0].episode
    assert isinstance(error, EpisodeError)
    assert error.code is ErrorCode.NO_VIDEO


async def test_retries_are_reported(observer, tmp_path):
    async def no_wait(seconds):
        await asyncio.sleep(0)

    client = FakeClient(OdysseyConnectionError("cannot reach it", code=ErrorCode.UNREACHABLE))
    retry_policy = RetryPolicy(retries=2, sleep=no_wait)
    with pytest.raises(OdysseyConnectionError):
        await fetch_episodes(JobRequest("j1"), client, tmp_path, observer, retry_policy)
    assert len(observer.texts) == 2
    assert all(text.startswith("cannot reach it; ") for text in observer.texts)
