"""Measures the console: the latency of the picture in Chromium, and the costs of the console and the bridge.

Usage: python bench/console_bench.py [--turns 2] [--seconds 8] [--domain 229]

In each turn, the same bridge has a plain subscriber of the H.264 topic for some seconds: a node of rclpy,
whose CPU time is the baseline. A console with one viewer follows (a page in Chromium), then the same console
with five viewers (the others acknowledge pictures as a page does, without decoding). Latencies begin when the
frame's access unit is complete: with `stamp_source` `arrival`, that is the stamp. They end after the picture
was drawn on the canvas. The figures are printed and written to bench_output/console.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from cases import PREFIX, PROMPT, TOP, Run, cpu_seconds, expect, finish, percentile
from graph import Operator
from playwright.sync_api import sync_playwright
from tables import Row, table

from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

NAME = "odyssey"
TOPIC = f"/{NAME}/image_raw/foxglove"
FPS = 30
SETTLE_S = 3.0
ACKNOWLEDGE_S = 0.09
MORE_VIEWERS = 4

RECORD = """
    const stamps = new Map();
    const drawn = window.benchDrawn = [];
    const RealSocket = window.WebSocket;
    window.WebSocket = class extends RealSocket {
        constructor(...options) {
            super(...options);
            this.addEventListener('message', ({ data }) => {
                if (!(data instanceof ArrayBuffer)) return;
                const view = new DataView(data);
                stamps.set(view.getUint32(4, true), view.getFloat64(8, true));
            });
        }
    };
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (image, ...place) {
        draw.call(this, image, ...place);
        const stamp = stamps.get(image.timestamp);
        const now = performance.timeOrigin + performance.now();
        if (stamp !== undefined) drawn.push([now / 1000, now - 1000 * stamp]);
    };
"""
"""Notes when each picture was drawn (s) and its latency (ms); the timestamp of a picture is its number."""

Console = tuple["subprocess.Popen[str]", str]


@dataclass(frozen=True)
class Mark:
    """Counters at one moment."""

    wall_s: float
    bridge_cpu_s: float
    reader_cpu_s: float
    received: int
    passed: int
    dropped: int


class Scene:
    """An emulator, a bridge that streams, and an operator that reads its status."""

    def __init__(self, run: Run, domain: int) -> None:
        self.run = run
        self.bridge = run.start_bridge(run.start_emulator(FPS), NAME)
        self.operator = Operator(domain, [NAME], PROMPT)

    def mark(self, reader: subprocess.Popen[str]) -> Mark:
        """Return the counters of the next status, with those of the process that reads the topic."""
        mark = self.operator.mark(NAME, self.bridge.pid)
        status = self.operator.statuses[NAME]
        return Mark(
            time.time(),
            mark.cpu_s,
            cpu_seconds(reader.pid),
            status.frames_received,
            status.frames_passed_through,
            status.frames_dropped,
        )

    @contextmanager
    def console(self) -> Iterator[Console]:
        """Run a console; yield its process and its URL."""
        process = self.run.start(
            *(str(PREFIX / "lib" / "odyssey_ros" / "console"), "--ros-args", "-p", "port:=0"),
            RCUTILS_LOGGING_USE_STDOUT="1",
            RCUTILS_CONSOLE_OUTPUT_FORMAT="{message}",
        )
        yield process, expect(process, "Console at ").rstrip("/")
        process.terminate()
        process.wait(15)


def figures(begin: Mark, end: Mark, latencies: list[float]) -> dict[str, float | None]:
    """Return the figures of the time between two marks."""
    frames = max(end.received - begin.received, 1)
    return {
        "bridge cpu ms/frame": (end.bridge_cpu_s - begin.bridge_cpu_s) * 1000 / frames,
        "published": (end.passed - begin.passed) / frames,
        "dropped": float(end.dropped - begin.dropped),
        "reader cpu ms/frame": (end.reader_cpu_s - begin.reader_cpu_s) * 1000 / frames,
        "shown fps": len(latencies) / (end.wall_s - begin.wall_s),
        "p50 ms": percentile(latencies, 0.5),
        "p95 ms": percentile(latencies, 0.95),
    }


def measure_plain(scene: Scene, seconds: float) -> dict[str, float | None]:
    """Measure the bridge with a plain subscriber of the H.264 topic."""
    subscriber = scene.run.start_subscriber(TOPIC)
    expect(subscriber, "ready")
    time.sleep(SETTLE_S)
    begin = scene.mark(subscriber)
    time.sleep(seconds)
    end = scene.mark(subscriber)
    result: Any = finish(subscriber)
    now_s = time.time() - time.monotonic()
    taken = zip(result["times"], result["latencies_ms"], strict=True)
    return figures(begin, end, [latency for at, latency in taken if begin.wall_s <= at + now_s < end.wall_s])


def measure_page(scene: Scene, console: Console, page: Page, seconds: float) -> dict[str, float | None]:
    """Measure the console and the bridge while a page, which is open, shows the picture."""
    page.wait_for_function("benchDrawn.length > 10", timeout=60_000)
    time.sleep(SETTLE_S)
    begin = scene.mark(console[0])
    time.sleep(seconds)
    end = scene.mark(console[0])
    taken = page.evaluate("benchDrawn")
    return figures(begin, end, [latency for at, latency in taken if begin.wall_s <= at < end.wall_s])


@contextmanager
def viewers(url: str, count: int) -> Iterator[None]:
    """Watch with clients that acknowledge pictures and do not decode them, on a thread of their own."""
    thread = AsyncioThread("viewers")
    thread.submit(watch_all(url, count))
    yield
    thread.stop(5)


async def watch_all(url: str, count: int) -> None:
    """Watch with several clients until this is cancelled."""
    async with aiohttp.ClientSession(headers={"Origin": url}) as session:
        async with session.get(f"{url}/api/session") as answer:
            token = (await answer.json())["page_token"]
        await asyncio.gather(*(watch(session, url, token) for _ in range(count)))


async def watch(session: aiohttp.ClientSession, url: str, token: str) -> None:
    """Watch with one client."""
    async with session.ws_connect(f"{url}/socket/pictures", max_msg_size=0) as socket:
        await socket.send_json({"type": "hello", "token": token})
        await socket.send_json({"type": "watch", "node": f"/{NAME}", "codecs": ["h264"]})
        acknowledged = 0.0
        async for message in socket:
            now = time.monotonic()
            if message.type is aiohttp.WSMsgType.BINARY and now - acknowledged > ACKNOWLEDGE_S:
                acknowledged = now
                number = int.from_bytes(message.data[4:8], "little")
                await socket.send_json({"type": "drawn", "sequence": number})


def measure_console(domain: int, turns: int, seconds: float) -> list[Row]:
    """Return the rows of a table, medians of all turns; empty without Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("There is no chromium: the console is not measured")
        return []
    found: dict[str, list[dict[str, float | None]]] = {
        "plain subscriber": [],
        "console, one viewer": [],
        "console, five viewers": [],
    }
    with Run(domain) as run, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        scene = Scene(run, domain)
        try:
            scene.operator.start_streams()
            for _ in range(turns):
                for one, values in zip(found, measure_turn(scene, browser, seconds), strict=True):
                    found[one].append(values)
        finally:
            browser.close()
            scene.operator.close()
    return [{"": name, **medians(turns_of)} for name, turns_of in found.items()]


def measure_turn(scene: Scene, browser: Browser, seconds: float) -> list[dict[str, float | None]]:
    """Measure a plain subscriber, then a console with one viewer and with five."""
    measured = [measure_plain(scene, seconds)]
    with scene.console() as console:
        # The policy of the page forbids what `wait_for_function` does.
        page = browser.new_page(viewport={"width": 1280, "height": 800}, bypass_csp=True)
        page.add_init_script(RECORD)
        page.goto(console[1])
        measured.append(measure_page(scene, console, page, seconds))
        with viewers(console[1], MORE_VIEWERS):
            measured.append(measure_page(scene, console, page, seconds))
        page.close()
    return measured


def medians(turns: list[dict[str, float | None]]) -> Row:
    """Return the median of each figure that was measured."""
    row: Row = {}
    for name in turns[0]:
        values = [one for turn in turns if (one := turn[name]) is not None]
        row[name] = statistics.median(values) if values else None
    return row


def main() -> int:
    """Run the measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=2, help="number of turns (%(default)s)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measurement (%(default)s)")
    parser.add_argument("--domain", type=int, default=229, help="ROS domain (%(default)s)")
    arguments = parser.parse_args()
    rows = measure_console(arguments.domain, arguments.turns, arguments.seconds)
    if rows:
        print(table("The console at 1280x704, 30 frames/s: latency from arrival to display, CPU time", rows))
        output = TOP / "bench_output"
        output.mkdir(exist_ok=True)
        (output / "console.json").write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
