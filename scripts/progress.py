"""Run a long command so that a person sees it move: a log gets all it says, the terminal a line now and then.

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

EVERY_S = 5.0
LOOK_S = 0.2
WIDTH = 100
TAIL_LINES = 60
GRACE_S = 3.0


def run_with_progress(command: Sequence[str], log: Path) -> int:
    """Run a command to its end, telling every few seconds what it is doing; returns its exit status.

    Its last words are on stderr when it fails. For the main thread.

    Raises:
        KeyboardInterrupt: SIGINT, SIGTERM or SIGHUP came; the command has ended, and all that it started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file, signals_kept() as signals:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        began = told = time.monotonic()
        try:
            while process.poll() is None and not signals:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_S)
                now = time.monotonic()
                if process.returncode is None and now - told >= EVERY_S:
                    told = now
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
def signals_kept() -> Iterator[list[int]]:
    """Keep what would end this process in a list, so that no command is left alone whenever it comes."""
    kept: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: kept.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield kept
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def last_line(log: Path) -> str:
    """What the command said last, short enough for one line; a warning does not tell where it is."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip() and not line.startswith("WARNING")]
    return said[-1][:WIDTH] if said else ""


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it has started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(GRACE_S)


def main() -> int:
    """Run what the command line says; the exit status is that of the command."""
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
