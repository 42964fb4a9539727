"""Kills all processes of simulate, report and both exports at random moments, and compares what they make.

Usage: PYTHONPATH=test/support:. python bench/kill_everything.py [--episodes 200] [--kills 5] [--seed 1]

Each command is started again after each kill (SIGKILL to the driver and the workers at once); the last run
ends by itself. The emulator stands for the service: it must have received one job for each script. Each frame
of the exports is compared with the scripts and with the marker in its picture, and all files with those of
an undisturbed run from the same jobs. The figures are printed, and written to
bench_output/kill_everything.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tables import table

from killed_pipeline import COMMANDS, Pipeline

OUTPUT = Path("bench_output")


def main() -> int:
    """Run everything; return 1 if anything is lost, doubled, half-written or wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--episodes", type=int, default=200, help="number of scripts, up to 200 (%(default)s)"
    )
    parser.add_argument("--kills", type=int, default=5, help="kills of each command (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the moments (%(default)s)")
    arguments = parser.parse_args()
    kills = dict.fromkeys(COMMANDS, arguments.kills)
    OUTPUT.mkdir(exist_ok=True)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(dir=OUTPUT) as name:
        outcome = Pipeline(Path(name).resolve(), arguments.episodes, kills, arguments.seed).run()
    seconds = time.monotonic() - begin
    rows = [run.figures() for run in outcome.stages]
    print(table(f"{arguments.episodes} episodes, seed {arguments.seed}", rows))
    print(
        f"\n  {outcome.jobs} jobs, {outcome.frames} frames, {outcome.clips} clips, {seconds:.0f} s in all\n  "
        + "\n  ".join(outcome.faults or ["nothing lost, doubled, half-written or different"])
    )
    figures = {
        "episodes": outcome.episodes,
        "jobs": outcome.jobs,
        "frames": outcome.frames,
        "clips": outcome.clips,
        "seconds": round(seconds, 1),
        "commands": rows,
        "faults": outcome.faults,
    }
    (OUTPUT / "kill_everything.json").write_text(json.dumps(figures, indent=2) + "\n")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
