"""Benchmark of the exports for trainers, against plain implementations and bounds in the same run.

Usage: PYTHONPATH=. python bench/training.py [--turns 3] [--only copy,gop,statistics,memory]

The input is made of a synthetic video (bench/training_input.py). Every measurement is a new process, the
real command with the given number of workers, with the start of its processes. The ways alternate, and the
median counts, so that other load affects all of them. Figures are of wall time, and of the CPU time of
all processes of the command, which depends less on other load.

    copy        `export lerobot` of H.264 as it is, on one core; a plain remux with PyAV beside it
    gop         `export lerobot --gop 2` on one core; beside it, plain PyAV decodes and encodes the same
                frames with the same settings; the same export with two workers, on two cores
    statistics  the part of the time of an episode's task that the statistics take
    memory      peak of a process that runs the task of one episode, of 100 and of 1,800 frames

The figures are printed and written to bench_output/training.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tables import Row, table
from training_input import RATE, make_folder, make_video

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OUTPUT = Path("bench_output")
HERE = Path(__file__).parent
SHORT, LONG = 100, 1800
"""Frames of a short and of a long episode."""

COPIED, ENCODED = 20, 2
"""Number of long episodes that are copied and encoded."""

PARTS = ("copy", "gop", "statistics", "memory")


@dataclass(frozen=True)
class Cost:
    """What a command used.

    Attributes:
        wall_s: Wall time in seconds.
        cpu_s: CPU time of the command and its processes, in seconds.
        peak_bytes: Maximum memory of the largest of its processes.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int


class Bench:
    """Input and output folders, and the commands.

    Args:
        folder: An empty folder.
        turns: Number of measurements of each way.
    """

    def __init__(self, folder: Path, turns: int) -> None:
        self._folder = folder
        self._turns = turns
        self._cores = sorted(os.sched_getaffinity(0))

    def make_input(self) -> None:
        """Make the video and the folders of episodes."""
        long = self._video(LONG)
        short = self._video(SHORT)
        for name, video, count, frames in (
            ("copy", long, COPIED, LONG),
            ("gop", long, ENCODED, LONG),
            ("long", long, 1, LONG),
            ("short", short, 1, SHORT),
        ):
            make_folder(self._folder / name, video, count, seconds=frames / RATE)

    def _video(self, frames: int) -> Path:
        path = self._folder / f"{frames}.mp4"
        make_video(path, frames)
        return path

    def export(self, source: str, *options: str, workers: int = 1) -> Cost:
        """Export a folder of episodes with the command, one core for each worker, and remove the result."""
        target = self._folder / "out"
        command = ["-m", "odyssey_ros.dataset", "export", "lerobot", str(self._folder / source)]
        cost = self._measured([*command, "-o", str(target), "--workers", str(workers), *options], workers)
        shutil.rmtree(target)
        return cost

    def plain(self, way: str, count: int) -> Cost:
        """Copy or encode the frames of the long video `count` times with a few lines of PyAV, on one core."""
        target = self._folder / "plain"
        target.mkdir()
        video = self._folder / f"{LONG}.mp4"
        cost = self._measured([str(HERE / "plain_export.py"), way, str(video), str(target), str(count)], 1)
        shutil.rmtree(target)
        return cost

    def task(self, source: str, *options: str) -> dict[str, float]:
        """Run the tasks of an export in a new process, and return its figures; see `export_tasks.py`."""
        command = [sys.executable, str(HERE / "export_tasks.py"), str(self._folder / source), *options]
        # Linux counts the memory of a parent as the peak of a new child, so a small process starts it.
        cores = str(self._cores[-1])
        command = [sys.executable, str(HERE / "measured_command.py"), cores, *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        found: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
        return found

    def _measured(self, arguments: Sequence[str], cores: int) -> Cost:
        used = ",".join(str(core) for core in self._cores[-cores:])
        command = [sys.executable, str(HERE / "measured_command.py"), used, sys.executable, *arguments]
        os.sync()
        done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr}")
        return Cost(**json.loads(done.stdout))

    def in_turns(self, ways: Mapping[str, Callable[[], Cost]]) -> dict[str, list[Cost]]:
        """Measure each way several times, in alternating order."""
        found: dict[str, list[Cost]] = {name: [] for name in ways}
        for turn in range(self._turns):
            for name in list(ways) if turn % 2 == 0 else reversed(list(ways)):
                found[name].append(ways[name]())
        return found


def measure_copy(bench: Bench) -> list[Row]:
    """Measure the export that copies the H.264."""
    found = bench.in_turns(
        {"export": lambda: bench.export("copy"), "plain": lambda: bench.plain("copy", COPIED)}
    )
    seconds = COPIED * LONG / RATE
    cpu, wall = _median(found["export"], "cpu_s"), _median(found["export"], "wall_s")
    plain = _median(found["plain"], "cpu_s")
    name = f"export lerobot, copy, {COPIED} episodes of {LONG} frames"
    return [
        _row(name, "x real time, CPU", seconds / cpu, ">= 100", seconds / cpu >= 100),
        _row(name, "x real time, wall", seconds / wall, ">= 100", seconds / wall >= 100),
        _row("plain remux with PyAV", "x real time, CPU", seconds / plain, "", None),
    ]


def measure_gop(bench: Bench) -> list[Row]:
    """Measure the export that encodes, against a plain implementation, and with two workers."""
    found = bench.in_turns(
        {
            "plain": lambda: bench.plain("encode", ENCODED),
            "one": lambda: bench.export("gop", "--gop", "2"),
            "two": lambda: bench.export("gop", "--gop", "2", workers=2),
        }
    )
    # Those of a turn follow one another, so that they are compared with each other.
    turns = list(zip(found["plain"], found["one"], found["two"], strict=True))
    cpu = median(plain.cpu_s / one.cpu_s for plain, one, _ in turns)
    wall = median(plain.wall_s / one.wall_s for plain, one, _ in turns)
    rate = ENCODED * LONG / _median(found["one"], "cpu_s")
    workers = median(one.wall_s / two.wall_s for _, one, two in turns)
    name = f"export lerobot --gop 2, {ENCODED} episodes of {LONG} frames"
    return [
        _row(name, "speed relative to plain PyAV, CPU", cpu, ">= 0.95", cpu >= 0.95),
        _row(name, "speed relative to plain PyAV, wall", wall, ">= 0.95", wall >= 0.95),
        _row(name, "frames/s of CPU", rate, "", None),
        _row(name, "2 local workers against 1, wall", workers, ">= 1.8", workers >= 1.8),
    ]


def measure_statistics(bench: Bench) -> list[Row]:
    """Measure the share of the statistics."""
    rows = []
    for name, source, options in (("copy", "copy", ()), ("--gop 2", "long", ("2",))):
        share = bench.task(source, *options)["share"]
        rows.append(_row(f"statistics, {name}", "share of the CPU time", share, "<= 0.1", share <= 0.1))
    return rows


def measure_memory(bench: Bench) -> list[Row]:
    """Measure the peak of memory with short and with long episodes."""
    rows = []
    for name, options in (("copy", ()), ("--gop 2", ("2",))):
        short, long = (bench.task(each, *options)["peak_bytes"] for each in ("short", "long"))
        rows += [
            _row(f"memory, {name}", f"MB with {SHORT} frames", short / 1e6, "", None),
            _row(f"memory, {name}", f"MB with {LONG} frames", long / 1e6, "", None),
            _row(
                f"memory, {name}",
                f"{LONG} against {SHORT} frames",
                long / short,
                "<= 1.1",
                long / short <= 1.1,
            ),
        ]
    return rows


def _median(costs: Sequence[Cost], name: str) -> float:
    return median(getattr(cost, name) for cost in costs)


def _row(name: str, what: str, value: float, bound: str, holds: bool | None) -> Row:
    shown = "" if holds is None else "yes" if holds else "NO"
    return {"": name, "figure": what, "value": round(value, 3), "bound": bound, "holds": shown}


def main() -> int:
    """Measure, print the table and write the figures; return 1 if a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--turns", type=int, default=3, help="measurements of each way of copy and of gop (%(default)s)"
    )
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas (%(default)s)")
    arguments = parser.parse_args()
    OUTPUT.mkdir(exist_ok=True)
    measures = {
        "copy": measure_copy,
        "gop": measure_gop,
        "statistics": measure_statistics,
        "memory": measure_memory,
    }
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=OUTPUT) as name:
        bench = Bench(Path(name).resolve(), arguments.turns)
        bench.make_input()
        for part in arguments.only.split(","):
            found = measures[part](bench)
            print(table(part, found), flush=True)
            rows += found
    (OUTPUT / "training.json").write_text(json.dumps({"figures": rows}, indent=2) + "\n")
    return 1 if any(row["holds"] == "NO" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
