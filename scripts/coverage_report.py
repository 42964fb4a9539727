"""Report the branch coverage of each module, and check it against the limits.

    python3 scripts/coverage_report.py build/coverage

Reads what `scripts/coverage` has measured. The exit status is 1 when a module of pictures, client, dataset or
bridge is below `MODULE_LIMIT`, or the whole package is below `TOTAL_LIMIT`. The percentage is that of
coverage: executed statements and taken branches among all statements and branches. A module that no test
imports has 0 %.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
MODULE_LIMIT, TOTAL_LIMIT = 85.0, 93.0
LIMITED_LAYERS = ("pictures", "client", "dataset", "bridge")
# Modules that are tested only where a package of the ROS installation is present.
NEEDED_PACKAGES = {"odyssey_ros/bridge/launch_arguments.py": "launch_ros"}


def measured(folder: Path) -> dict[str, Any]:
    """Combine the data files of all processes and return coverage's report for the sources."""
    data, report = folder / "data", folder / "coverage.json"
    subprocess.run(["coverage", "combine", "--quiet", "--data-file", data, folder], cwd=TOP, check=True)
    for command in (["json", "--quiet", "-o", report], ["html", "--quiet", "-d", folder / "html"]):
        subprocess.run(["coverage", *command, "--data-file", data], cwd=TOP, check=True)
    result: dict[str, Any] = json.loads(report.read_text())
    return result


def has_limit(name: str) -> bool:
    """Return whether the limit of a module applies here."""
    package = NEEDED_PACKAGES.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        return False
    return name.split("/")[1] in LIMITED_LAYERS


def main() -> int:
    """Print one line for each module, then what is below a limit."""
    folder = Path(sys.argv[1]).resolve()
    report = measured(folder)
    files = report["files"]
    failures = []
    print(f"{'statements':>10} {'branches':>8} {'covered':>8}  module")
    for source in sorted((TOP / "odyssey_ros").rglob("*.py")):
        name = str(source.relative_to(TOP))
        summary = files[name]["summary"] if name in files else {}
        if name in files and not summary["num_statements"]:
            continue
        percent = summary.get("percent_covered", 0.0)
        counts = f"{summary.get('num_statements', 0):10} {summary.get('num_branches', 0):8}"
        print(f"{counts} {percent:7.1f}%  {name}")
        if percent < MODULE_LIMIT and has_limit(name):
            failures.append(f"{name}: {percent:.1f} % is below {MODULE_LIMIT:g} %")
    totals = report["totals"]
    percent = totals["percent_covered"]
    print(f"{totals['num_statements']:10} {totals['num_branches']:8} {percent:7.1f}%  all")
    if percent < TOTAL_LIMIT:
        failures.append(f"all: {percent:.1f} % is below {TOTAL_LIMIT:g} %")
    print(f"Lines and branches that no test reaches: {(folder / 'html' / 'index.html').relative_to(TOP)}")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
