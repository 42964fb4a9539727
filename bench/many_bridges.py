"""Measures how many bridges publish encoded video at 30 frames/s on this machine without a lost frame.

Usage: python bench/many_bridges.py [--counts 2,4,6,8,10] [--seconds 8] [--emulators 1] [--one-stream]
           [--raw] [--domain 228]

Every bridge has a stream of its own, which the emulator draws and encodes, and one subscriber in its own
process. `--one-stream` replaces the bridges by spectators of one broadcast, so that the emulator encodes only
once; a real service does its work elsewhere. A frame is lost if its number is missing at the subscriber. A
frame that the emulator was too late to make never had a number, and is counted as skipped. The CPU time is
given for each kind of process, as a share of the machine.
The figures are printed and written to bench_output/many_bridges.json.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from cases import KEY, PREFIX, READY, TOP, Run, cpu_seconds, end, expect, finish, percentile, sessions
from raw_client import RawClient
from tables import Row, table

if TYPE_CHECKING:
    import subprocess

RATE_HZ = 30
PROMPT = "a harbour at dawn, calm water"
START_TIMEOUT_S = 90.0
SETTLE_S = 3.0


class Broadcast:
    """One stream with a broadcast, by a client of its own thread, which discards the video.

    Attributes:
        webrtc_url: Where spectators connect.
        token: The token of the spectators.
    """

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        ready = asyncio.run_coroutine_threadsafe(self._start(url), self._loop).result(START_TIMEOUT_S)
        self.webrtc_url, self.token = str(ready["webrtc_url"]), str(ready["spectator_token"])

    async def _start(self, url: str) -> dict[str, Any]:
        self._client = RawClient(url)
        await self._client.connect()
        await self._client.start(PROMPT, broadcast=True)
        return await self._client.reply("broadcast_ready")

    def close(self) -> None:
        """End the stream."""
        asyncio.run_coroutine_threadsafe(self._client.close(), self._loop).result(START_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def start_nodes(
    run: Run, urls: list[str], names: list[str], broadcast: Broadcast | None
) -> list[subprocess.Popen[str]]:
    """Start the bridges, which start streams, or the spectators."""
    if broadcast is None:
        return [
            run.start_bridge(url, name, prompt=PROMPT, portrait="false")
            for name, url in zip(names, itertools.cycle(urls), strict=False)
        ]
    return [
        run.start(
            *(str(PREFIX / "lib" / "odyssey_ros" / "spectator"), "--ros-args", "-r", f"__node:={name}"),
            *("--log-level", "error", "-p", f"webrtc_url:={broadcast.webrtc_url}"),
            *("-p", "stamp_source:=arrival", "-p", "allow_insecure:=true"),
            ODYSSEY_SPECTATOR_TOKEN=broadcast.token,
        )
        for name in names
    ]


def wait_for_streams(urls: list[str], count: int) -> None:
    """Wait until that many streams run.

    Raises:
        TimeoutError: They do not run within the limit.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while sum(session["stream"] is not None for url in urls for session in sessions(url)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"fewer than {count} streams after {START_TIMEOUT_S:.0f} s")
        time.sleep(0.2)


def stream_counts(urls: list[str]) -> tuple[int, int]:
    """Return how many frames the emulators made, and how many they skipped, of all running streams."""
    streams = [session["stream"] for url in urls for session in sessions(url) if session["stream"]]
    return sum(one["frames_made"] for one in streams), sum(one["frames_skipped"] for one in streams)


def measure(
    domain: int,
    count: int,
    seconds: float,
    *,
    emulators: int = 1,
    one_stream: bool = False,
    raw: bool = False,
) -> Row:
    """Measure a number of bridges; return a row of the table."""
    names = [f"odyssey{index}" for index in range(count)]
    topic = "image_raw" if raw else "image_raw/ffmpeg"
    with Run(domain) as run:
        services = [
            run.start(
                *(str(PREFIX / "lib" / "odyssey_ros" / "emulator"), "--host", "127.0.0.1", "--port", "0"),
                *("--api-key", KEY, "--fps", str(RATE_HZ), "--no-recordings"),
                *("--concurrent-sessions", str(count + 1)),
            )
            for _ in range(emulators)
        ]
        urls = [expect(service, READY) for service in services]
        broadcast = Broadcast(urls[0]) if one_stream else None
        subscribers = [run.start_subscriber(f"/{name}/{topic}") for name in names]
        nodes = start_nodes(run, urls, names, broadcast)
        for subscriber in subscribers:
            expect(subscriber, "ready")
        wait_for_streams(urls, 1 if one_stream else count)
        time.sleep(SETTLE_S)
        kinds = {"emulator": services, "bridges": nodes, "subscribers": subscribers}
        before, counts = cpu_of(kinds), stream_counts(urls)
        began = time.monotonic()
        time.sleep(seconds)
        span = time.monotonic() - began
        after, later = cpu_of(kinds), stream_counts(urls)
        results = [finish(subscriber) for subscriber in subscribers]
        if broadcast is not None:
            for node in nodes:
                end(node)
            broadcast.close()
    made, skipped = later[0] - counts[0], later[1] - counts[1]
    shares = {kind: (after[kind] - before[kind]) / span / (os.cpu_count() or 1) * 100 for kind in kinds}
    windows = [within(result, began, began + span) for result in results]
    received = sum(len(window) for window in windows)
    latencies = [latency for window in windows for _, latency, _ in window]
    return {
        "bridges": str(count),
        "frames/s each": received / count / span,
        "skipped by the emulator": skipped,
        "lost": sum(map(lost_frames, windows)) if not raw else made - received,
        "p95 ms": percentile(latencies, 0.95),
        **{f"{kind} %": share for kind, share in shares.items()},
        "bridge ms/frame": (after["bridges"] - before["bridges"]) * 1000 / max(received, 1),
    }


def within(result: dict[str, Any], began: float, ended: float) -> list[tuple[float, float, int]]:
    """Return time, latency and number of the frames that a subscriber received in a time."""
    numbers = result["numbers"] or range(len(result["times"]))
    frames = zip(result["times"], result["latencies_ms"], numbers, strict=True)
    return [frame for frame in frames if began <= frame[0] < ended]


def lost_frames(window: list[tuple[float, float, int]]) -> int:
    """Return how many numbers are missing among consecutive frames."""
    return window[-1][2] - window[0][2] + 1 - len(window) if window else 0


def cpu_of(kinds: dict[str, list[subprocess.Popen[str]]]) -> dict[str, float]:
    """Return the CPU seconds so far of each kind of process."""
    return {kind: sum(cpu_seconds(process.pid) for process in processes) for kind, processes in kinds.items()}


def main() -> int:
    """Measure all numbers of bridges and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--counts", default="2,4,6,8,10", help="comma-separated numbers of bridges (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement (%(default)s)")
    parser.add_argument(
        "--emulators",
        type=int,
        default=1,
        help="processes of the emulator that share the streams (%(default)s)",
    )
    parser.add_argument("--one-stream", action="store_true", help="spectators of one broadcast")
    parser.add_argument("--raw", action="store_true", help="subscribe to the raw images")
    parser.add_argument("--domain", type=int, default=228, help="ROS domain (%(default)s)")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for count in map(int, arguments.counts.split(",")):
        rows.append(
            measure(
                arguments.domain,
                count,
                arguments.seconds,
                emulators=arguments.emulators,
                one_stream=arguments.one_stream,
                raw=arguments.raw,
            )
        )
        print(table("so far", rows[-1:]), flush=True)
    kind = "spectators of one stream" if arguments.one_stream else "bridges with a stream each"
    print(table(f"{kind}, one subscriber each; CPU in % of the machine", rows))
    output = TOP / "bench_output"
    output.mkdir(exist_ok=True)
    (output / "many_bridges.json").write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
