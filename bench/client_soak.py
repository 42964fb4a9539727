"""Connect, stream and disconnect many times in one process, and check that nothing is left behind.

Run from the root of the project::

    python bench/client_soak.py --cycles 1000

The emulator runs in its own process, so that all numbers are the client's. The exit status is 0 when the
numbers of tasks, threads and file descriptors are equal at the start and the end, and memory has not grown by
10 MiB: the median over the last tenth of the cycles is compared with the median over the first tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import statistics
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from odyssey_ros.client import AdvancedConfig, Odyssey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# Imports, the first connection and the allocator's pools allocate memory in the first cycles.
WARM_UP_CYCLES = 20
ALLOWED_GROWTH_MIB = 10.0


@dataclass(frozen=True)
class Footprint:
    """The resources that the process holds."""

    tasks: int
    threads: int
    descriptors: int
    memory_mib: float

    @classmethod
    def measure(cls) -> Footprint:
        """Measure after a garbage collection."""
        gc.collect()
        process = psutil.Process()
        return cls(
            tasks=len(asyncio.all_tasks()),
            threads=threading.active_count(),
            descriptors=process.num_fds(),
            memory_mib=process.memory_info().rss / 2**20,
        )

    def __str__(self) -> str:
        return (
            f"{self.tasks:>5} tasks {self.threads:>4} threads {self.descriptors:>5} descriptors "
            f"{self.memory_mib:>8.1f} MiB"
        )


@contextlib.asynccontextmanager
async def emulator(fps: float) -> AsyncIterator[str]:
    """Run the emulator in a process and yield its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "odyssey_ros.emulator",
        *("--host", "127.0.0.1", "--port", "0", "--api-key", "ody_local", "--fps", str(fps)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        line = b"" if process.stdout is None else await asyncio.wait_for(process.stdout.readline(), 60)
        yield next(word for word in line.decode().split() if word.startswith("http"))
    finally:
        process.terminate()
        await process.wait()


async def cycle(url: str, frames_wanted: int) -> int:
    """Connect, start a stream, receive frames, prompt, end and disconnect; return the number of frames."""
    received = 0
    enough = asyncio.Event()

    def on_frame(_frame: object) -> None:
        nonlocal received
        received += 1
        if received >= frames_wanted:
            enough.set()

    client = Odyssey("ody_local", api_url=url, advanced=AdvancedConfig(max_retries=2))
    try:
        await client.connect(on_video_frame=on_frame)
        await client.start_stream("a lighthouse at dusk", portrait=False)
        await asyncio.wait_for(enough.wait(), 30)
        await client.interact("a storm comes")
        await client.end_stream()
    finally:
        await client.disconnect()
    return received


async def soak(cycles: int, frames_wanted: int, fps: float) -> bool:
    """Run the cycles; return whether the resources are the same at the start and the end."""
    async with emulator(fps) as url:
        for _ in range(min(WARM_UP_CYCLES, cycles)):
            await cycle(url, frames_wanted)
        before = Footprint.measure()
        print(f"{0:>6}  {before}", flush=True)
        started, frames = time.monotonic(), 0
        memory: list[float] = []
        for number in range(1, cycles + 1):
            frames += await cycle(url, frames_wanted)
            memory.append(psutil.Process().memory_info().rss / 2**20)
            if number % max(1, cycles // 10) == 0:
                print(f"{number:>6}  {Footprint.measure()}", flush=True)
        elapsed_s = time.monotonic() - started
        after = Footprint.measure()
    tenth = max(1, cycles // 10)
    growth = statistics.median(memory[-tenth:]) - statistics.median(memory[:tenth])
    print(
        f"{cycles} cycles, {frames} frames, {elapsed_s / cycles * 1000:.0f} ms per cycle, {growth:+.1f} MiB"
    )
    same = (after.tasks, after.threads, after.descriptors) == (
        before.tasks,
        before.threads,
        before.descriptors,
    )
    return same and growth < ALLOWED_GROWTH_MIB


def main() -> int:
    """Parse the arguments and run the soak test."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=3, help="frames to receive in each cycle")
    parser.add_argument("--fps", type=float, default=20.0)
    arguments = parser.parse_args()
    unchanged = asyncio.run(soak(arguments.cycles, arguments.frames, arguments.fps))
    print("nothing is left behind" if unchanged else "something is left behind")
    return 0 if unchanged else 1


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    sys.exit(main())
