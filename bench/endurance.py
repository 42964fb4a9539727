"""Streams for a long time, and checks that memory and descriptors of the bridge do not grow.

python3 bench/endurance.py --minutes 60

The emulator ends each stream after --stream-seconds, as the service does, so the bridge resumes many times.
The exit status is 0 when images arrived all the time, and private memory and descriptors have not grown since
the first minutes. Shared memory is printed only: it is the segment of the middleware, filled page by page.

A reliable writer of Fast DDS has a buffer for each sample that a subscriber has not acknowledged, and keeps
the buffers for later samples. A publisher of images with a depth of 5 therefore gets up to seven buffers of
the size of an image (2.6 MiB for 1280x704 rgb8), one by one, whenever a subscriber is late for the first time
by one more image. In a run of an hour that looks like a leak of 10 to 16 MiB in steps. So the run first
suspends the subscriber until all buffers exist, and measures from then on.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cases import ENDURANCE_DOMAIN, PREFIX, TOP, Run, cpu_seconds, expect, finish

if TYPE_CHECKING:
    import subprocess

SETTLING_MINUTES = 10.0  # caches, pools and arenas grow in the beginning
ALLOWED_GROWTH_MIB = 4.0
STALL_S = 2.0  # longer than the frames of the writer's depth take
MIN_GROWN_KIB = 256
ALLOWED_MORE_DESCRIPTORS = 2
MIN_RECEIVED_SHARE = 0.9  # of the frames sent; a resumed stream takes a moment to start


def sample(pid: int) -> dict[str, float]:
    """Return private and shared memory (MiB), threads, descriptors and CPU seconds of a process."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return {
        "private_mib": round(int(status["RssAnon"].split()[0]) / 1024, 1),
        "shared_mib": round(int(status["RssShmem"].split()[0]) / 1024, 1),
        "threads": int(status["Threads"]),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "cpu_s": round(cpu_seconds(pid), 1),
    }


def stall(process: subprocess.Popen[str], seconds: float) -> None:
    """Suspend a subscriber, so that the writer of the bridge fills its history."""
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)


def mappings(pid: int) -> dict[str, int]:
    """Return the private memory of each mapping of a process, in KiB, by its address and name."""
    found: dict[str, int] = {}
    name = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if words[0] == "Anonymous:":
            found[name] = int(words[1])
        elif "-" in words[0] and not words[0].endswith(":"):
            name = f"{words[0].split('-')[0]} {words[5] if len(words) > 5 else 'anonymous'}"
    return found


def grown(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Return the mappings that have grown, as texts, the largest first."""
    more = {name: size - before.get(name, 0) for name, size in after.items()}
    named = sorted(more.items(), key=lambda item: -item[1])
    return [f"{name}: {size} KiB more, {after[name]} in all" for name, size in named if size >= MIN_GROWN_KIB]


def failures(samples: list[dict[str, float]], received: int, expected: float) -> list[str]:
    """Return what exceeds the limits, as texts."""
    faults = []
    if received < MIN_RECEIVED_SHARE * expected:
        faults.append(f"only {received} of about {expected:.0f} images were received")
    settled = [one for one in samples if one["minute"] >= SETTLING_MINUTES] or samples
    tenth = max(1, len(settled) // 10)
    for name, allowed in (("private_mib", ALLOWED_GROWTH_MIB), ("descriptors", ALLOWED_MORE_DESCRIPTORS)):
        began, ended = (
            statistics.median(one[name] for one in part) for part in (settled[:tenth], settled[-tenth:])
        )
        if ended - began > allowed:
            faults.append(f"{name} grew from {began:g} to {ended:g}")
    return faults


def main() -> int:
    """Run the stream, sample the bridge and print the samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--fps", type=int, default=20)
    parser.add_argument("--stream-seconds", type=int, default=150)
    arguments = parser.parse_args()
    samples: list[dict[str, float]] = []
    with Run(ENDURANCE_DOMAIN) as run:
        emulator = run.start(
            str(PREFIX / "lib" / "odyssey_ros" / "emulator"),
            *("--host", "127.0.0.1", "--port", "0", "--api-key", run.environment["ODYSSEY_API_KEY"]),
            *("--fps", str(arguments.fps), "--stream-seconds", str(arguments.stream_seconds)),
            *("--connection-seconds", "off", "--no-recordings"),
        )
        url = expect(emulator, "odyssey emulator ready at ")
        bridge = run.start(
            str(PREFIX / "lib" / "odyssey_ros" / "bridge"),
            *("--ros-args", "--log-level", "warn", "-p", f"api_url:={url}", "-p", "stamp_source:=arrival"),
            *("-p", "prompt:=a harbour at dawn"),
        )
        subscriber = run.start_subscriber("/odyssey/image_raw")
        expect(subscriber, "ready")
        time.sleep(10.0)
        before = sample(bridge.pid)["private_mib"]
        for _ in range(2):
            stall(subscriber, STALL_S)
            time.sleep(5.0)
        print(
            f"buffers of the image writer: {sample(bridge.pid)['private_mib'] - before:.1f} MiB after stalls"
        )
        settled: dict[str, int] = {}
        started = time.monotonic()
        while (passed := time.monotonic() - started) < arguments.minutes * 60:
            samples.append({"minute": round(passed / 60, 1), **sample(bridge.pid)})
            if not settled and passed >= SETTLING_MINUTES * 60:
                settled = mappings(bridge.pid)
            if len(samples) % 10 == 1:
                print(json.dumps(samples[-1]), flush=True)
            time.sleep(min(30.0, arguments.minutes * 6))
        samples.append({"minute": round(passed / 60, 1), **sample(bridge.pid)})
        growth = grown(settled, mappings(bridge.pid)) if settled else []
        figures = finish(subscriber)
    latencies = sorted(figures["latencies_ms"])  # type: ignore[call-overload]
    print(f"{'':<10}{'minute':>8}{'private':>10}{'shared MiB':>12}{'threads':>9}{'fds':>6}{'cpu s':>9}")
    for name, one in zip(
        ("start", "middle", "end"), (samples[0], samples[len(samples) // 2], samples[-1]), strict=True
    ):
        print(
            f"{name:<10}{one['minute']:>8}{one['private_mib']:>10}{one['shared_mib']:>12}{one['threads']:>9}"
            f"{one['descriptors']:>6}{one['cpu_s']:>9}"
        )
    output = TOP / "bench_output"
    output.mkdir(exist_ok=True)
    (output / "endurance.json").write_text(json.dumps(samples, indent=1) + "\n")
    expected = arguments.minutes * 60 * arguments.fps
    if latencies:
        print(
            f"images received: {len(latencies)} of about {expected:.0f}, "
            f"latency p50 {latencies[len(latencies) // 2]:.1f} ms"
        )
    for line in growth:
        print(f"mapping that has grown since minute {SETTLING_MINUTES:g}: {line}")
    faults = failures(samples, len(latencies), expected)
    for fault in faults:
        print(f"endurance: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
