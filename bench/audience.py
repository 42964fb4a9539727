"""Measures the cost of 0, 1, 3 and 10 subscribers, and of subscribers that are slow, stop, or come and go."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import PROMPT, Run, expect, finish, percentile, skipped_frames
from graph import Mark, Operator

if TYPE_CHECKING:
    import subprocess

    from tables import Row

NAME = "odyssey"
SETTLE_S = 1.5  # for discovery, and for the first images of the subscribers
SUBSCRIBER_COUNTS = (0, 1, 3, 10)
STALL_S = 5.0
UDP_ONLY = {
    "FASTRTPS_DEFAULT_PROFILES_FILE": "",
    "FASTDDS_DEFAULT_PROFILES_FILE": "",
    "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
}


@dataclass(frozen=True)
class Phase:
    """A part of a run, with the counters of the bridge at its begin and end."""

    name: str
    begin: Mark
    end: Mark
    rss_mib: float

    def holds(self, moment: float) -> bool:
        """Return whether a moment (monotonic clock, seconds) is within the phase."""
        return self.begin.time <= moment < self.end.time

    def cpu_ms(self) -> float:
        """Return the CPU time of the bridge for each received frame, in milliseconds."""
        received = self.end.received - self.begin.received
        return (self.end.cpu_s - self.begin.cpu_s) * 1000 / max(received, 1)

    def lost(self, results: list[dict[str, Any]]) -> int:
        """Return how many messages the middleware of all subscribers reported as lost in the phase."""
        return sum(count for result in results for moment, count in result["lost"] if self.holds(moment))

    def latencies(self, results: list[dict[str, Any]]) -> list[float]:
        """Return the latencies that subscribers measured in the phase, in milliseconds."""
        return [
            latency
            for result in results
            for moment, latency in zip(result["times"], result["latencies_ms"], strict=True)
            if self.holds(moment)
        ]


class Scene:
    """One emulator, one bridge with a running stream, and a changing number of subscribers."""

    def __init__(self, domain: int, topic: str, fps: int = 30) -> None:
        self.run = Run(domain)
        self.topic = f"/{NAME}/{topic}"
        self.subscribers: list[subprocess.Popen[str]] = []
        self._domain = domain
        self._fps = fps

    def __enter__(self) -> Scene:
        self.url = self.run.start_emulator(self._fps)
        self.bridge = self.run.start_bridge(self.url)
        self.operator = Operator(self._domain, [NAME], PROMPT)
        self.operator.start_streams()
        return self

    def __exit__(self, *_: object) -> None:
        self.operator.close()
        self.run.__exit__()

    def add(self, count: int) -> None:
        """Start more subscribers, and wait until they are ready."""
        new = [self.run.start_subscriber(self.topic) for _ in range(count)]
        for subscriber in new:
            expect(subscriber, "ready")
        self.subscribers += new

    def phase(self, name: str, seconds: float) -> Phase:
        """Wait for some seconds; return the phase."""
        begin = self.mark()
        time.sleep(seconds)
        return Phase(name, begin, self.mark(), self.rss_mib())

    def mark(self) -> Mark:
        """Return the counters of the bridge."""
        return self.operator.mark(NAME, self.bridge.pid)

    def rss_mib(self) -> float:
        """Return the resident memory of the bridge in MiB."""
        status = Path(f"/proc/{self.bridge.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def results(self) -> list[dict[str, Any]]:
        """End the subscribers; return their figures."""
        return [finish(subscriber) for subscriber in self.subscribers]


def grow(domain: int, topic: str, seconds: float) -> list[Row]:
    """Measure one bridge with a growing number of subscribers, each in its own process.

    The columns follow the frames: those that the emulator had no time to make, that the bridge received,
    published and dropped, and those that the middleware lost.
    """
    with Scene(domain, topic) as scene:
        phases = []
        for count in SUBSCRIBER_COUNTS:
            scene.add(count - len(scene.subscribers))
            time.sleep(SETTLE_S)
            skipped = skipped_frames(scene.url)
            phase = scene.phase(f"{topic}, {count} subscribers", seconds)
            phases.append((count, phase, skipped_frames(scene.url) - skipped))
        results = scene.results()
    rows: list[Row] = []
    for count, phase, skipped in phases:
        latencies = phase.latencies(results)
        span = phase.end.time - phase.begin.time
        rows.append(
            {
                "": phase.name,
                "frames/s each": len(latencies) / count / span if count else None,
                "cpu ms/frame": phase.cpu_ms(),
                "p50 ms": percentile(latencies, 0.5),
                "p95 ms": percentile(latencies, 0.95),
                "skipped by the emulator": skipped,
                "received/s": (phase.end.received - phase.begin.received) / span,
                "published/s": (phase.end.published - phase.begin.published) / span,
                "dropped": phase.end.dropped - phase.begin.dropped,
                "lost": phase.lost(results),
            }
        )
    return rows


def disturb(domain: int, seconds: float) -> list[Row]:
    """Measure a well-behaved subscriber while others misbehave."""
    with Scene(domain, "image_raw") as scene:
        scene.add(1)
        time.sleep(SETTLE_S)
        phases = [scene.phase("alone", seconds)]

        slow = scene.run.start_subscriber(scene.topic, "--pause", "0.2")
        expect(slow, "ready")
        time.sleep(SETTLE_S)
        phases.append(scene.phase("with one that takes 200 ms for each image", seconds))
        finish(slow)

        stalled = scene.run.start_subscriber(scene.topic)
        expect(stalled, "ready")
        time.sleep(SETTLE_S)
        stalled.send_signal(signal.SIGSTOP)
        phases.append(scene.phase(f"with one that is stopped for {STALL_S:g} s", STALL_S))
        stalled.send_signal(signal.SIGCONT)
        continued = time.monotonic()
        phases.append(scene.phase("after it continued", seconds))
        woken = [moment - continued for moment in finish(stalled)["times"] if moment > continued]  # type: ignore[attr-defined]

        udp = scene.run.start_subscriber(scene.topic, **UDP_ONLY)
        expect(udp, "ready")
        time.sleep(SETTLE_S)
        phases.append(scene.phase("with one over UDP with small buffers", seconds))
        over_udp = finish(udp)

        begin = scene.mark()
        for index in range(4):
            visitor = scene.run.start_subscriber(scene.topic)
            expect(visitor, "ready")
            time.sleep(1.0)
            if index % 2:
                visitor.kill()
                visitor.wait()
            else:
                finish(visitor)
        phases.append(
            Phase("while four come and go, two of them killed", begin, scene.mark(), scene.rss_mib())
        )
        phases.append(scene.phase("alone again", seconds))
        results = scene.results()
    rows: list[Row] = []
    for phase in phases:
        latencies = phase.latencies(results)
        rows.append(
            {
                "the well-behaved subscriber": phase.name,
                "frames/s": len(latencies) / (phase.end.time - phase.begin.time),
                "p50 ms": percentile(latencies, 0.5),
                "p95 ms": percentile(latencies, 0.95),
                "cpu ms/frame": phase.cpu_ms(),
                "dropped": phase.end.dropped - phase.begin.dropped,
                "MiB": round(phase.rss_mib),
            }
        )
    first = f"the first after {min(woken):.2f} s" if woken else "no first one"
    rows[3]["the well-behaved subscriber"] = f"after it continued (it received {len(woken)} images, {first})"
    span = phases[4].end.time - phases[4].begin.time
    count = sum(phases[4].holds(moment) for moment in over_udp["times"])  # type: ignore[attr-defined]
    rows[4]["the well-behaved subscriber"] = f"{phases[4].name} (it received {count / span:.1f} frames/s)"
    return rows
