"""Run the main job: the emulator, the bridge and a viewer, each a process of its own.

With ODYSSEY_API_KEY set, the real service takes the emulator's place. DURATION and FPS are read from the
environment, and DEMO_OUTPUT, the folder that gets the results.
"""
# ruff: noqa: E402 -- an interrupt has to find its default action before the other imports, which take a while

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TOP = Path(__file__).resolve().parent.parent
PREFIX = TOP / "install" / "odyssey_ros"
EXECUTABLES = PREFIX / "lib" / "odyssey_ros"
CONFIG = PREFIX / "share" / "odyssey_ros" / "config"
RESULTS = ("contact_sheet.png", "summary.json")
LOCAL_KEY = "ody_local"
FIRST_PROMPT = "a harbour at dawn, calm water"
READY = "odyssey emulator ready at "
INTERRUPTED = 130
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENT_END_S = 15.0  # what a process may take to end when the demo is over
END_S = 4.6  # what the end may take in all once it is asked for
VIEWER_END_S = 3.0  # the viewer's share: it stops the stream, counts, and writes what it has seen
LAST_S = 0.3  # what the last process gets even when the others have used all


class Interrupts:
    """Remembers that somebody wants the demo to end. Nothing is interrupted: who waits, looks here."""

    def __init__(self) -> None:
        self.seen = False
        self.deadline = math.inf  # by when all has to be over
        # Set for SIGINT too: a shell that runs this in the background has it ignored.
        for number in ENDINGS:
            signal.signal(number, self._take)

    def _take(self, *_: object) -> None:
        if not self.seen:
            self.deadline = time.monotonic() + END_S
        self.seen = True


class Processes:
    """The demo's processes; all are gone when the block ends, whatever happens."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._running: list[subprocess.Popen[str]] = []
        self._interrupts = interrupts

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            self.stop(process)

    def start(self, *command: str, environment: dict[str, str], pipe: bool = False) -> subprocess.Popen[str]:
        """Start a process; a session of its own keeps Ctrl-C from it, so that all end in order."""
        process = subprocess.Popen(
            command,
            env=environment,
            text=True,
            start_new_session=True,
            stdout=subprocess.PIPE if pipe else None,
        )
        self._running.append(process)
        return process

    def stop(self, process: subprocess.Popen[str], within_s: float = PATIENT_END_S) -> None:
        """Ask a process to end, and make it. SIGTERM ends one in silence that is still loading."""
        if process.poll() is not None:
            return
        process.terminate()
        began = time.monotonic()
        while process.poll() is None:
            now = time.monotonic()
            if now - began > LAST_S and now > min(began + within_s, self._interrupts.deadline):
                name = Path(process.args[0]).name
                print(f"demo: {name} did not end in {now - began:.1f} s: killed", file=sys.stderr)
                process.kill()
                process.wait()
            time.sleep(0.02)


def start_emulator(
    processes: Processes, environment: dict[str, str], fps: str, interrupts: Interrupts
) -> str | None:
    """Start the emulator; returns its address, None when it does not serve (it has said why)."""
    emulator = processes.start(
        str(EXECUTABLES / "emulator"),
        *("--host", "127.0.0.1", "--port", "0", "--api-key", LOCAL_KEY, "--fps", fps),
        environment=environment,
        pipe=True,
    )
    address: list[str] = []

    def listen() -> None:
        assert emulator.stdout is not None  # noqa: S101 -- it is a pipe
        for line in emulator.stdout:
            if line.startswith(READY):
                address.append(line.removeprefix(READY).strip())
            else:
                print(f"emulator: {line}", end="", flush=True)

    threading.Thread(target=listen, daemon=True).start()
    wait_until(lambda: bool(address) or emulator.poll() is not None, interrupts)
    return address[0] if address else None


def wait_until(reached: Callable[[], bool], interrupts: Interrupts) -> None:
    """Wait for something, or for an interrupt."""
    while not reached() and not interrupts.seen:
        time.sleep(0.05)


def run(duration: str, fps: str, output: Path, interrupts: Interrupts) -> int:
    """Run the demo; returns the exit status."""
    for name in RESULTS:  # of an earlier run
        (output / name).unlink(missing_ok=True)
    environment = dict(os.environ)
    environment.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    for variable in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        environment.setdefault(variable, str(CONFIG / "fastdds.xml"))
    real = bool(environment.get("ODYSSEY_API_KEY"))
    with Processes(interrupts) as processes:
        options = []
        if real:
            print("ODYSSEY_API_KEY is set: streaming from the real service ...", flush=True)
        else:
            print("Starting the emulator, the bridge and a viewer ...", flush=True)
            url = start_emulator(processes, environment, fps, interrupts)
            if url is None:
                return failed("the emulator did not start", interrupts)
            environment["ODYSSEY_API_KEY"] = LOCAL_KEY
            options = ["-p", f"api_url:={url}"]
        bridge = processes.start(
            str(EXECUTABLES / "bridge"),
            *("--ros-args", "--params-file", str(CONFIG / "odyssey.yaml")),
            *("-p", f"prompt:={FIRST_PROMPT}", "-p", "stamp_source:=arrival", *options),
            environment=environment,
        )
        viewer = processes.start(
            *(sys.executable, str(TOP / "demo" / "viewer.py")),
            *("--duration", duration, "--output", str(output)),
            *("--service", "odyssey" if real else "emulator"),
            environment=environment,
        )
        wait_until(lambda: viewer.poll() is not None or bridge.poll() is not None, interrupts)
        if interrupts.seen:
            processes.stop(viewer, VIEWER_END_S)
            return 0 if float(duration) == 0 == viewer.returncode else failed("", interrupts)
        if viewer.poll() is None:
            return failed("the bridge ended; it has said why above", interrupts)
        return viewer.returncode


def failed(reason: str, interrupts: Interrupts) -> int:
    """Say why there is no result; returns the exit status."""
    print(f"demo: {'interrupted' if interrupts.seen else reason}", file=sys.stderr)
    return INTERRUPTED if interrupts.seen else 1


def main() -> int:
    """Read the environment, run the demo."""
    interrupts = Interrupts()
    duration, fps = os.environ.get("DURATION", "20"), os.environ.get("FPS", "20")
    for name, text in (("DURATION", duration), ("FPS", fps)):
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= 0):
            print(f"demo: {name}={text} has to be a number of at least 0", file=sys.stderr)
            return 2
    output = Path(os.environ.get("DEMO_OUTPUT") or TOP / "demo_output")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"demo: {output} cannot hold the results: {error.strerror}", file=sys.stderr)
        return 2
    return run(duration, fps, output, interrupts)


if __name__ == "__main__":
    sys.exit(main())
