"""Starts the process that renders one simulation, and waits for its result."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey_ros.emulator.jobs.rendering import TASK_FAILED_STATUS

if TYPE_CHECKING:
    from odyssey_ros.emulator.jobs.rendering import RenderTask

__all__ = ["TaskFailedError", "WorkerCrashedError", "run_worker"]

logger = logging.getLogger(__name__)

_MODULE = f"{__package__}.render_worker"
_IMPORT_ROOT = str(Path(__file__).resolve().parents[3])


class TaskFailedError(Exception):
    """The worker cannot render the task; the text gives the reason, for the user."""


class WorkerCrashedError(Exception):
    """The worker process died; the task may be tried again."""


async def run_worker(task: RenderTask) -> None:
    """Render a task in a separate process; a cancellation kills the process.

    Raises:
        TaskFailedError: the task cannot be rendered.
        WorkerCrashedError: the process died.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        _MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([_IMPORT_ROOT, os.environ.get("PYTHONPATH", "")])},
        # Ctrl-C reaches the whole process group of the terminal; only the service may end its workers.
        start_new_session=True,
    )
    stdin, stderr = process.stdin, process.stderr
    if stdin is None or stderr is None:
        raise RuntimeError("the worker has no pipes")
    try:
        stdin.write(await asyncio.to_thread(task.to_line))
        await stdin.drain()
        error_output = await stderr.read()
        status = await process.wait()
    except ConnectionError:
        raise WorkerCrashedError from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        stdin.close()
    text = error_output.decode("utf-8", "replace")
    if status == TASK_FAILED_STATUS:
        raise TaskFailedError(text.strip())
    if status != 0:
        logger.warning("A simulation worker ended with status %s: %s", status, text)
        raise WorkerCrashedError
