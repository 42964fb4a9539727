"""Runs a command and prints its cost as JSON: `python bench/measured_command.py CORES COMMAND...`.

`CORES` are the numbers of the CPU cores that the command may use, such as `0` or `0,1`. This process imports
almost nothing, because Linux counts the memory of a parent as the peak of a new child.

    wall_s      wall time in seconds
    cpu_s       CPU time of the command and its processes, in seconds
    peak_bytes  maximum memory of the largest of its processes
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time


def main() -> int:
    """Run the command; its output goes to stderr."""
    cores, *command = sys.argv[1:]
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    begin = time.perf_counter()
    status = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    wall_s = time.perf_counter() - begin
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "wall_s": wall_s,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * 1024,
    }
    print(json.dumps(figures))
    return status


if __name__ == "__main__":
    sys.exit(main())
