"""The unchanged bridge, in a process that prints the CPU time of its threads on request.

For every line on standard input it prints a JSON object with the CPU seconds so far of the stages receive,
decode, publish (conversion included), middleware and executor. Python threads are identified by their names,
library threads by their names in the operating system.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from odyssey_ros.bridge.bridge_node import main

TASKS = Path("/proc/self/task")
STAGES = (  # the prefix of the name of a thread, and its stage
    ("odyssey_asyncio", "receive"),
    ("video-decoder", "decode"),
    ("av:", "decode"),
    ("odyssey_images", "publish"),
    ("odyssey_units", "publish"),
    ("dds.", "middleware"),
    ("MainThread", "executor"),
)


def stage_of(name: str) -> str:
    """Return the stage of a thread."""
    return next((stage for prefix, stage in STAGES if name.startswith(prefix)), "other")


def costs() -> dict[str, float]:
    """Return the CPU seconds so far of each stage."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found = dict.fromkeys(("receive", "decode", "publish", "middleware", "executor", "other"), 0.0)
    for task in TASKS.iterdir():
        try:
            name = names.get(int(task.name)) or (task / "comm").read_text().strip()
            nanoseconds = int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # the thread has just ended
            continue
        found[stage_of(name)] += nanoseconds / 1e9
    return found


def answer() -> None:
    """Print the costs for each line on standard input."""
    for _ in sys.stdin:
        print(json.dumps(costs()), flush=True)


if __name__ == "__main__":
    threading.Thread(target=answer, name="answer", daemon=True).start()
    sys.exit(main())
