"""Executables of this package as processes of a test, with their output."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from ament_index_python.packages import get_package_prefix

from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KEY = "ody_test_key"
READY = "odyssey emulator ready at "

# A process that outlives a killed test run would answer on a domain that later tests use.
_WITH_THE_TESTS = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()


def executable(name: str) -> str:
    """Return the installed path of an executable of this package."""
    return str(Path(get_package_prefix("odyssey_ros")) / "lib" / "odyssey_ros" / name)


@dataclass
class Process:
    """A process and its output."""

    popen: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)
    _reader: threading.Thread | None = None

    def read_output(self) -> None:
        """Collect the output in the background."""

        def read() -> None:
            assert self.popen.stdout is not None
            for line in self.popen.stdout:
                self.output.append(line.rstrip("\n"))

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """The output so far."""
        return "\n".join(self.output)

    def stop(self, number: int = signal.SIGINT, timeout: float = 60.0) -> int:
        """End the process with a signal; return its exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        try:
            status = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            pytest.fail(f"the process did not end within {timeout} s; it said:\n{self.text}")
        if self._reader is not None:
            self._reader.join(60)
        assert self.popen.stdout is not None
        self.popen.stdout.close()
        return status

    def exit_status(self) -> int:
        """Wait until the process ends itself and its output is complete; return its exit status."""
        wait_until(lambda: self.popen.poll() is not None, lambda: f"the end of:\n{self.text}")
        return self.stop()

    def end(self) -> None:
        """End the process and tell what it said."""
        try:
            self.stop()
        finally:
            tell(f"$ {' '.join(map(str, self.popen.args))}\n{self.text}")


def tell(text: str) -> None:
    """Print a text that helps to find out why a test failed; pytest shows it only then."""
    print(text)  # noqa: T201 -- captured by pytest


def start_process(command: list[str], environment: dict[str, str]) -> Process:
    """Start a process and collect its output. It ends with the test run, also if that is killed."""
    popen = subprocess.Popen(
        [*_WITH_THE_TESTS, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    popen.args = command  # what tests read and tell
    process = Process(popen)
    process.read_output()
    return process


@dataclass
class EmulatorProcess:
    """A running emulator."""

    process: Process
    url: str

    def state(self) -> dict[str, Any]:
        """Return the state from the emulator's control endpoint."""
        response = httpx.get(f"{self.url}/control/state", timeout=60)
        response.raise_for_status()
        return dict(response.json())

    def fault(self, **fault: Any) -> None:
        """Inject a fault."""
        response = httpx.post(f"{self.url}/control/faults", json=fault, timeout=60)
        assert response.is_success, response.text

    def clear_faults(self) -> None:
        """Remove all faults."""
        httpx.delete(f"{self.url}/control/faults", timeout=60).raise_for_status()


def emulator_command(*options: str, port: int = 0) -> list[str]:
    """Return the command of an emulator on loopback; port 0 selects a free one."""
    return [
        *(executable("emulator"), "--host", "127.0.0.1", "--port", str(port)),
        *("--api-key", KEY, *options),
    ]


def start_emulator_process(*options: str, port: int = 0) -> EmulatorProcess:
    """Start an emulator, and wait until it is ready."""
    process = start_process(emulator_command(*options, port=port), {**os.environ, "PYTHONUNBUFFERED": "1"})
    line = wait_for_line(process, lambda line: line.startswith(READY))
    return EmulatorProcess(process, line.removeprefix(READY).strip())


def wait_for_line(process: Process, wanted: Callable[[str], bool]) -> str:
    """Wait for a line of a process's output; end the process if the line does not come."""
    try:
        return str(
            wait_until(
                lambda: next(filter(wanted, process.output), None),
                lambda: f"a line of the process; its output:\n{process.text}",
            )
        )
    except BaseException:
        process.end()
        raise


def executable_of(process: Process) -> str:
    """Return the name of the executable of this package that a process runs; empty for other commands."""
    folder = str(Path(executable("x")).parent)
    paths = [str(part) for part in process.popen.args if str(part).startswith(f"{folder}/")]  # type: ignore[union-attr]
    return Path(paths[0]).name if paths else ""


def node_command(name: str, parameters: Mapping[str, Any] | None = None, *options: str) -> list[str]:
    """Return the command of an executable of this package, with parameters and further ROS arguments."""
    command = [executable(name), "--ros-args", *options]
    for parameter, value in (parameters or {}).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        command += ["-p", f"{parameter}:={text}"]
    return command


def node_environment(domain: int, changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a node on a ROS domain, without the settings of whoever runs the tests."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("ODYSSEY_")}
    return {
        **inherited,
        "ROS_DOMAIN_ID": str(domain),
        "RCUTILS_LOGGING_BUFFERED_STREAM": "0",
        "PYTHONUNBUFFERED": "1",
        **(changes or {}),
    }
