"""What an account of an emulator has before a console test begins: recordings and simulation jobs."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from odyssey_ros.client import Odyssey
from processes import KEY
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from odyssey_ros.client import ScriptEntry


def make_recording(url: str, prompts: Sequence[str]) -> str:
    """Stream some prompts, and wait until the recording can be downloaded; return its stream id."""

    async def stream() -> str:
        frames = 0

        def received(_: Any) -> None:
            nonlocal frames
            frames += 1

        async with Odyssey(KEY, api_url=url) as client:
            await client.connect(on_video_frame=received)
            stream_id = await client.start_stream(prompts[0], portrait=False)
            for prompt in prompts[1:]:
                before = frames
                await eventually(lambda before=before: frames > before + 5, "frames of the prompt")
                await client.interact(prompt)
            before = frames
            await eventually(lambda: frames > before + 5, "frames of the last prompt")
            await client.end_stream()
            await client.disconnect()
            await eventually(lambda: _listed(client, stream_id), "the recording in the list")
        return stream_id

    return str(_run(stream()))


async def _listed(client: Odyssey, stream_id: str) -> bool:
    listed = await client.list_stream_recordings()
    return any(one.stream_id == stream_id for one in listed.recordings)


def make_job(url: str, script: Sequence[ScriptEntry]) -> str:
    """Submit a script as a simulation job, and wait until it has ended; return its id."""

    async def submit() -> str:
        async with Odyssey(KEY, api_url=url) as client:
            job = await client.simulate(script=script, portrait=False)

            async def ended() -> bool:
                detail = await client.get_simulate_status(job.job_id)
                return detail.status.value == "completed"

            await eventually(ended, "the end of the job")
        return job.job_id

    return str(_run(submit()))


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a thread of its own: the event loop of playwright may occupy that of the test."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(coroutine)))
    thread.start()
    thread.join()
    assert results, "the thread has failed; its exception is in the output"
    return results[0]
