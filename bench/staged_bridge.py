"""The bridge as it is, in a process that tells on request what each of its threads has cost.

For every line on standard input it prints a JSON object: CPU seconds so far of the stages receive, decode,
publish (with conversion), middleware, and executor. Python's threads are known by their names, those of
libraries by the names that they give to the system.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from odyssey_ros.bridge.bridge_node import main

TASKS = Path("/proc/self/task")
STAGES = (  # the beginning of a thread's name, and the stage that it works for
    ("odyssey_asyncio", "receive"),
    ("video-decoder", "decode"),
    ("av:", "decode"),
    ("odyssey_images", "publish"),
    ("dds.", "middleware"),
    ("MainThread", "executor"),
)


def stage_of(name: str) -> str:
    """The stage that a thread works for."""
    return next((stage for beginning, stage in STAGES if name.startswith(beginning)), "other")


def costs() -> dict[str, float]:
    """CPU seconds so far, by stage."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    found = dict.fromkeys(("receive", "decode", "publish", "middleware", "executor", "other"), 0.0)
    for task in TASKS.iterdir():
        try:
            name = names.get(int(task.name)) or (task / "comm").read_text().strip()
            nanoseconds = int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # it has just ended
            continue
        found[stage_of(name)] += nanoseconds / 1e9
    return found


def answer() -> None:
    """Tell the costs whenever asked."""
    for _ in sys.stdin:
        print(json.dumps(costs()), flush=True)


if __name__ == "__main__":
    threading.Thread(target=answer, name="answer", daemon=True).start()
    sys.exit(main())
