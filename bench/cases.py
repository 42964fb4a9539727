"""One measurement: emulator, bridges and subscribers as processes, for a few seconds."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx

TOP = Path(__file__).resolve().parent.parent
PREFIX = TOP / "install" / "odyssey_ros"
PROFILE = str(PREFIX / "share" / "odyssey_ros" / "config" / "fastdds.xml")
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
KEY = "ody_local"
READY = "odyssey emulator ready at "
PROMPT = "a harbour at dawn, calm water"
TICKS = os.sysconf("SC_CLK_TCK")
# Domains that neither the tests nor the demo use, because nodes of the same domain can disturb a measurement.
FIRST_DOMAIN, ENDURANCE_DOMAIN, FAULT_DOMAIN = 215, 230, 231


@dataclass(frozen=True)
class Case:
    """The settings of one measurement."""

    name: str
    baseline: bool = False
    fps: int = 30
    seconds: float = 12.0
    subscribers: int = 1
    bridges: int = 1
    compressed: bool = False
    portrait: bool = False
    encoding: str = "rgb8"


@dataclass(frozen=True)
class Figures:
    """The results of one measurement; times in milliseconds."""

    name: str
    frames_in: int
    published: int
    received: list[int]
    fps: float
    cpu_per_frame: float
    p50: float | None
    p95: float | None
    stages: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the figures for the JSON file."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def use_shipped_profile() -> None:
    """Use the shipped profile of Fast DDS for the nodes of this process: they are part of the graph."""
    os.environ.update(dict.fromkeys(PROFILE_VARIABLES, PROFILE))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process in seconds, all threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def percentile(values: list[float], share: float) -> float | None:
    """Return a percentile by nearest rank; None without values."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else None


class Run:
    """The processes of one case; all have ended at the end of the `with` block.

    Args:
        domain: The ROS domain.
        baseline: Use the default settings of Fast DDS instead of the shipped profile.
    """

    def __init__(self, domain: int, *, baseline: bool = False) -> None:
        self.environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "ODYSSEY_API_KEY": KEY}
        for variable in PROFILE_VARIABLES:
            self.environment.pop(variable, None)
            if not baseline:
                self.environment[variable] = PROFILE
        self._stack = ExitStack()

    def __enter__(self) -> Run:
        # So that SIGTERM, for example of `timeout`, leaves the `with` block and ends the processes, too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, *command: str, log: IO[str] | None = None, **environment: str) -> subprocess.Popen[str]:
        """Start a process that ends with the run; its stderr goes to `log`, or to the terminal."""
        process = subprocess.Popen(
            command,
            env={**self.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        self._stack.callback(end, process)
        return process

    def start_emulator(self, fps: int, *options: str) -> str:
        """Start the emulator; return its URL."""
        process = self.start(
            str(PREFIX / "lib" / "odyssey_ros" / "emulator"),
            *("--host", "127.0.0.1", "--port", "0", "--api-key", KEY, "--fps", str(fps), *options),
        )
        return expect(process, READY)

    def start_bridge(self, url: str, name: str = "odyssey", **parameters: object) -> subprocess.Popen[str]:
        """Start a bridge that stamps frames on arrival, so that latencies are those of the bridge."""
        options = {"api_url": url, "stamp_source": "arrival", **parameters}
        return self.start(
            *(str(PREFIX / "lib" / "odyssey_ros" / "bridge"), "--ros-args", "-r", f"__node:={name}"),
            *("--log-level", "warn"),
            *(part for option, value in options.items() for part in ("-p", f"{option}:={value}")),
        )

    def start_player(self, video_file: Path, name: str) -> subprocess.Popen[str]:
        """Start a player that plays a video file in a loop."""
        return self.start(
            *(str(PREFIX / "lib" / "odyssey_ros" / "player"), "--ros-args", "-r", f"__node:={name}"),
            *("--log-level", "warn", "-p", f"video_file:={video_file.resolve()}", "-p", "loop:=true"),
        )

    def start_subscriber(self, topic: str, *options: str, **environment: str) -> subprocess.Popen[str]:
        """Start a measuring subscriber."""
        command = (sys.executable, str(TOP / "bench" / "subscriber.py"), topic, *options)
        return self.start(*command, **environment)


def expect(process: subprocess.Popen[str], prefix: str) -> str:
    """Read lines until one starts with a prefix; return the rest of that line.

    Raises:
        RuntimeError: The process ended before such a line.
    """
    assert process.stdout is not None  # noqa: S101 -- it is a pipe
    for line in process.stdout:
        if line.startswith(prefix):
            return line.removeprefix(prefix).strip()
    raise RuntimeError(f"{process.args} ended before it printed {prefix!r}")


def sessions(url: str) -> list[dict[str, Any]]:
    """Return the state of all sessions of an emulator that have a streamer."""
    response = httpx.get(f"{url}/control/state", trust_env=False, timeout=30)
    return [session for session in response.json()["sessions"] if "stream" in session]


def skipped_frames(url: str) -> int:
    """Return how many frames the running streams of an emulator have skipped, because it was too slow."""
    return sum(session["stream"]["frames_skipped"] for session in sessions(url) if session["stream"])


def finish(process: subprocess.Popen[str]) -> dict[str, object]:
    """End a subscriber; return its figures."""
    output, _ = process.communicate(timeout=30)
    return dict(json.loads(output.strip().split("\n")[-1]))


def end(process: subprocess.Popen[str]) -> None:
    """End a process; kill it when it does not end within 10 s."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=10)
    except (subprocess.TimeoutExpired, ValueError):
        process.kill()
        process.wait()


def latencies(results: list[dict[str, object]]) -> list[float]:
    """Return the latencies of all subscribers; the first tenth of each is left out, as connections settle."""
    found: list[float] = []
    for result in results:
        values = result["latencies_ms"]
        assert isinstance(values, list)  # noqa: S101 -- bench/subscriber.py writes a list
        found.extend(values[len(values) // 10 :])
    return found


def figures(
    case: Case, results: list[dict[str, object]], frames_in: int, published: int, cpu: float
) -> Figures:
    """Combine the results of all subscribers."""
    counts = [len(result["latencies_ms"]) for result in results]  # type: ignore[arg-type]
    seconds = [float(result["seconds"]) for result in results if result["seconds"]]  # type: ignore[arg-type]
    rates = [(count - 1) / span for count, span in zip(counts, seconds, strict=False) if span > 0]
    values = latencies(results)
    return Figures(
        name=case.name,
        frames_in=frames_in,
        published=published,
        received=counts,
        fps=round(statistics.mean(rates), 2) if rates else 0.0,
        cpu_per_frame=round(cpu / frames_in * 1000, 2) if frames_in else 0.0,
        p50=percentile(values, 0.5),
        p95=percentile(values, 0.95),
    )


def measure_baseline(case: Case, domain: int) -> Figures:
    """Measure the baseline."""
    with Run(domain, baseline=True) as run:
        url = run.start_emulator(case.fps)
        bridge = run.start(
            *(sys.executable, str(TOP / "bench" / "baseline_bridge.py")),
            ODYSSEY_API_URL=url,
            SUBSCRIBERS=str(case.subscribers),
        )
        subscribers = [run.start_subscriber("/odyssey/image_raw") for _ in range(case.subscribers)]
        for subscriber in subscribers:
            expect(subscriber, "ready")
        time.sleep(3.0)
        before = cpu_seconds(bridge.pid)
        time.sleep(case.seconds)
        cpu = cpu_seconds(bridge.pid) - before
        bridge.send_signal(signal.SIGINT)
        counts = json.loads(expect(bridge, "{").join(("{", "")))
        time.sleep(0.5)
        results = [finish(subscriber) for subscriber in subscribers]
    share = case.seconds / (counts["received"] / case.fps)
    return figures(case, results, counts["received"], counts["published"], cpu / share)
