"""Run the main job: the emulator, the bridge and a viewer, each a process of its own.

With ODYSSEY_API_KEY set, the real service takes the emulator's place.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PREFIX = TOP / "install" / "odyssey_ros"
OUTPUT = TOP / "demo_output"
LOCAL_KEY = "ody_local"
FIRST_PROMPT = "a harbour at dawn, calm water"
READY = "odyssey emulator ready at "


class Processes:
    """The demo's processes; all are gone when the block ends, whatever happens."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running):
            stop(process)

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


def stop(process: subprocess.Popen[str], number: int = signal.SIGINT, timeout: float = 8.0) -> None:
    """Ask a process to end, and make it."""
    if process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        print(f"demo: process {process.pid} did not end within {timeout:.0f} s: killed", file=sys.stderr)
        process.kill()
        process.wait()


def start_emulator(processes: Processes, environment: dict[str, str], fps: str) -> str | None:
    """Start the emulator; returns its address, None when it could not start (it has said why)."""
    emulator = processes.start(
        str(PREFIX / "lib" / "odyssey_ros" / "emulator"),
        *("--host", "127.0.0.1", "--port", "0", "--api-key", LOCAL_KEY, "--fps", fps),
        environment=environment,
        pipe=True,
    )
    assert emulator.stdout is not None  # noqa: S101 -- it is a pipe
    for line in emulator.stdout:
        if line.startswith(READY):
            threading.Thread(target=drain, args=(emulator.stdout,), daemon=True).start()
            return line.removeprefix(READY).strip()
    return None


def drain(stream: object) -> None:
    """Pass on what a process says."""
    for line in stream:  # type: ignore[attr-defined]
        print(f"emulator: {line}", end="", flush=True)


def run(duration: str, fps: str) -> int:
    """Run the demo; returns the exit status."""
    environment = dict(os.environ)
    environment.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    profile = str(PREFIX / "share" / "odyssey_ros" / "config" / "fastdds.xml")
    for variable in ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        environment.setdefault(variable, profile)
    real = bool(environment.get("ODYSSEY_API_KEY"))
    with Processes() as processes:
        options = []
        if not real:
            print("Starting the emulator, the bridge and a viewer ...", flush=True)
            url = start_emulator(processes, environment, fps)
            if url is None:
                print("demo: the emulator did not start", file=sys.stderr)
                return 1
            environment["ODYSSEY_API_KEY"] = LOCAL_KEY
            options = ["-p", f"api_url:={url}"]
        else:
            print("ODYSSEY_API_KEY is set: streaming from the real service ...", flush=True)
        bridge = processes.start(
            str(PREFIX / "lib" / "odyssey_ros" / "bridge"),
            *(
                "--ros-args",
                "--params-file",
                str(PREFIX / "share" / "odyssey_ros" / "config" / "odyssey.yaml"),
            ),
            *("-p", f"prompt:={FIRST_PROMPT}", "-p", "stamp_source:=arrival", *options),
            environment=environment,
        )
        viewer = processes.start(
            *(
                sys.executable,
                str(TOP / "demo" / "viewer.py"),
                "--duration",
                duration,
                "--output",
                str(OUTPUT),
            ),
            *("--service", "odyssey" if real else "emulator"),
            environment=environment,
        )
        try:
            while viewer.poll() is None and bridge.poll() is None:
                time.sleep(0.1)
            if viewer.poll() is None:
                print("demo: the bridge ended; it has said why above", file=sys.stderr)
                return 1
        except KeyboardInterrupt:
            with contextlib.suppress(KeyboardInterrupt):
                stop(viewer, timeout=12.0)
            if float(duration) > 0:
                return 130
        return viewer.returncode


def main() -> int:
    """Read DURATION and FPS from the environment, run the demo."""
    duration, fps = os.environ.get("DURATION", "20"), os.environ.get("FPS", "20")
    for name, text in (("DURATION", duration), ("FPS", fps)):
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if number < 0:
            print(f"demo: {name}={text} has to be a number of at least 0", file=sys.stderr)
            return 2
    # Said also of SIGINT: a shell that runs this in the background has it ignored.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    return run(duration, fps)


if __name__ == "__main__":
    sys.exit(main())
