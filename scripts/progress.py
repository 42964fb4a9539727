"""Runs a long command: writes its output to a log, and prints the last line of the log every few seconds.

    python3 scripts/progress.py --log build/colcon.log NAME COMMAND...

Standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPORT_PERIOD_S = 5.0
POLL_PERIOD_S = 0.2
WIDTH = 100
TAIL_LINES = 60
STOP_TIMEOUT_S = 3.0


def run_with_progress(command: Sequence[str], log: Path) -> int:
    """Run a command and print its progress; return its exit status. Call this on the main thread.

    When the command fails, the end of its output is printed to stderr.

    Raises:
        KeyboardInterrupt: SIGINT, SIGTERM or SIGHUP arrived; the command and its children have ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file, recorded_signals() as signals:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        began = reported = time.monotonic()
        try:
            while process.poll() is None and not signals:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_PERIOD_S)
                now = time.monotonic()
                if process.returncode is None and now - reported >= REPORT_PERIOD_S:
                    reported = now
                    print(f"  {now - began:4.0f} s  {last_line(log)}", flush=True)
        finally:
            if process.poll() is None:
                end_group(process)
        if signals:
            raise KeyboardInterrupt
    if process.returncode != 0:
        tail = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        print("\n".join(tail), file=sys.stderr)
    return process.returncode


@contextlib.contextmanager
def recorded_signals() -> Iterator[list[int]]:
    """Record the signals that would end this process, so that the command never outlives it."""
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def last_line(log: Path) -> str:
    """Return the last line of a log that is not a warning, shortened."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    texts = [line.strip() for line in lines if line.strip() and not line.startswith("WARNING")]
    return texts[-1][:WIDTH] if texts else ""


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command and all its children."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(STOP_TIMEOUT_S)


def main() -> int:
    """Run the command of the command line; return 0, 1 when it failed, or 130 after an interrupt."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("name")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = run_with_progress(arguments.command, arguments.log)
    except KeyboardInterrupt:
        print(f"{arguments.name}: interrupted; run the same command again", file=sys.stderr)
        return 130
    if status != 0:
        print(f"{arguments.name}: failed; the whole output is in {arguments.log}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
