"""The process that renders one simulation: `python -m odyssey_ros.emulator.jobs.render_worker`.

The process reads a `RenderTask` as one line from standard input. The service keeps standard input open until
it ends; when standard input ends, the process exits. Exit status 0 means that the recording is complete. Exit
status `TASK_FAILED_STATUS` means that the task cannot be rendered; standard error has the reason. Any other
status is a crash.
"""

from __future__ import annotations

import os
import sys
import threading

from odyssey_ros.emulator.jobs.rendering import TASK_FAILED_STATUS, RenderTask, render

_NICENESS = 10


def main() -> int:
    """Render the task on standard input; return the exit status."""
    os.nice(_NICENESS)
    task = RenderTask.from_line(sys.stdin.buffer.readline())
    threading.Thread(target=_exit_with_service, daemon=True).start()
    try:
        render(task)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return TASK_FAILED_STATUS
    return 0


def _exit_with_service() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    # Not sys.exit: the thread that reads standard input would block the shutdown of the interpreter.
    status = main()
    sys.stderr.flush()
    os._exit(status)
