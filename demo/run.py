"""Runs the emulator, the bridge, the console and a viewer, each in its own process.

If ODYSSEY_API_KEY is set, the Odyssey service replaces the emulator. The environment variables DURATION and
FPS set the length in seconds and the frame rate, DEMO_OUTPUT sets the folder of the results.
"""
# ruff: noqa: E402 -- SIGINT gets its default action before the other imports, which take time

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)

import fcntl
import math
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

TOP = Path(__file__).resolve().parent.parent
PREFIX = TOP / "install" / "odyssey_ros"
EXECUTABLES = PREFIX / "lib" / "odyssey_ros"
CONFIG = PREFIX / "share" / "odyssey_ros" / "config"
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
TRANSPORTS_VARIABLE = "FASTDDS_BUILTIN_TRANSPORTS"
RESULTS = ("contact_sheet.png", "summary.json")
LOCAL_KEY = "ody_local"
DOMAINS = range(1, 101)
FIRST_PROMPT = "a harbour at dawn, calm water"
READY = "odyssey emulator ready at "
CONSOLE_PORT = 8088  # else a free one
SECRETS = ("ODYSSEY_API_KEY", "ODYSSEY_SPECTATOR_TOKEN")  # not for the console
INTERRUPTED = 130
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_TIMEOUT_S = 15.0  # for a process, at the end of the demo
INTERRUPT_TIMEOUT_S = 4.6  # from an interrupt to the end of all processes
VIEWER_STOP_TIMEOUT_S = 3.0  # the viewer's part of it: stop the stream, count, write the results
MIN_STOP_TIMEOUT_S = 0.3  # for the last process, even when the others have used all of the time


class Interrupts:
    """Records SIGINT, SIGTERM and SIGHUP. A signal interrupts nothing; all waits poll `seen`."""

    def __init__(self) -> None:
        self.seen = False
        self.deadline = math.inf  # on the monotonic clock, for the end of all processes
        # SIGINT too: a shell ignores it for a command in the background.
        for number in ENDINGS:
            signal.signal(number, self._record)

    def _record(self, *_: object) -> None:
        if not self.seen:
            self.deadline = time.monotonic() + INTERRUPT_TIMEOUT_S
        self.seen = True


class Processes:
    """The processes of the demo; all have ended at the end of the `with` block."""

    def __init__(self, interrupts: Interrupts) -> None:
        self._running: list[subprocess.Popen[str]] = []
        self._interrupts = interrupts

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            self.stop(process)

    def start(self, *command: str, environment: dict[str, str], pipe: bool = False) -> subprocess.Popen[str]:
        """Start a process in its own session, which Ctrl-C does not reach, so that processes end in order."""
        process = subprocess.Popen(
            command,
            env=environment,
            text=True,
            start_new_session=True,
            stdout=subprocess.PIPE if pipe else None,
        )
        self._running.append(process)
        return process

    def stop(self, process: subprocess.Popen[str], within_s: float = STOP_TIMEOUT_S) -> None:
        """Send SIGTERM to a process, which ends it quietly even while it loads, and kill it after a limit."""
        if process.poll() is not None:
            return
        process.terminate()
        began = time.monotonic()
        while process.poll() is None:
            now = time.monotonic()
            if now - began > MIN_STOP_TIMEOUT_S and now > min(began + within_s, self._interrupts.deadline):
                name = Path(process.args[0]).name
                print(f"demo: {name} did not end within {now - began:.1f} s and was killed", file=sys.stderr)
                process.kill()
                process.wait()
            time.sleep(0.02)


def start_emulator(
    processes: Processes, environment: dict[str, str], fps: str, interrupts: Interrupts
) -> str | None:
    """Start the emulator; return its URL, or None when it ends, after printing the reason."""
    emulator = processes.start(
        str(EXECUTABLES / "emulator"),
        *("--host", "127.0.0.1", "--port", "0", "--api-key", LOCAL_KEY, "--fps", fps),
        environment=environment,
        pipe=True,
    )
    address: list[str] = []

    def read_output() -> None:
        assert emulator.stdout is not None  # noqa: S101 -- it is a pipe
        for line in emulator.stdout:
            if line.startswith(READY):
                address.append(line.removeprefix(READY).strip())
            else:
                print(f"emulator: {line}", end="", flush=True)

    threading.Thread(target=read_output, daemon=True).start()
    wait_until(lambda: bool(address) or emulator.poll() is not None, interrupts)
    return address[0] if address else None


def start_console(processes: Processes, environment: dict[str, str], emulator_url: str | None) -> None:
    """Start the console, which prints its address. The demo goes on without it, should it end.

    Args:
        processes: The processes of the demo.
        environment: The environment of the nodes; the secrets in it are left out.
        emulator_url: The address from which the recordings come; None for the public service.
    """
    options = ["-p", f"port:={free_port(CONSOLE_PORT)}"]
    if emulator_url is not None:
        options += ["-p", f"media_origins:=['{emulator_url}']"]
    processes.start(
        str(EXECUTABLES / "console"),
        *("--ros-args", *options),
        environment={name: value for name, value in environment.items() if name not in SECRETS},
    )


def free_port(wanted: int) -> int:
    """Return a port if nothing listens on it on loopback, else 0, which selects a free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def wait_until(condition: Callable[[], bool], interrupts: Interrupts) -> None:
    """Wait until a condition is true, or for an interrupt."""
    while not condition() and not interrupts.seen:
        time.sleep(0.05)


def reserve_domain(chosen: str | None) -> tuple[AbstractContextManager[object], str]:
    """Return a lock and the ROS domain that it reserves: `chosen`, else one that no other demo or test uses.

    The tests take their domains from the same range with the same locks.
    """
    if chosen:
        return nullcontext(), chosen
    for attempt in range(len(DOMAINS)):
        domain = DOMAINS[(os.getpid() * 7 + attempt) % len(DOMAINS)]
        lock = Path(tempfile.gettempdir(), f"odyssey_ros_domain_{domain}.lock")
        try:
            file = lock.open("w")
        except PermissionError:  # the lock of another user
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        return file, str(domain)
    raise SystemExit("demo: other demos and tests use all ROS domains from 1 to 100; set ROS_DOMAIN_ID")


def run(duration: str, fps: str, output: Path, interrupts: Interrupts) -> int:
    """Run the demo; return the exit status."""
    for name in RESULTS:  # of an earlier run
        (output / name).unlink(missing_ok=True)
    environment = dict(os.environ)
    reservation, environment["ROS_DOMAIN_ID"] = reserve_domain(environment.get("ROS_DOMAIN_ID"))
    with reservation:
        return run_in_domain(environment, duration, fps, output, interrupts)


def run_in_domain(
    environment: dict[str, str], duration: str, fps: str, output: Path, interrupts: Interrupts
) -> int:
    """Run the demo in the ROS domain of the environment; return the exit status."""
    if not any(environment.get(variable) for variable in (*PROFILE_VARIABLES, TRANSPORTS_VARIABLE)):
        environment |= dict.fromkeys(PROFILE_VARIABLES, str(CONFIG / "fastdds.xml"))
    real = bool(environment.get("ODYSSEY_API_KEY"))
    place = f"in ROS domain {environment['ROS_DOMAIN_ID']}"
    with Processes(interrupts) as processes:
        url, options = None, []
        if real:
            print(f"ODYSSEY_API_KEY is set: streaming from the Odyssey service {place} ...", flush=True)
        else:
            print(f"Starting the emulator, the bridge, the console and a viewer {place} ...", flush=True)
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
        start_console(processes, environment, url)
        wait_until(lambda: viewer.poll() is not None or bridge.poll() is not None, interrupts)
        if interrupts.seen:
            processes.stop(viewer, VIEWER_STOP_TIMEOUT_S)
            return 0 if float(duration) == 0 == viewer.returncode else failed("", interrupts)
        if viewer.poll() is None:
            return failed("the bridge ended; its output above gives the reason", interrupts)
        return viewer.returncode


def failed(reason: str, interrupts: Interrupts) -> int:
    """Print the reason of a failure; return the exit status."""
    print(f"demo: {'interrupted' if interrupts.seen else reason}", file=sys.stderr)
    return INTERRUPTED if interrupts.seen else 1


def main() -> int:
    """Read the environment and run the demo."""
    interrupts = Interrupts()
    duration, fps = os.environ.get("DURATION", "20"), os.environ.get("FPS", "20")
    for name, text in (("DURATION", duration), ("FPS", fps)):
        try:
            number = math.nan if "_" in text or not text.isascii() else float(text)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number >= 0):
            print(f"demo: {name}={text} is not a number of at least 0", file=sys.stderr)
            return 2
    output = Path(os.environ.get("DEMO_OUTPUT") or TOP / "demo_output")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(
            f"demo: cannot create the folder {output}: {error.strerror}; set DEMO_OUTPUT to another one",
            file=sys.stderr,
        )
        return 2
    return run(duration, fps, output, interrupts)


if __name__ == "__main__":
    sys.exit(main())
