"""Runs a command that is killed with all of its processes at random moments, and started again each time."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psutil

from waiting import wait_until

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_POLL_S: Final = 0.005
_LIMIT_S: Final = 3600.0


@dataclass
class KilledRun:
    """What happened to a command.

    Attributes:
        name: Name of the command.
        starts: How often it was started.
        killed: The number of processes that each kill ended.
        seconds: Wall time from the first start to the end.
        output: What the last run wrote to stdout and stderr.
    """

    name: str
    starts: int = 0
    killed: list[int] = field(default_factory=list)
    seconds: float = 0.0
    output: str = ""

    def figures(self) -> dict[str, object]:
        """Return the figures by their headings."""
        return {
            "command": self.name,
            "starts": self.starts,
            "kills": len(self.killed),
            "processes killed": sum(self.killed),
            "seconds": round(self.seconds, 1),
        }


def run_with_kills(
    name: str,
    command: Sequence[str],
    folder: Path,
    output: Path,
    moments: Sequence[int],
    *,
    environment: Mapping[str, str],
    rng: random.Random,
    after_kill: Callable[[], None] = lambda: None,
) -> KilledRun:
    """Start a command, kill it and its processes at each moment, and start it again until it ends by itself.

    Args:
        name: Name of the command in the figures.
        command: The command.
        folder: Its working folder.
        output: The folder that it writes.
        moments: For each kill, how many changes of the files in `output` are awaited. A run that ends earlier
            is not killed, and is the last one.
        environment: Variables of the command.
        rng: Chooses a short time between the change and the kill.
        after_kill: Called when all processes of a killed run have ended.

    Raises:
        AssertionError: The last run failed, or a process outlived a kill.
    """
    run = KilledRun(name)
    begin = time.monotonic()
    log = folder / f"{name.replace(' ', '-')}.log"
    for moment in (*moments, None):
        run.starts += 1
        with log.open("wb") as stream:
            process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            if moment is not None and _await_changes(process, output, moment):
                # The moment within the work that follows the change is what varies.
                time.sleep(rng.uniform(0, 0.05))
                killed = _kill(process)
                if process.returncode == -signal.SIGKILL:
                    run.killed.append(killed)
                    after_kill()
                    continue
            process.wait(_LIMIT_S)
        finally:
            if process.poll() is None:
                _kill(process)
        run.output = log.read_text(errors="replace")
        assert process.returncode == 0, f"{name} ended with {process.returncode}:\n{run.output[-4000:]}"
        break
    run.seconds = time.monotonic() - begin
    return run


def _await_changes(process: subprocess.Popen[bytes], output: Path, changes: int) -> bool:
    """Wait for a number of changes of the files of a folder; return whether the process still runs."""
    seen = _contents(output)
    count = 0
    deadline = time.monotonic() + _LIMIT_S
    while process.poll() is None:
        now = _contents(output)
        count += len(now.items() ^ seen.items())
        if count >= changes:
            return True
        assert time.monotonic() < deadline, f"{output}: {count} changes"
        seen = now
        time.sleep(_POLL_S)
    return False


def _contents(folder: Path) -> dict[str, int]:
    """Return the path of each file with its size."""
    found: dict[str, int] = {}
    pending = [str(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        found[entry.path] = entry.stat(follow_symlinks=False).st_size
        except OSError:  # noqa: PERF203 -- it was renamed or removed meanwhile
            continue
    return found


def _kill(process: subprocess.Popen[bytes]) -> int:
    """Kill a process and all its descendants at once; return how many there were, and wait for their end."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        children = []
    # The command is the leader of a session of its own, whose processes are in its group.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not [child for child in children if _alive(child)], f"the end of {children}")
    return 1 + len(children)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
