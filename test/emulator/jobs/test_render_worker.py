"""The worker program: it is nice to other processes, and it ends with the service."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import psutil
import pytest

from odyssey_ros.emulator.jobs.rendering import TASK_FAILED_STATUS, RenderTask
from odyssey_ros.emulator.jobs.scripts import parse_script
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LOWEST_PRIORITY = 19


def task(directory: Path, milliseconds: int = 300_000) -> RenderTask:
    return RenderTask(
        directory=directory,
        stream_id="r",
        owner="local",
        portrait=False,
        fps=20,
        bitrate=1_000_000,
        bypass_expansion=False,
        max_image_bytes=1,
        started_at=datetime.now(timezone.utc),
        script=parse_script(
            [{"timestamp_ms": 0, "start": {"prompt": "x"}}, {"timestamp_ms": milliseconds, "end": {}}]
        ),
    )


Start = "Callable[[RenderTask], Awaitable[asyncio.subprocess.Process]]"


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts the program with a task."""
    started = []

    async def start_worker(given: RenderTask) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "odyssey_ros.emulator.jobs.render_worker",
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(process)
        process.stdin.write(given.to_line())
        await process.stdin.drain()
        return process

    yield start_worker
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()
        process.stdin.close()


async def test_a_rendered_task_is_status_0(start: Start, tmp_path: Path) -> None:
    worker = await start(task(tmp_path / "r", 100))
    assert (await worker.stderr.read(), await worker.wait()) == (b"", 0)


async def test_a_folder_that_exists_is_a_failed_task(start: Start, tmp_path: Path) -> None:
    worker = await start(task(tmp_path))
    assert str(tmp_path) in (await worker.stderr.read()).decode()
    assert await worker.wait() == TASK_FAILED_STATUS


async def test_the_worker_has_a_low_priority(start: Start, tmp_path: Path) -> None:
    worker = await start(task(tmp_path / "r"))
    await eventually((tmp_path / "r").exists)
    assert psutil.Process(worker.pid).nice() == min(os.nice(0) + 10, LOWEST_PRIORITY)


async def test_the_worker_ends_when_the_service_has_ended(start: Start, tmp_path: Path) -> None:
    worker = await start(task(tmp_path / "r"))
    await eventually((tmp_path / "r").exists)
    # The end of a killed service closes its end of the pipe.
    worker.stdin.close()
    assert await worker.wait() == 1
