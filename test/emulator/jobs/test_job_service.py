"""Simulation jobs are queued, rendered, cancelled, restarted after a crash, and kept over restarts."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import psutil
import pytest
from aiohttp import web
from PIL import Image

from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError
from odyssey_ros.emulator.jobs.job import Job, JobStatus
from odyssey_ros.emulator.jobs.job_request import JobRequest
from odyssey_ros.emulator.jobs.job_service import JobNotCancellableError, JobService, QueueFullError
from odyssey_ros.emulator.media.recording import Artifact
from odyssey_ros.emulator.media.recordings import RecordingStore
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

START = {"timestamp_ms": 0, "start": {"prompt": "a forest"}}
RAIN = {"timestamp_ms": 500, "interact": {"prompt": "it rains"}}
END = {"timestamp_ms": 1000, "end": {}}
SCRIPT = [START, RAIN, END]


def request(**body: object) -> JobRequest:
    return JobRequest.parse(Fields(body or {"script": SCRIPT, "portrait": False, "output_video": True}))


class Gate:
    """Holds every job before a state until the gate is opened; then fails the job if there is a reason."""

    def __init__(self, held: JobStatus, reason: str | None = None) -> None:
        self.held = held
        self.reason = reason
        self.opened = asyncio.Event()
        self.waiting: set[str] = set()

    async def before(self, job_id: str, status: JobStatus) -> str | None:
        if status is not self.held:
            return None
        self.waiting.add(job_id)
        await self.opened.wait()
        return self.reason


class Harness:
    """A job service and its recordings in one folder; the service can be restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recordings = RecordingStore(folder / "recordings")
        self.service: JobService

    async def start(self, **options: Any) -> JobService:
        self.recordings = RecordingStore(self.folder / "recordings")
        self.service = JobService(self.folder / "jobs", self.recordings, **options)
        await self.service.start()
        return self.service

    async def done(self, job: Job) -> Job:
        await eventually(lambda: not self.service.get(job.job_id).status.active)
        return self.service.get(job.job_id)

    async def done_or_forgotten(self, job: Job) -> None:
        def ended() -> bool:
            known = self.service.get(job.job_id)
            return known is None or not known.status.active

        await eventually(ended)

    def video(self, job: Job, index: int = 0) -> list[Any]:
        path = self.recordings.path(job.streams[index].stream_id, Artifact.VIDEO)
        with av.open(path) as video:
            return [read_marker(frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]


def workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        # A process that has just ended has no command line.
        with contextlib.suppress(psutil.NoSuchProcess):
            if "odyssey_ros.emulator.jobs.render_worker" in child.cmdline():
                found.append(child)
    return found


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[Harness]:
    harness = Harness(tmp_path)
    yield harness
    await harness.service.close()
    assert workers() == []


def json_of(harness: Harness, job: Job) -> dict[str, Any]:
    return job.detail_json(
        harness.recordings.get,
        lambda stream_id, artifact: f"https://x/{stream_id}/{artifact.value}",
        harness.service.estimated_wait_minutes(job),
    )


async def test_a_job_renders_its_script(harness: Harness) -> None:
    service = await harness.start()
    job = await service.submit("local", request())
    assert (job.status, job.retry_count, job.streams) == (JobStatus.PENDING, 0, ())
    done = await harness.done(job)
    assert done.error_message is None
    assert done.status is JobStatus.COMPLETED
    assert done.created_at <= done.dispatched_at <= done.started_at <= done.completed_at
    markers = harness.video(done)
    assert [marker.counter for marker in markers] == list(range(20))
    assert [marker.stream_time_ms for marker in markers] == [counter * 50 for counter in range(20)]
    prompts = [prompt_digest("a forest")] * 10 + [prompt_digest("it rains")] * 10
    assert [marker.prompt_id for marker in markers] == prompts
    events = harness.recordings.path(done.streams[0].stream_id, Artifact.EVENTS).read_text().split("\n")[:-1]
    assert [
        (event["timestamp_ms"], event["type"], event.get("prompt")) for event in map(json.loads, events)
    ] == [
        (0, "start", "a forest"),
        (500, "interact", "it rains"),
        (1000, "end", None),
    ]
    # A simulation is found by its id and is not listed among the account's streams.
    assert harness.recordings.page("local", 10) == ([], 0)


async def test_jobs_have_the_documented_fields(harness: Harness) -> None:
    service = await harness.start()
    job = await service.submit("local", request())
    assert set(json_of(harness, job)) == {
        "job_id",
        "status",
        "priority",
        "created_at",
        "dispatched_at",
        "started_at",
        "completed_at",
        "error_message",
        "assigned_region",
        "retry_count",
        "estimated_wait_minutes",
        "streams",
    }
    assert json_of(harness, job)["estimated_wait_minutes"] == 0
    done = await harness.done(job)
    stream_id = done.streams[0].stream_id
    detail = json_of(harness, done)
    assert detail["assigned_region"] == "local"
    assert detail["estimated_wait_minutes"] is None
    assert detail["streams"] == [
        {
            "stream_id": stream_id,
            "video_url": f"https://x/{stream_id}/video.mp4",
            "events_url": f"https://x/{stream_id}/events.jsonl",
            "thumbnail_url": f"https://x/{stream_id}/thumbnail.jpg",
            "preview_url": f"https://x/{stream_id}/preview.mp4",
            "frame_count": 20,
            "duration_seconds": 1.0,
            "script_index": 0,
        }
    ]
    assert done.summary_json() == {
        "job_id": done.job_id,
        "status": "completed",
        "priority": "normal",
        "created_at": done.created_at.isoformat(),
        "completed_at": done.completed_at.isoformat(),
        "error_message": None,
    }


async def test_a_batch_has_one_output_for_each_script(harness: Harness) -> None:
    service = await harness.start(workers=2)
    scripts = [
        [{"timestamp_ms": 0, "start": {"prompt": prompt}}, {"timestamp_ms": 200, "end": {}}]
        for prompt in ("a forest", "a city", "the sea")
    ]
    job = await service.submit("local", request(scripts=scripts, portrait=True, output_video=False))
    done = await harness.done(job)
    assert done.status is JobStatus.COMPLETED
    assert [stream.script_index for stream in done.streams] == [0, 1, 2]
    for index, prompt in enumerate(("a forest", "a city", "the sea")):
        assert harness.video(done, index)[0].prompt_id == prompt_digest(prompt)
        recording = harness.recordings.get(done.streams[index].stream_id)
        assert (recording.width, recording.height) == (704, 1280)
    urls = json_of(harness, done)["streams"][0]
    assert (urls["video_url"], urls["preview_url"]) == (None, None)
    assert urls["events_url"] is not None


def data_url(colour: tuple[int, int, int]) -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), colour).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


async def test_a_simulation_starts_from_its_input_image(harness: Harness) -> None:
    service = await harness.start()
    start = {"timestamp_ms": 0, "start": {"prompt": "x", "image": data_url((200, 30, 60))}}
    job = await service.submit("local", request(script=[start, {"timestamp_ms": 100, "end": {}}]))
    done = await harness.done(job)
    assert done.error_message is None
    with Image.open(harness.recordings.path(done.streams[0].stream_id, Artifact.THUMBNAIL)) as thumbnail:
        np.testing.assert_allclose(np.asarray(thumbnail)[40, 80], (200, 30, 60), atol=14)


async def test_an_invalid_image_is_refused_at_submission(harness: Harness) -> None:
    service = await harness.start()
    start = {"timestamp_ms": 0, "start": {"prompt": "x", "image": "data:image/png;base64,AAAA"}}
    with pytest.raises(InvalidFieldError, match="image"):
        await service.submit("local", request(script=[start, END]))
    assert service.page("local") == ([], 0)


@pytest.mark.parametrize("state", [JobStatus.DISPATCHED, JobStatus.PROCESSING])
async def test_pending_and_dispatched_jobs_can_be_cancelled(harness: Harness, state: JobStatus) -> None:
    gate = Gate(state)
    service = await harness.start(faults=gate)
    first = await service.submit("local", request())
    second = await service.submit("local", request())
    await eventually(lambda: first.job_id in gate.waiting)
    for job in (first, second):
        cancelled = await service.cancel(job.job_id)
        assert cancelled.status is JobStatus.CANCELLED
        assert cancelled.completed_at is not None
        with pytest.raises(JobNotCancellableError, match="a cancelled job"):
            await service.cancel(job.job_id)
    gate.opened.set()
    third = await service.submit("local", request())
    assert (await harness.done(third)).status is JobStatus.COMPLETED
    assert service.get(first.job_id).status is JobStatus.CANCELLED


async def test_processing_and_finished_jobs_cannot_be_cancelled(harness: Harness) -> None:
    gate = Gate(JobStatus.COMPLETED)
    service = await harness.start(faults=gate)
    job = await service.submit("local", request())
    await eventually(lambda: job.job_id in gate.waiting)
    with pytest.raises(JobNotCancellableError, match="a processing job"):
        await service.cancel(job.job_id)
    gate.opened.set()
    await harness.done(job)
    with pytest.raises(JobNotCancellableError, match="a completed job"):
        await service.cancel(job.job_id)
    with pytest.raises(KeyError):
        await service.cancel("unknown")


@pytest.mark.parametrize("state", [JobStatus.DISPATCHED, JobStatus.PROCESSING, JobStatus.COMPLETED])
async def test_a_fault_fails_a_job_before_a_state(harness: Harness, state: JobStatus) -> None:
    gate = Gate(state, "the model crashed")
    gate.opened.set()
    service = await harness.start(faults=gate)
    done = await harness.done(await service.submit("local", request()))
    assert (done.status, done.error_message) == (JobStatus.FAILED, "the model crashed")
    assert done.completed_at is not None


async def test_the_queue_is_bounded_for_each_account(harness: Harness) -> None:
    gate = Gate(JobStatus.DISPATCHED)
    service = await harness.start(faults=gate, queue_limit=3)
    results = await asyncio.gather(
        *(service.submit("local", request()) for _ in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [Job, Job, Job, QueueFullError, QueueFullError]
    await service.submit("other", request())
    await service.cancel(results[0].job_id)
    await service.submit("local", request())


async def test_jobs_are_listed_newest_first_and_filtered(harness: Harness) -> None:
    gate = Gate(JobStatus.PROCESSING)
    service = await harness.start(faults=gate)
    jobs = [await service.submit("local", request()) for _ in range(4)]
    await service.submit("other", request())
    await service.cancel(jobs[1].job_id)
    await eventually(lambda: jobs[0].job_id in gate.waiting)

    def ids(*args: int, **filters: Any) -> tuple[list[str], int]:
        page, total = service.page("local", *args, **filters)
        return [job.job_id for job in page], total

    newest = [job.job_id for job in reversed(jobs)]
    assert ids() == (newest, 4)
    assert ids(2, 1) == (newest[1:3], 4)
    assert ids(active=True) == ([jobs[3].job_id, jobs[2].job_id, jobs[0].job_id], 3)
    assert ids(active=False) == ([jobs[1].job_id], 1)
    assert ids(status=JobStatus.DISPATCHED) == ([jobs[0].job_id], 1)
    assert ids(status=JobStatus.FAILED) == ([], 0)


async def test_the_estimated_wait_grows_with_the_queue(harness: Harness) -> None:
    service = await harness.start(faults=Gate(JobStatus.DISPATCHED))
    long = [START, {"timestamp_ms": 600_000, "end": {}}]
    jobs = [await service.submit("local", request(script=long)) for _ in range(3)]
    assert [service.estimated_wait_minutes(job) for job in jobs] == [0, 2, 4]


async def test_jobs_are_kept_over_a_restart(harness: Harness) -> None:
    service = await harness.start(faults=Gate(JobStatus.PROCESSING))
    done_before = await service.submit("local", request())
    await service.cancel(done_before.job_id)
    queued = [await service.submit("local", request()) for _ in range(2)]
    await service.close()

    service = await harness.start()
    for job in queued:
        done = await harness.done(job)
        assert (done.status, done.retry_count) == (JobStatus.COMPLETED, 0)
        assert len(harness.video(done)) == 20
    await service.close()

    service = await harness.start()
    assert service.page("local")[1] == 3
    assert service.get(done_before.job_id).status is JobStatus.CANCELLED
    assert json_of(harness, service.get(queued[0].job_id))["streams"][0]["video_url"] is not None


async def test_a_job_that_was_processing_is_restarted(harness: Harness) -> None:
    gate = Gate(JobStatus.COMPLETED)
    service = await harness.start(faults=gate)
    job = await service.submit("local", request())
    await eventually(lambda: job.job_id in gate.waiting)
    first_streams = service.get(job.job_id).streams
    await service.close()

    service = await harness.start()
    done = await harness.done(job)
    assert (done.status, done.retry_count) == (JobStatus.COMPLETED, 1)
    assert done.streams != first_streams
    assert harness.recordings.get(first_streams[0].stream_id) is None


async def test_damaged_and_left_over_files_do_no_harm(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    service = await harness.start(faults=Gate(JobStatus.DISPATCHED))
    lost, kept = [await service.submit("local", request()) for _ in range(2)]
    await service.close()
    folder = harness.folder / "jobs"
    (folder / "damaged.json").write_text("{")
    (folder / "cut.partial").write_text("")
    (folder / "orphan.scripts.json").write_text("{}")
    (folder / f"{lost.job_id}.scripts.json").unlink()

    service = await harness.start()
    assert "is not a valid simulation job" in caplog.text
    assert not (folder / "cut.partial").exists()
    assert not (folder / "orphan.scripts.json").exists()
    assert (await harness.done(lost)).error_message == "The script was lost"
    assert (await harness.done(kept)).status is JobStatus.COMPLETED


LONG = [START, {"timestamp_ms": 300_000, "end": {}}]


async def test_a_crashed_worker_is_replaced_until_the_retries_are_used_up(harness: Harness) -> None:
    service = await harness.start()
    job = await service.submit("local", request(script=LONG))
    for retries in range(4):
        await eventually(lambda: service.get(job.job_id).retry_count == retries and bool(workers()))  # noqa: B023
        os.kill(workers()[0].pid, signal.SIGKILL)
        await eventually(lambda: not workers() or service.get(job.job_id).retry_count > retries)  # noqa: B023
    done = await harness.done(job)
    assert (done.status, done.retry_count) == (JobStatus.FAILED, 3)
    assert done.error_message == "The simulation failed repeatedly"


async def test_closing_the_service_ends_its_workers(harness: Harness) -> None:
    service = await harness.start(workers=2)
    await service.submit("local", request(scripts=[LONG, LONG]))
    await eventually(lambda: len(workers()) == 2)
    await service.close()
    assert workers() == []


async def test_workers_have_a_low_priority_and_a_bounded_number(harness: Harness) -> None:
    service = await harness.start(workers=1)
    await service.submit("local", request(scripts=[LONG, LONG]))
    lowest = 19
    lower = min(psutil.Process().nice() + 10, lowest)
    await eventually(lambda: any(worker.nice() == lower for worker in workers()))
    assert len(workers()) == 1


@pytest.fixture
async def script_server() -> AsyncIterator[str]:
    """Base URL of a server with a script, and with a script whose input image is invalid."""

    async def script(_: web.Request) -> web.Response:
        return web.json_response(SCRIPT)

    async def image(_: web.Request) -> web.Response:
        start = {"timestamp_ms": 0, "start": {"prompt": "x", "image": "data:image/png;base64,AAAA"}}
        return web.json_response([start, END])

    app = web.Application()
    app.router.add_get("/script", script)
    app.router.add_get("/image", image)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_script_is_fetched_and_rendered(harness: Harness, script_server: str) -> None:
    service = await harness.start(allow_private_urls=True)
    done = await harness.done(await service.submit("local", request(script_url=f"{script_server}/script")))
    assert done.error_message is None
    assert [marker.counter for marker in harness.video(done)] == list(range(20))


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (
            "missing",
            "The script could not be fetched from its script_url; the log of the emulator has the reason",
        ),
        ("image", "The script is not valid: scripts.0.0.start.image: the image cannot be decoded"),
    ],
)
async def test_an_unusable_script_fails_the_job_without_its_url(
    harness: Harness, script_server: str, path: str, problem: str
) -> None:
    service = await harness.start(allow_private_urls=True)
    done = await harness.done(
        await service.submit("local", request(script_url=f"{script_server}/{path}?secret=s3"))
    )
    assert (done.status, done.error_message) == (JobStatus.FAILED, problem)


async def test_a_script_of_this_machine_is_not_fetched_by_default(
    harness: Harness, script_server: str
) -> None:
    service = await harness.start()
    done = await harness.done(await service.submit("local", request(script_url=f"{script_server}/script")))
    assert done.status is JobStatus.FAILED
    assert "--allow-private-script-urls" in str(done.error_message)


async def test_the_oldest_finished_jobs_are_forgotten(harness: Harness) -> None:
    service = await harness.start(max_finished=3, queue_limit=None)
    for _ in range(3):
        jobs = [await service.submit("local", request(script_url="http://127.0.0.1:9/")) for _ in range(4)]
        for job in jobs:
            await harness.done_or_forgotten(job)
    listed, total = service.page("local")
    assert total == 3
    assert len(list((harness.folder / "jobs").glob("*.json"))) == 3
    assert {job.job_id for job in listed} == {path.stem for path in (harness.folder / "jobs").glob("*.json")}
    assert jobs[-1].job_id in {job.job_id for job in listed}
