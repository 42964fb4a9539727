"""Measure the CPU share of the emulator while it streams to one client, and with eight spectators.

Usage: PYTHONPATH=. python bench/emulator_cost.py [--seconds 10]

The service runs in a separate process, as users run it; the client discards the received frames. CPU time is
the time of the service's process with all of its threads.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass

import psutil
from raw_client import RawClient


@dataclass(frozen=True)
class Setting:
    """One measurement."""

    codec: str
    fps: int
    record: bool = True
    spectators: int = 0


SETTINGS = (
    Setting("h264", 20),
    Setting("h264", 30),
    Setting("h264", 20, record=False),
    Setting("vp8", 20),
    Setting("vp8", 30),
    Setting("vp8", 20, record=False),
    Setting("h264", 20, spectators=8),
)


async def measure(setting: Setting, seconds: float) -> tuple[float, float, int]:
    """Return the CPU share of one core, the frames per second, and the number of skipped frames."""
    options = ["--port", "0", "--fps", str(setting.fps), "--codec", setting.codec]
    if not setting.record:
        options.append("--no-recordings")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "odyssey_ros.emulator", *options, stdout=asyncio.subprocess.PIPE
    )
    try:
        client = RawClient((await process.stdout.readline()).decode().rsplit(maxsplit=1)[1])
        await client.connect()
        await client.start("a fox in a meadow", broadcast=True)
        ready = await client.reply("broadcast_ready")
        for _ in range(setting.spectators):
            await client.watch(ready)
        await asyncio.sleep(1)
        cpu, made, began = cpu_seconds(process.pid), await stream_state(client), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, later = cpu_seconds(process.pid) - cpu, await stream_state(client)
        wall = time.monotonic() - began
        await client.close()
        frames = later["frames_made"] - made["frames_made"]
        return cpu / wall, frames / wall, later["frames_skipped"] - made["frames_skipped"]
    finally:
        process.terminate()
        await process.wait()


async def stream_state(client: RawClient) -> dict[str, int]:
    """Return the state of the only stream."""
    [session] = (await client.http.get("/control/state")).json()["sessions"]
    return session["stream"]


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process, in seconds."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


async def main() -> None:
    """Measure every setting and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each measurement")
    seconds = parser.parse_args().seconds
    print("codec  fps  recorded  spectators  CPU of one core  frames/s  skipped")
    for setting in SETTINGS:
        share, fps, skipped = await measure(setting, seconds)
        recorded = "yes" if setting.record else "no"
        row = f"{setting.codec:5} {setting.fps:4}  {recorded:8} {setting.spectators:11}"
        print(f"{row} {share:16.1%} {fps:9.2f} {skipped:8}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
