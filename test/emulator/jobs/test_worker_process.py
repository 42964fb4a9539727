"""Worker processes render a task, report why a task cannot be rendered, and end when they are cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import psutil
import pytest

from odyssey_ros.emulator.jobs import worker_process
from odyssey_ros.emulator.jobs.rendering import RenderTask
from odyssey_ros.emulator.jobs.scripts import parse_script
from odyssey_ros.emulator.jobs.worker_process import TaskFailedError, WorkerCrashedError, run_worker
from waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


def workers(folder: Path) -> list[psutil.Process]:
    """Return the worker processes of this test, which have its folder as their working directory."""
    found = []
    for child in psutil.Process().children():
        # A process that has just ended has no working directory.
        with contextlib.suppress(psutil.Error):
            if child.cwd() == str(folder):
                found.append(child)
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def task(folder: Path, milliseconds: int, image: str | None = None) -> RenderTask:
    start = {"prompt": "the sea"} if image is None else {"prompt": "the sea", "image": image}
    return RenderTask(
        directory=folder / "r",
        stream_id="r",
        owner="local",
        portrait=False,
        fps=10,
        bitrate=1_000_000,
        bypass_expansion=False,
        max_image_bytes=1000,
        started_at=datetime.now(timezone.utc),
        script=parse_script([{"timestamp_ms": 0, "start": start}, {"timestamp_ms": milliseconds, "end": {}}]),
    )


async def test_a_task_is_rendered(folder: Path) -> None:
    await run_worker(task(folder, 200))
    assert (folder / "r" / "video.mp4").stat().st_size > 0
    assert workers(folder) == []


async def test_an_invalid_image_fails_the_task_with_its_reason(folder: Path) -> None:
    with pytest.raises(TaskFailedError, match="the image cannot be decoded"):
        await run_worker(task(folder, 200, image="data:image/png;base64,AAAA"))


async def test_a_killed_worker_has_crashed(folder: Path) -> None:
    running = asyncio.create_task(run_worker(task(folder, 600_000)))
    await eventually((folder / "r").exists)
    [worker] = workers(folder)
    worker.kill()
    with pytest.raises(WorkerCrashedError):
        await running


async def test_a_program_that_does_not_read_its_task_has_crashed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_process, "_MODULE", "no_such_module")
    with pytest.raises(WorkerCrashedError):
        await run_worker(task(folder, 200))


async def test_a_cancelled_worker_ends(folder: Path) -> None:
    running = asyncio.create_task(run_worker(task(folder, 600_000)))
    await eventually(lambda: workers(folder))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert workers(folder) == []
