"""Measures the encoded topic of a bridge beside its raw topic, in turns on one bridge.

Usage: python bench/encoded.py [--turns 4] [--seconds 6] [--domain 226]

In each turn, one subscriber takes the raw images for some seconds, then one takes the encoded ones. Both
latencies begin when the access unit of a frame is complete: with `stamp_source` `arrival`, that is the stamp
of all messages of the frame. The figures are printed and written to bench_output/encoded.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass

from audience import NAME, SETTLE_S, Scene
from cases import TOP, finish, percentile
from cases import expect as wait_for
from tables import Row, table

RAW, ENCODED = "image_raw", "image_raw/ffmpeg"
FIGURES = ("cpu ms/frame", "p50 ms", "p95 ms", "kB/frame", "frames/s")


@dataclass(frozen=True)
class Turn:
    """The figures of one topic in one turn."""

    cpu_ms: float
    latencies_ms: list[float]
    sizes: list[int]
    fps: float
    lost: int | None

    def row(self) -> dict[str, float]:
        """Return the figures under the names of `FIGURES`."""
        values = (
            self.cpu_ms,
            percentile(self.latencies_ms, 0.5) or 0.0,
            percentile(self.latencies_ms, 0.95) or 0.0,
            statistics.mean(self.sizes) / 1000,
            self.fps,
        )
        return dict(zip(FIGURES, values, strict=True))


def measure(scene: Scene, topic: str, seconds: float) -> Turn:
    """Measure one topic with one subscriber, which leaves afterwards."""
    subscriber = scene.run.start_subscriber(f"/{NAME}/{topic}")
    wait_for(subscriber, "ready")
    time.sleep(SETTLE_S)
    begin = scene.mark()
    time.sleep(seconds)
    end = scene.mark()
    result = finish(subscriber)
    frames = list(zip(result["times"], result["latencies_ms"], result["sizes"], strict=True))  # type: ignore[call-overload]
    window = [frame for frame in frames if begin.time <= frame[0] < end.time]
    numbers = [
        number
        for at, number in zip(result["times"], result["numbers"], strict=False)
        if begin.time <= at < end.time
    ]  # type: ignore[call-overload]
    return Turn(
        (end.cpu_s - begin.cpu_s) * 1000 / max(end.received - begin.received, 1),
        [latency for _, latency, _ in window],
        [size for _, _, size in window],
        len(window) / (end.time - begin.time),
        numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else None,
    )


def compare_paths(domain: int, turns: int, seconds: float) -> tuple[list[Row], dict[str, float]]:
    """Return the rows of a table and the ratios of the encoded to the raw topic, medians of all turns."""
    found: dict[str, list[dict[str, float]]] = {RAW: [], ENCODED: []}
    lost: dict[str, int | None] = {RAW: None, ENCODED: 0}  # raw images have no numbers
    with Scene(domain, RAW) as scene:
        for _ in range(turns):
            for topic, figures in found.items():
                turn = measure(scene, topic, seconds)
                figures.append(turn.row())
                if turn.lost is not None:
                    lost[topic] = (lost[topic] or 0) + turn.lost
    ratios = {
        name: round(
            statistics.median(
                encoded[name] / raw[name] for raw, encoded in zip(found[RAW], found[ENCODED], strict=True)
            ),
            4,
        )
        for name in FIGURES
    }
    rows: list[Row] = [
        {
            "": topic,
            **{name: statistics.median(one[name] for one in figures) for name in FIGURES},
            "lost": lost[topic],
        }
        for topic, figures in found.items()
    ]
    rows.append({"": "encoded / raw", **ratios, "lost": None})
    return rows, ratios


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=4, help="number of turns (%(default)s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each measurement (%(default)s)")
    parser.add_argument("--domain", type=int, default=226, help="ROS domain (%(default)s)")
    arguments = parser.parse_args()
    rows, ratios = compare_paths(arguments.domain, arguments.turns, arguments.seconds)
    print(table("One subscriber to the raw or to the encoded topic, 30 frames/s, in turns", rows))
    output = TOP / "bench_output"
    output.mkdir(exist_ok=True)
    (output / "encoded.json").write_text(json.dumps({"rows": rows, "ratios": ratios}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
