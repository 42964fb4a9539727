"""Run twenty sessions at once, one frame a second each, and check memory, lost frames and the stop.

Usage: PYTHONPATH=. python bench/emulator_soak.py [--sessions 20] [--seconds 300]

The exit status is 0 when all of these hold: memory grew by less than a tenth after the first fifth of the
time; every frame of every stream was received, and its counters were read without a gap; the service exited
within 5 seconds of SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time

import psutil
from aiortc.mediastreams import MediaStreamError
from raw_client import RawClient

from odyssey_ros.emulator.scene.marker import read_marker

MAX_GROWTH = 0.10
MAX_STOP_S = 5.0


class Receiver:
    """One session; reads the frame counters as the frames arrive."""

    def __init__(self, url: str) -> None:
        self.client = RawClient(url, decode=True)
        self.counters: list[int] = []
        self.started = asyncio.Event()

    async def run(self) -> None:
        """Run a stream until the track ends."""
        await self.client.connect()
        await self.client.start("a lighthouse")
        alive = asyncio.create_task(self.client.keep_alive())
        try:
            while True:
                frame = await self.client.track.recv()
                marker = read_marker(frame.to_ndarray(format="rgb24"))
                self.counters.append(-1 if marker is None else marker.counter)
                self.started.set()
        except MediaStreamError:
            pass
        finally:
            alive.cancel()
            with contextlib.suppress(Exception):
                await self.client.close()

    @property
    def gaps(self) -> int:
        """Number of missing or unreadable frames."""
        return sum(counter != index for index, counter in enumerate(self.counters))


async def soak(sessions: int, seconds: float) -> bool:
    """Run the sessions; return whether all conditions hold."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "odyssey_ros.emulator", "--port", "0", "--fps", "1",
        "--concurrent-sessions", "off", "--stream-seconds", "off",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    url = (await process.stdout.readline()).decode().rsplit(maxsplit=1)[1]
    receivers = [Receiver(url) for _ in range(sessions)]
    tasks = []
    for receiver in receivers:
        tasks.append(asyncio.create_task(receiver.run()))
        await asyncio.sleep(0.2)
    await asyncio.gather(*(receiver.started.wait() for receiver in receivers))
    memory = await watch_memory(process.pid, seconds)
    state = (await receivers[0].client.http.get("/control/state")).json()
    made = [session["stream"]["frames_made"] for session in state["sessions"]]
    skipped = sum(session["stream"]["frames_skipped"] for session in state["sessions"])
    dropped = sum(session["frames_dropped"] for session in state["sessions"])
    began = time.monotonic()
    process.terminate()
    status = await process.wait()
    stop = time.monotonic() - began
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    received = [len(receiver.counters) for receiver in receivers]
    gaps = sum(receiver.gaps for receiver in receivers)
    settled, final = memory[len(memory) // 5], memory[-1]
    growth = final / settled - 1
    print(f"sessions {len(made)}, frames made {sum(made)}, received {sum(received)}")
    print(f"skipped {skipped}, dropped {dropped}, gaps {gaps}")
    print(f"memory {settled / 1e6:.1f} MB after {seconds / 5:.0f} s, {final / 1e6:.1f} MB at the end")
    print(f"stopped in {stop:.2f} s with status {status}")
    # aiortc returns a frame when a packet of the next frame arrives, so the last frame is never returned.
    complete = all(got >= count - 1 for got, count in zip(received, made, strict=True))
    clean = status == 0 and stop < MAX_STOP_S
    return complete and clean and growth < MAX_GROWTH and not (gaps or skipped or dropped)


async def watch_memory(pid: int, seconds: float) -> list[int]:
    """Return the resident bytes of a process, sampled once a second."""
    process = psutil.Process(pid)
    samples = []
    for _ in range(round(seconds)):
        samples.append(process.memory_info().rss)
        await asyncio.sleep(1)
    return samples


def main() -> int:
    """Run the program; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=300.0)
    arguments = parser.parse_args()
    passed = asyncio.run(soak(arguments.sessions, arguments.seconds))
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
