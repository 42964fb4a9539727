"""Compares random streams as seen live, as recordings, through the player, and as exports, frame by frame.

Usage: PYTHONPATH=test/support python bench/stream_agreement.py [--streams 20] [--seed 1] [--domain 60]

The streams have random prompts, times, sizes, faults and reconnections (test/support/agreement_plans.py). The
figures are printed and written to bench_output/agreement.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tables import Row, table

from agreement import run_with_exports
from agreement_plans import make_plans

OUTPUT = Path("bench_output")


def main() -> int:
    """Run the comparison; return 1 if there is a disagreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--streams", type=int, default=20, help="number of streams (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the streams (%(default)s)")
    parser.add_argument("--domain", type=int, default=60, help="ROS domain (%(default)s)")
    arguments = parser.parse_args()
    plans = make_plans(arguments.seed, arguments.streams)
    with tempfile.TemporaryDirectory() as folder:
        findings = run_with_exports(plans, arguments.domain, Path(folder))
    row: Row = {"seed": str(arguments.seed), **findings.figures()}
    print(table("Random streams as seen live, as recordings, through the player, and as exports", [row]))
    print(f"\n  {findings.report()}")
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "agreement.json").write_text(json.dumps({**row, **vars(findings)}, indent=2) + "\n")
    return 1 if findings.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
