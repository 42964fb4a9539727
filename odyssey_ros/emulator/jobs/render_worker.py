"""The process that renders one simulation: `python -m odyssey_ros.emulator.jobs.render_worker`.

It reads a `RenderTask` as one line from its standard input, which stays open as long as the service lives:
when that ends, this process does too. Exit status 0 means that the recording is complete, `TASK_FAILED` that
the task cannot be done, for the reason on standard error; anything else is a crash.
"""

from __future__ import annotations

import os
import sys
import threading

from odyssey_ros.emulator.jobs.rendering import RenderTask, render

TASK_FAILED = 3
_NICENESS = 10


def main() -> int:
    """Render the task on standard input."""
    os.nice(_NICENESS)
    task = RenderTask.from_line(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_the_service, daemon=True).start()
    try:
        render(task)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return TASK_FAILED
    return 0


def _die_with_the_service() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    # Not sys.exit: the thread that reads standard input would hold up the interpreter's end.
    status = main()
    sys.stderr.flush()
    os._exit(status)
