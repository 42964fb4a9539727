"""Compares the bridges of two built source trees in one run, in turns, for example of two commits.

Usage: python bench/compare_trees.py BEFORE [AFTER] [--turns 4] [--seconds 10] [--domain 225]

BEFORE and AFTER (by default, this tree) are folders in which `make build` has been run. For example:

    git worktree add /tmp/before main~10 && make -C /tmp/before build
    . scripts/activate && python bench/compare_trees.py /tmp/before

Every turn runs both bridges, one after the other, in alternating order, with one subscriber to the raw images
at 30 frames/s. Emulator and subscriber are those of this tree in all cases. The latency is the time from the
emulator's sending of a frame to the callback of the subscriber, so it does not depend on the stamps of a
tree. Compare ratios only. The figures are printed and written to bench_output/trees.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cases import KEY, PROMPT, READY, TOP, Run, cpu_seconds, expect, finish, percentile
from tables import Row, table

if TYPE_CHECKING:
    import subprocess

NAME = "odyssey"
SETTLE_S = 3.0
RATE_HZ = 30
# ROS from wheels sets the library path, unless the guard variable is set.
START = 'unset _ROS_WHEELS_BOOTSTRAP_COMPLETE; cd "$1" && shift && . scripts/activate && exec "$@"'
SEARCH_PATHS = ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH")


@dataclass(frozen=True)
class Measured:
    """The figures of one bridge in one turn; times in milliseconds."""

    cpu_per_frame: float
    p50: float
    p95: float
    lost: int


def other_environment(tree: Path) -> dict[str, str]:
    """Return the variables for a process of another tree: its own profile, no search path of this one."""
    profile = str(tree / "install" / "odyssey_ros" / "share" / "odyssey_ros" / "config" / "fastdds.xml")
    paths = {
        name: os.pathsep.join(
            part for part in os.environ.get(name, "").split(os.pathsep) if not Path(part).is_relative_to(TOP)
        )
        for name in SEARCH_PATHS
    }
    return {**paths, "FASTRTPS_DEFAULT_PROFILES_FILE": profile, "FASTDDS_DEFAULT_PROFILES_FILE": profile}


def start_bridge(run: Run, tree: Path, url: str) -> subprocess.Popen[str]:
    """Start the bridge of a tree; it connects and starts a stream."""
    return run.start(
        *("sh", "-c", START, "sh", str(tree)),
        *(str(tree / "install" / "odyssey_ros" / "lib" / "odyssey_ros" / "bridge"), "--ros-args"),
        *("-r", f"__node:={NAME}", "--log-level", "warn"),
        *("-p", f"api_url:={url}", "-p", f"prompt:={PROMPT}", "-p", "portrait:=false"),
        **other_environment(tree),
    )


def measure(tree: Path, domain: int, seconds: float) -> Measured:
    """Measure the bridge of one tree."""
    with Run(domain) as run:
        emulator = run.start(
            *(sys.executable, str(TOP / "bench" / "timed_emulator.py"), "--host", "127.0.0.1"),
            *("--port", "0", "--api-key", KEY, "--fps", str(RATE_HZ)),
        )
        url = expect(emulator, READY)
        subscriber = run.start_subscriber(f"/{NAME}/image_raw", "--markers")
        bridge = start_bridge(run, tree, url)
        expect(subscriber, "ready")
        time.sleep(SETTLE_S)
        began, before = time.monotonic(), cpu_seconds(bridge.pid)
        time.sleep(seconds)
        ended, cpu = time.monotonic(), cpu_seconds(bridge.pid) - before
        result = finish(subscriber)
        assert emulator.stdin is not None  # noqa: S101 -- it is a pipe
        emulator.stdin.close()
        sent = json.loads("[" + expect(emulator, "["))
    received = list(zip(result["stream_ms"], result["times"], strict=True))  # type: ignore[call-overload]
    return evaluate(tree, sent, received, began, ended, cpu)


def evaluate(
    tree: Path,
    sent: list[tuple[int, int]],
    received: list[tuple[int | None, float]],
    began: float,
    ended: float,
    cpu: float,
) -> Measured:
    """Return the figures of the time from `began` to `ended`, on the monotonic clock, in seconds.

    Args:
        tree: The tree of the bridge.
        sent: Media time and time of each frame that the emulator sent, in nanoseconds.
        received: Stream time in milliseconds, as read in the image, and time in seconds of each image.
        began: Begin.
        ended: End.
        cpu: CPU time of the bridge between them, in seconds.

    Raises:
        RuntimeError: No image was received in that time.
    """
    left = {number((media - sent[0][0]) / 1e6): at / 1e9 for media, at in sent}
    came = {number(stream_ms): at for stream_ms, at in received if stream_ms is not None}
    window = {index: at for index, at in came.items() if began <= at < ended}
    if not window:
        raise RuntimeError(f"no image from {tree} within {ended - began:.0f} s")
    latencies = [(at - left[index]) * 1000 for index, at in window.items()]
    return Measured(
        cpu_per_frame=round(cpu * 1000 / len(window), 3),
        p50=percentile(latencies, 0.5) or 0.0,
        p95=percentile(latencies, 0.95) or 0.0,
        lost=sum(min(window) <= index <= max(window) for index in left) - len(window),
    )


def number(milliseconds: float) -> int:
    """Return how many frames a time is after that of the first frame of the stream."""
    return round(milliseconds * RATE_HZ / 1000)


def main() -> int:
    """Run the comparison; return 1 if a frame was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="folder of the tree to compare with")
    parser.add_argument(
        "after", type=Path, nargs="?", default=TOP, help="folder of the other tree (this one)"
    )
    parser.add_argument("--turns", type=int, default=4, help="number of turns (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="length of each measurement (%(default)s)"
    )
    parser.add_argument("--domain", type=int, default=225, help="ROS domain (%(default)s)")
    arguments = parser.parse_args()
    trees = {"before": arguments.before.resolve(), "after": arguments.after.resolve()}
    found: dict[str, list[Measured]] = {name: [] for name in trees}
    for turn in range(arguments.turns):
        for name in sorted(trees, reverse=turn % 2 == 0):
            found[name].append(measure(trees[name], arguments.domain, arguments.seconds))
            print(f"  turn {turn + 1}  {name:<7} {found[name][-1]}", flush=True)
    columns = ("cpu_per_frame", "p50", "p95")
    rows: list[Row] = [
        {
            "median": name,
            **{column: statistics.median(getattr(one, column) for one in found[name]) for column in columns},
        }
        for name in trees
    ]
    ratios = {
        column: round(
            statistics.median(
                getattr(after, column) / getattr(before, column)
                for before, after in zip(found["before"], found["after"], strict=True)
            ),
            3,
        )
        for column in columns
    }
    rows.append({"median": "after / before, in the same turn", **ratios})
    print(table(f"Raw images at {RATE_HZ} frames/s, one subscriber; milliseconds", rows))
    output = TOP / "bench_output"
    output.mkdir(exist_ok=True)
    document = {name: [vars(one) for one in turns] for name, turns in found.items()} | {"ratios": ratios}
    (output / "trees.json").write_text(json.dumps(document, indent=2) + "\n")
    return 1 if any(one.lost for turns in found.values() for one in turns) else 0


if __name__ == "__main__":
    sys.exit(main())
