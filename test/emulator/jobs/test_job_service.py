"""Simulation jobs run as their scripts say, survive restarts, and fail and stop as they should."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import signal
import sys
from datetime import datetime, timezone
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
from odyssey_ros.emulator.jobs.rendering import RenderTask
from odyssey_ros.emulator.jobs.scripts import parse_script
from odyssey_ros.emulator.media.recording import Artifact
from odyssey_ros.emulator.media.recordings import RecordingStore
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PATIENCE = 200  # seconds: a busy machine takes long to start processes
pytestmark = pytest.mark.timeout(3 * PATIENCE)

START = {"timestamp_ms": 0, "start": {"prompt": "a forest"}}
RAIN = {"timestamp_ms": 500, "interact": {"prompt": "it rains"}}
END = {"timestamp_ms": 1000, "end": {}}
SCRIPT = [START, RAIN, END]


def request(**body: object) -> JobRequest:
    return JobRequest.parse(Fields(body or {"script": SCRIPT, "portrait": False, "output_video": True}))


class Gate:
    """Holds every job before a state until it is opened, or fails it."""

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


class Bench:
    """A store and a service over one folder, which can be restarted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recordings = RecordingStore(folder / "recordings")
        self.service: JobService

    async def start(self, **options: Any) -> JobService:
        self.recordings = RecordingStore(self.folder / "recordings")
        self.service = JobService(self.folder / "jobs", self.recordings, **options)
        await self.service.start()
        return self.service

    async def until(self, condition: Callable[[], bool]) -> None:
        async def poll() -> None:
            while not condition():  # noqa: ASYNC110 - the condition is in files and processes
                await asyncio.sleep(0.01)

        await asyncio.wait_for(poll(), PATIENCE)

    async def done(self, job: Job) -> Job:
        await self.until(lambda: not self.service.get(job.job_id).status.active)
        return self.service.get(job.job_id)

    def video(self, job: Job, index: int = 0) -> list[Any]:
        path = self.recordings.path(job.streams[index].stream_id, Artifact.VIDEO)
        with av.open(path) as video:
            return [read_marker(frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]


def workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        # One that ended this moment has no command line any more.
        with contextlib.suppress(psutil.NoSuchProcess):
            if "odyssey_ros.emulator.jobs.render_worker" in child.cmdline():
                found.append(child)
    return found


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.service.close()
    assert workers() == []


def json_of(bench: Bench, job: Job) -> dict[str, Any]:
    return job.detail_json(
        bench.recordings.get,
        lambda stream_id, artifact: f"https://x/{stream_id}/{artifact.value}",
        bench.service.estimated_wait_minutes(job),
    )


async def test_a_job_renders_its_script(bench: Bench) -> None:
    service = await bench.start()
    job = await service.submit("local", request())
    assert (job.status, job.retry_count, job.streams) == (JobStatus.PENDING, 0, ())
    done = await bench.done(job)
    assert done.error_message is None
    assert done.status is JobStatus.COMPLETED
    assert done.created_at <= done.dispatched_at <= done.started_at <= done.completed_at
    markers = bench.video(done)
    assert [marker.counter for marker in markers] == list(range(20))
    assert [marker.stream_time_ms for marker in markers] == [counter * 50 for counter in range(20)]
    prompts = [prompt_digest("a forest")] * 10 + [prompt_digest("it rains")] * 10
    assert [marker.prompt_id for marker in markers] == prompts
    events = bench.recordings.path(done.streams[0].stream_id, Artifact.EVENTS).read_text().splitlines()
    assert [
        (event["timestamp_ms"], event["type"], event.get("prompt")) for event in map(json.loads, events)
    ] == [
        (0, "start", "a forest"),
        (500, "interact", "it rains"),
        (1000, "end", None),
    ]
    # Found by its id, not listed among the account's streams.
    assert bench.recordings.page("local", 10) == ([], 0)


async def test_the_wire_shapes(bench: Bench) -> None:
    service = await bench.start()
    job = await service.submit("local", request())
    assert set(json_of(bench, job)) == {
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
    assert json_of(bench, job)["estimated_wait_minutes"] == 0
    done = await bench.done(job)
    stream_id = done.streams[0].stream_id
    detail = json_of(bench, done)
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


async def test_a_batch_has_one_output_a_script(bench: Bench) -> None:
    service = await bench.start(workers=2)
    scripts = [
        [{"timestamp_ms": 0, "start": {"prompt": prompt}}, {"timestamp_ms": 200, "end": {}}]
        for prompt in ("a forest", "a city", "the sea")
    ]
    job = await service.submit("local", request(scripts=scripts, portrait=True, output_video=False))
    done = await bench.done(job)
    assert done.status is JobStatus.COMPLETED
    assert [stream.script_index for stream in done.streams] == [0, 1, 2]
    for index, prompt in enumerate(("a forest", "a city", "the sea")):
        assert bench.video(done, index)[0].prompt_id == prompt_digest(prompt)
        recording = bench.recordings.get(done.streams[index].stream_id)
        assert (recording.width, recording.height) == (704, 1280)
    urls = json_of(bench, done)["streams"][0]
    assert (urls["video_url"], urls["preview_url"]) == (None, None)
    assert urls["events_url"] is not None


def data_url(colour: tuple[int, int, int]) -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), colour).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


async def test_a_simulation_begins_from_its_picture(bench: Bench) -> None:
    service = await bench.start()
    start = {"timestamp_ms": 0, "start": {"prompt": "x", "image": data_url((200, 30, 60))}}
    job = await service.submit("local", request(script=[start, {"timestamp_ms": 100, "end": {}}]))
    done = await bench.done(job)
    assert done.error_message is None
    with Image.open(bench.recordings.path(done.streams[0].stream_id, Artifact.THUMBNAIL)) as thumbnail:
        np.testing.assert_allclose(np.asarray(thumbnail)[40, 80], (200, 30, 60), atol=14)


async def test_an_image_that_is_none_is_refused_at_once(bench: Bench) -> None:
    service = await bench.start()
    start = {"timestamp_ms": 0, "start": {"prompt": "x", "image": "data:image/png;base64,AAAA"}}
    with pytest.raises(InvalidFieldError, match="image"):
        await service.submit("local", request(script=[start, END]))
    assert service.page("local") == ([], 0)


@pytest.mark.parametrize("state", [JobStatus.DISPATCHED, JobStatus.PROCESSING])
async def test_pending_and_dispatched_jobs_can_be_cancelled(bench: Bench, state: JobStatus) -> None:
    gate = Gate(state)
    service = await bench.start(faults=gate)
    first = await service.submit("local", request())
    second = await service.submit("local", request())
    await bench.until(lambda: first.job_id in gate.waiting)
    for job in (first, second):
        cancelled = await service.cancel(job.job_id)
        assert cancelled.status is JobStatus.CANCELLED
        assert cancelled.completed_at is not None
        with pytest.raises(JobNotCancellableError, match="a cancelled job"):
            await service.cancel(job.job_id)
    gate.opened.set()
    third = await service.submit("local", request())
    assert (await bench.done(third)).status is JobStatus.COMPLETED
    assert service.get(first.job_id).status is JobStatus.CANCELLED


async def test_processing_and_finished_jobs_cannot_be_cancelled(bench: Bench) -> None:
    gate = Gate(JobStatus.COMPLETED)
    service = await bench.start(faults=gate)
    job = await service.submit("local", request())
    await bench.until(lambda: job.job_id in gate.waiting)
    with pytest.raises(JobNotCancellableError, match="a processing job"):
        await service.cancel(job.job_id)
    gate.opened.set()
    await bench.done(job)
    with pytest.raises(JobNotCancellableError, match="a completed job"):
        await service.cancel(job.job_id)
    with pytest.raises(KeyError):
        await service.cancel("unknown")


@pytest.mark.parametrize("state", [JobStatus.DISPATCHED, JobStatus.PROCESSING, JobStatus.COMPLETED])
async def test_jobs_fail_on_command(bench: Bench, state: JobStatus) -> None:
    gate = Gate(state, "the model crashed")
    gate.opened.set()
    service = await bench.start(faults=gate)
    done = await bench.done(await service.submit("local", request()))
    assert (done.status, done.error_message) == (JobStatus.FAILED, "the model crashed")
    assert done.completed_at is not None


async def test_the_queue_is_bounded_for_each_account(bench: Bench) -> None:
    gate = Gate(JobStatus.DISPATCHED)
    service = await bench.start(faults=gate, queue_limit=3)
    results = await asyncio.gather(
        *(service.submit("local", request()) for _ in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [Job, Job, Job, QueueFullError, QueueFullError]
    await service.submit("other", request())
    await service.cancel(results[0].job_id)
    await service.submit("local", request())


async def test_listing(bench: Bench) -> None:
    gate = Gate(JobStatus.PROCESSING)
    service = await bench.start(faults=gate)
    jobs = [await service.submit("local", request()) for _ in range(4)]
    await service.submit("other", request())
    await service.cancel(jobs[1].job_id)
    await bench.until(lambda: jobs[0].job_id in gate.waiting)

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


async def test_waiting_times_grow_with_the_queue(bench: Bench) -> None:
    service = await bench.start(faults=Gate(JobStatus.DISPATCHED))
    long = [START, {"timestamp_ms": 600_000, "end": {}}]
    jobs = [await service.submit("local", request(script=long)) for _ in range(3)]
    assert [service.estimated_wait_minutes(job) for job in jobs] == [0, 2, 4]


async def test_jobs_outlive_a_restart(bench: Bench) -> None:
    service = await bench.start(faults=Gate(JobStatus.PROCESSING))
    done_before = await service.submit("local", request())
    await service.cancel(done_before.job_id)
    queued = [await service.submit("local", request()) for _ in range(2)]
    await service.close()

    service = await bench.start()
    for job in queued:
        done = await bench.done(job)
        assert (done.status, done.retry_count) == (JobStatus.COMPLETED, 0)
        assert len(bench.video(done)) == 20
    await service.close()

    service = await bench.start()
    assert service.page("local")[1] == 3
    assert service.get(done_before.job_id).status is JobStatus.CANCELLED
    assert json_of(bench, service.get(queued[0].job_id))["streams"][0]["video_url"] is not None


async def test_a_job_that_was_processing_is_begun_again(bench: Bench) -> None:
    gate = Gate(JobStatus.COMPLETED)
    service = await bench.start(faults=gate)
    job = await service.submit("local", request())
    await bench.until(lambda: job.job_id in gate.waiting)
    first_streams = service.get(job.job_id).streams
    await service.close()

    service = await bench.start()
    done = await bench.done(job)
    assert (done.status, done.retry_count) == (JobStatus.COMPLETED, 1)
    assert done.streams != first_streams
    assert bench.recordings.get(first_streams[0].stream_id) is None


async def test_damaged_and_left_over_files_harm_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    service = await bench.start(faults=Gate(JobStatus.DISPATCHED))
    lost, kept = [await service.submit("local", request()) for _ in range(2)]
    await service.close()
    folder = bench.folder / "jobs"
    (folder / "damaged.json").write_text("{")
    (folder / "cut.partial").write_text("")
    (folder / "orphan.scripts.json").write_text("{}")
    (folder / f"{lost.job_id}.scripts.json").unlink()

    service = await bench.start()
    assert "is not a valid simulation job" in caplog.text
    assert not (folder / "cut.partial").exists()
    assert not (folder / "orphan.scripts.json").exists()
    assert (await bench.done(lost)).error_message == "The script was lost"
    assert (await bench.done(kept)).status is JobStatus.COMPLETED


LONG = [START, {"timestamp_ms": 300_000, "end": {}}]


async def test_a_worker_that_dies_is_replaced_and_a_stubborn_job_fails(bench: Bench) -> None:
    service = await bench.start()
    job = await service.submit("local", request(script=LONG))
    for retries in range(4):
        await bench.until(lambda: service.get(job.job_id).retry_count == retries and bool(workers()))  # noqa: B023
        os.kill(workers()[0].pid, signal.SIGKILL)
        await bench.until(lambda: not workers() or service.get(job.job_id).retry_count > retries)  # noqa: B023
    done = await bench.done(job)
    assert (done.status, done.retry_count) == (JobStatus.FAILED, 3)
    assert done.error_message == "The simulation failed repeatedly"


async def test_closing_ends_the_workers(bench: Bench) -> None:
    service = await bench.start(workers=2)
    await service.submit("local", request(scripts=[LONG, LONG]))
    await bench.until(lambda: len(workers()) == 2)
    await service.close()
    assert workers() == []


async def test_workers_give_way_to_live_streams(bench: Bench) -> None:
    service = await bench.start(workers=1)
    await service.submit("local", request(scripts=[LONG, LONG]))
    lowest = 19
    lower = min(psutil.Process().nice() + 10, lowest)
    await bench.until(lambda: any(worker.nice() == lower for worker in workers()))
    assert len(workers()) == 1


@pytest.fixture
async def script_server() -> AsyncIterator[str]:
    async def script(_: web.Request) -> web.Response:
        return web.json_response(SCRIPT)

    async def text(_: web.Request) -> web.Response:
        return web.Response(text="{")

    async def wrong(_: web.Request) -> web.Response:
        return web.json_response([START])

    async def endless(incoming: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(incoming)
        for _ in range(60):
            await response.write(bytes(1024 * 1024))
        return response

    app = web.Application()
    app.router.add_get("/script.json", script)
    app.router.add_get("/text", text)
    app.router.add_get("/wrong", wrong)
    app.router.add_get("/endless", endless)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_scripts_are_fetched(bench: Bench, script_server: str) -> None:
    service = await bench.start()
    done = await bench.done(
        await service.submit("local", request(script_url=f"{script_server}/script.json?sig=s"))
    )
    assert done.error_message is None
    assert [marker.counter for marker in bench.video(done)] == list(range(20))


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("missing", "HTTP 404"),
        ("text", "not valid JSON"),
        ("wrong", "the last entry must be an end"),
        ("endless", "too large"),
    ],
)
async def test_scripts_that_cannot_be_fetched_fail_the_job(
    bench: Bench, script_server: str, path: str, problem: str
) -> None:
    service = await bench.start()
    done = await bench.done(
        await service.submit("local", request(script_url=f"{script_server}/{path}?secret=s3"))
    )
    assert done.status is JobStatus.FAILED
    assert problem in done.error_message
    assert "s3" not in done.error_message


async def test_a_script_server_that_is_not_there(bench: Bench) -> None:
    service = await bench.start()
    done = await bench.done(
        await service.submit("local", request(script_url="http://127.0.0.1:9/x?secret=s3"))
    )
    assert done.error_message == "The script could not be fetched: ClientConnectorError"


async def test_workers_end_with_the_service(tmp_path: Path) -> None:
    task = RenderTask(
        directory=tmp_path / "r",
        stream_id="r",
        owner="local",
        portrait=False,
        fps=20,
        bitrate=1_000_000,
        bypass_expansion=False,
        max_image_bytes=1,
        started_at=datetime.now(timezone.utc),
        script=parse_script(LONG),
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "odyssey_ros.emulator.jobs.render_worker", stdin=asyncio.subprocess.PIPE
    )
    worker.stdin.write(task.to_line())
    await worker.stdin.drain()
    while not task.directory.exists():  # noqa: ASYNC110 - made by another process
        await asyncio.sleep(0.01)
    # What a killed service leaves is the end of its pipes.
    worker.stdin.close()
    assert await asyncio.wait_for(worker.wait(), PATIENCE) == 1
