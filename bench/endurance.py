"""Stream for long, and show that memory, threads and descriptors of the bridge end where they began.

python3 bench/endurance.py --minutes 60

The emulator ends each stream after --stream-seconds, as the service does: the bridge resumes many times.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from cases import PREFIX, TOP, Run, cpu_seconds, expect, finish


def sample(pid: int) -> dict[str, float]:
    """What a process holds now: memory in MiB, threads, open descriptors, CPU seconds."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    return {
        "rss_mib": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "threads": int(status["Threads"]),
        "descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "cpu_s": round(cpu_seconds(pid), 1),
    }


def main() -> int:
    """Run, sample, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--fps", type=int, default=20)
    parser.add_argument("--stream-seconds", type=int, default=150)
    arguments = parser.parse_args()
    samples: list[dict[str, float]] = []
    with Run(1 + os.getpid() % 90, plain=False) as run:
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
        time.sleep(20.0)
        started = time.monotonic()
        while (passed := time.monotonic() - started) < arguments.minutes * 60:
            samples.append({"minute": round(passed / 60, 1), **sample(bridge.pid)})
            if len(samples) % 10 == 1:
                print(json.dumps(samples[-1]), flush=True)
            time.sleep(min(30.0, arguments.minutes * 6))
        samples.append({"minute": round(passed / 60, 1), **sample(bridge.pid)})
        figures = finish(subscriber)
    latencies = sorted(figures["latencies_ms"])  # type: ignore[call-overload]
    print(f"{'':<10}{'minute':>8}{'MiB':>9}{'threads':>9}{'fds':>6}{'cpu s':>9}")
    for name, one in zip(
        ("start", "middle", "end"), (samples[0], samples[len(samples) // 2], samples[-1]), strict=True
    ):
        print(
            f"{name:<10}{one['minute']:>8}{one['rss_mib']:>9}{one['threads']:>9}{one['descriptors']:>6}{one['cpu_s']:>9}"
        )
    print(f"pictures received: {len(latencies)}, latency p50 {latencies[len(latencies) // 2]:.1f} ms")
    output = TOP / "bench_output"
    output.mkdir(exist_ok=True)
    (output / "endurance.json").write_text(json.dumps(samples, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
