"""What subscribers cost: none, one, three, ten; and subscribers that stall, dawdle, come and go."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import PROMPT, Run, expect, finish, percentile
from graph import Mark, Operator

if TYPE_CHECKING:
    import subprocess

    from tables import Row

NAME = "odyssey"
SETTLE_S = 1.5  # for discovery, and for the subscribers' first pictures
AUDIENCES = (0, 1, 3, 10)
STALL_S = 5.0
UDP_ALONE = {
    "FASTRTPS_DEFAULT_PROFILES_FILE": "",
    "FASTDDS_DEFAULT_PROFILES_FILE": "",
    "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
}


@dataclass(frozen=True)
class Phase:
    """Some seconds of a run, and what the bridge had done at both ends."""

    name: str
    begin: Mark
    end: Mark
    rss_mib: float

    def holds(self, moment: float) -> bool:
        """Whether a moment is in it."""
        return self.begin.time <= moment < self.end.time

    def cpu_ms(self) -> float:
        """The bridge's CPU time for each frame that it received."""
        received = self.end.received - self.begin.received
        return (self.end.cpu_s - self.begin.cpu_s) * 1000 / max(received, 1)

    def latencies(self, results: list[dict[str, Any]]) -> list[float]:
        """The latencies that subscribers saw in it."""
        return [
            latency
            for result in results
            for moment, latency in zip(result["times"], result["latencies_ms"], strict=True)
            if self.holds(moment)
        ]


class Stage:
    """One emulator, one bridge with a running stream, and subscribers that come and go."""

    def __init__(self, domain: int, topic: str, fps: int = 30) -> None:
        self.run = Run(domain, plain=False)
        self.topic = f"/{NAME}/{topic}"
        self.subscribers: list[subprocess.Popen[str]] = []
        self._domain = domain
        self._fps = fps

    def __enter__(self) -> Stage:
        url = self.run.start_emulator(self._fps)
        self.bridge = self.run.start_bridge(url)
        self.operator = Operator(self._domain, [NAME], PROMPT)
        self.operator.start_streams()
        return self

    def __exit__(self, *_: object) -> None:
        self.operator.close()
        self.run.__exit__()

    def add(self, count: int) -> None:
        """Start more subscribers, and wait until they listen."""
        new = [self.run.start_subscriber(self.topic) for _ in range(count)]
        for subscriber in new:
            expect(subscriber, "ready")
        self.subscribers += new

    def phase(self, name: str, seconds: float) -> Phase:
        """Let some seconds pass."""
        begin = self.mark()
        time.sleep(seconds)
        return Phase(name, begin, self.mark(), self.rss_mib())

    def mark(self) -> Mark:
        """What the bridge has done so far."""
        return self.operator.mark(NAME, self.bridge.pid)

    def rss_mib(self) -> float:
        """What the bridge holds in memory."""
        status = Path(f"/proc/{self.bridge.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def results(self) -> list[dict[str, Any]]:
        """End the subscribers; returns what they saw."""
        return [finish(subscriber) for subscriber in self.subscribers]


def grow(domain: int, topic: str, seconds: float) -> list[Row]:
    """Measure one bridge with a growing number of subscribers, each a process."""
    with Stage(domain, topic) as stage:
        phases = []
        for count in AUDIENCES:
            stage.add(count - len(stage.subscribers))
            time.sleep(SETTLE_S)
            phases.append((count, stage.phase(f"{topic}, {count} subscribers", seconds)))
        results = stage.results()
    rows: list[Row] = []
    for count, phase in phases:
        latencies = phase.latencies(results)
        span = phase.end.time - phase.begin.time
        rows.append(
            {
                "": phase.name,
                "frames/s each": len(latencies) / count / span if count else None,
                "cpu ms/frame": phase.cpu_ms(),
                "p50 ms": percentile(latencies, 0.5),
                "p95 ms": percentile(latencies, 0.95),
                "dropped": phase.end.dropped - phase.begin.dropped,
            }
        )
    return rows


def disturb(domain: int, seconds: float) -> list[Row]:
    """Measure a well-behaved subscriber while others behave badly."""
    with Stage(domain, "image_raw") as stage:
        stage.add(1)
        time.sleep(SETTLE_S)
        phases = [stage.phase("alone", seconds)]

        slow = stage.run.start_subscriber(stage.topic, "--pause", "0.2")
        expect(slow, "ready")
        time.sleep(SETTLE_S)
        phases.append(stage.phase("beside one that takes 200 ms a picture", seconds))
        finish(slow)

        stalled = stage.run.start_subscriber(stage.topic)
        expect(stalled, "ready")
        time.sleep(SETTLE_S)
        stalled.send_signal(signal.SIGSTOP)
        phases.append(stage.phase(f"beside one that is stopped for {STALL_S:g} s", STALL_S))
        stalled.send_signal(signal.SIGCONT)
        went_on = time.monotonic()
        phases.append(stage.phase("after it went on", seconds))
        woken = [moment - went_on for moment in finish(stalled)["times"] if moment > went_on]  # type: ignore[attr-defined]

        udp = stage.run.start_subscriber(stage.topic, **UDP_ALONE)
        expect(udp, "ready")
        time.sleep(SETTLE_S)
        phases.append(stage.phase("beside one over UDP with small buffers", seconds))
        far = finish(udp)

        begin = stage.mark()
        for index in range(4):
            passer = stage.run.start_subscriber(stage.topic)
            expect(passer, "ready")
            time.sleep(1.0)
            if index % 2:
                passer.kill()
                passer.wait()
            else:
                finish(passer)
        phases.append(
            Phase("while four come and go, two of them killed", begin, stage.mark(), stage.rss_mib())
        )
        phases.append(stage.phase("alone again", seconds))
        results = stage.results()
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
    first = f"the first after {min(woken):.2f} s" if woken else "none"
    rows[3]["the well-behaved subscriber"] = f"after it went on (its own: {len(woken)} pictures, {first})"
    span = phases[4].end.time - phases[4].begin.time
    count = sum(phases[4].holds(moment) for moment in far["times"])  # type: ignore[attr-defined]
    rows[4]["the well-behaved subscriber"] = f"{phases[4].name} (its own: {count / span:.1f} frames/s)"
    return rows
