"""Compares the shipped bridge with a baseline in one run, then measures the parts of its cost.

`make bench` runs this. The figures are printed and written to bench_output/figures.json. Compare figures of
one run only, because the load of a machine varies.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from audience import disturb, grow
from cases import FIRST_DOMAIN, PROMPT, TOP, Case, Figures, Run, expect, figures, finish, measure_baseline
from console_bench import measure_console
from encoded import compare_paths
from graph import Operator
from joins import measure_joins
from many_bridges import measure as measure_bridges
from stages import measure_stages
from tables import Row, table

SHORT_S, LONG_S = 3.0, 6.0
ENCODED_TURNS, CONSOLE_TURNS, JOINS, BRIDGES = 2, 2, 12, 8


def measure(case: Case, domain: int) -> Figures:
    """Measure one case; a bridge runs with its shipped settings."""
    if case.baseline:
        return measure_baseline(case, domain)
    names = [f"odyssey{index}" if case.bridges > 1 else "odyssey" for index in range(case.bridges)]
    topic = "image_raw/compressed" if case.compressed else "image_raw"
    with Run(domain) as run:
        url = run.start_emulator(case.fps)
        portrait = str(case.portrait).lower()
        bridges = {
            name: run.start_bridge(url, name, encoding=case.encoding, portrait=portrait) for name in names
        }
        subscribers = [
            run.start_subscriber(f"/{name}/{topic}") for name in names for _ in range(case.subscribers)
        ]
        operator = Operator(domain, names, PROMPT)
        try:
            for subscriber in subscribers:
                expect(subscriber, "ready")
            time.sleep(1.0)
            operator.start_streams()
            time.sleep(2.0)
            before = {name: operator.mark(name, bridge.pid) for name, bridge in bridges.items()}
            time.sleep(case.seconds)
            after = {name: operator.mark(name, bridge.pid) for name, bridge in bridges.items()}
            cpu = sum(after[name].cpu_s - before[name].cpu_s for name in names)
            counted = sum(after[name].received - before[name].received for name in names)
            operator.stop_streams()
            statuses = list(operator.statuses.values())
        finally:
            operator.close()
        results = [finish(subscriber) for subscriber in subscribers]
    frames_in = sum(status.frames_received for status in statuses)
    published = sum(status.frames_published for status in statuses)
    return figures(case, results, frames_in, published, cpu * frames_in / max(counted, 1))


def row(figure: Figures) -> str:
    """Return one line of the table."""
    received = f"{min(figure.received)}" if figure.received else "-"
    return (
        f"  {figure.name:<34}{figure.frames_in:>7}{figure.published:>11}{received:>10}{figure.fps:>8.1f}"
        f"{figure.cpu_per_frame:>11.2f}{figure.p50 or 0:>9.2f}{figure.p95 or 0:>9.2f}"
    )


COLUMNS = "in  published  received     fps  cpu ms/fr   p50 ms   p95 ms"
HEADER = f"  {'':<39}{COLUMNS}"


def compare(seconds: float, domain: int) -> tuple[list[Figures], dict[str, float]]:
    """Measure the baseline and the shipped bridge twice each, in turns, so that other load affects both."""
    baseline = Case("baseline", baseline=True, seconds=seconds)
    shipped = Case("odyssey_ros as shipped", seconds=seconds)
    found = []
    for turn in range(2):
        for offset, case in enumerate((baseline, shipped)):
            found.append(measure(case, domain + 2 * turn + offset))
            print(row(found[-1]), flush=True)
    baselines, bridges = found[0::2], found[1::2]
    ratios = {
        "p95_latency": round(min(f.p95 or 0 for f in bridges) / min(f.p95 or 1e9 for f in baselines), 3),
        "cpu_per_frame": round(
            min(f.cpu_per_frame for f in bridges) / min(f.cpu_per_frame for f in baselines), 3
        ),
    }
    return found, ratios


def variants(seconds: float, domain: int) -> list[Row]:
    """Measure other encodings and sizes, and several bridges."""
    cases = (
        Case("1280x704 rgb8", seconds=seconds),
        Case("1280x704 mono8", seconds=seconds, encoding="mono8"),
        Case("704x1280 rgb8", seconds=seconds, portrait=True),
        Case("two bridges, 30 frames/s each", seconds=seconds, bridges=2),
        Case("four bridges, 15 frames/s each", seconds=seconds, bridges=4, fps=15),
    )
    rows: list[Row] = []
    for index, case in enumerate(cases):
        figure = measure(case, domain + index)
        rows.append(
            {
                "": case.name,
                "frames/s": figure.fps,
                "cpu ms/frame": figure.cpu_per_frame,
                "p50 ms": figure.p50,
                "p95 ms": figure.p95,
            }
        )
    return rows


def main() -> int:
    """Run the measurements, print them and write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        default=12.0,
        help="length of each measurement of the comparison (%(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="run only the comparison")
    arguments = parser.parse_args()
    print(
        f"Frames of 1280x704 rgb8 at 30 Hz, reliable, {arguments.seconds:.0f} s each, {os.cpu_count()} cores"
    )
    print(HEADER, flush=True)
    found, ratios = compare(arguments.seconds, FIRST_DOMAIN)
    print(
        f"  ratio to the baseline:  p95 latency {ratios['p95_latency']}  "
        f"cpu per frame {ratios['cpu_per_frame']}"
    )
    document: dict[str, object] = {"figures": [figure.as_json() for figure in found], "ratios": ratios}
    if not arguments.quick:
        document |= measure_more(FIRST_DOMAIN + 4)
    output = TOP / "bench_output"
    output.mkdir(exist_ok=True)
    (output / "figures.json").write_text(json.dumps(document, indent=2) + "\n")
    print(f"\n  {output / 'figures.json'}")
    return 0


def measure_more(domain: int) -> dict[str, object]:
    """Run and print all measurements but the comparison; return them for the file."""
    rows, ratio = measure_stages(domain, LONG_S)
    print(table("CPU time of each stage, one subscriber, 30 frames/s", rows))
    print(
        f"  all stages cost {ratio:.2f} times as much as one decoding, one conversion and one publish alone"
    )
    document: dict[str, object] = {"stages": rows, "whole_to_unavoidable": round(ratio, 2)}
    rows, document["encoded_ratios"] = compare_paths(domain + 2, ENCODED_TURNS, SHORT_S)
    print(table("One subscriber to the raw or to the encoded topic, 30 frames/s, in turns", rows), flush=True)
    document["encoded"] = rows
    document["console"] = rows = measure_console(domain + 3, CONSOLE_TURNS, LONG_S)
    if rows:
        title = "The console in Chromium, in turns with a plain subscriber; latency from arrival to display"
        print(table(title, rows), flush=True)
    document["joins"] = rows = measure_joins(domain + 3, JOINS, seed=1)
    print(table(f"{JOINS} viewers of the encoded topic, one after the other", rows), flush=True)
    document["many_bridges"] = rows = [
        measure_bridges(domain + 4, BRIDGES, LONG_S, emulators=1 if one_stream else 4, one_stream=one_stream)
        for one_stream in (False, True)
    ]
    print(table("Bridges with a stream each, then spectators of one stream; CPU in % of the machine", rows))
    audience = [
        *grow(domain, "image_raw", SHORT_S),
        *grow(domain + 1, "image_raw/compressed", SHORT_S),
    ]
    print(table("Number of subscribers, each in its own process (frames/s and latency of all)", audience))
    document["subscribers"] = audience
    document["variants"] = rows = variants(SHORT_S, domain + 4)
    print(table("Encodings, sizes and several bridges, one subscriber for each bridge", rows))
    document["disturbed"] = rows = disturb(domain + 10, SHORT_S)
    print(table("One subscriber at 30 frames/s while other subscribers misbehave", rows))
    return document


if __name__ == "__main__":
    sys.exit(main())
