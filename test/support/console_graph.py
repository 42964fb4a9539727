"""The processes of a console test: emulators, bridges, players and consoles on a domain of their own."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from domain_reservation import reserved_domain
from processes import (
    KEY,
    executable_of,
    node_command,
    node_environment,
    start_emulator_process,
    start_process,
    wait_for_line,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

    from processes import EmulatorProcess, Process

CONSOLE_READY: Final = "Console at "


@dataclass
class ConsoleProcess:
    """A running console.

    Attributes:
        process: The process.
        url: Address of the page, without a slash at the end.
    """

    process: Process
    url: str


class ConsoleGraph:
    """Starts processes on one domain, and ends them in reverse order when the `with` block ends.

    At the end, no process may have printed a traceback. Methods return once the process is ready; those for
    bridges and players return once it has been started. `process.end()` ends a process earlier;
    `process.popen.kill()` kills it.

    Attributes:
        domain: The ROS domain of the processes.
        started: All processes, in the order of their start.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.domain = 0
        self.started: list[Process] = []

    def __enter__(self) -> Self:
        self.domain = self._stack.enter_context(reserved_domain())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        failed = [process for process in self.started if "Traceback (most recent call last)" in process.text]
        if kind is None:
            assert not failed, f"{failed[0].popen.args} printed a traceback:\n{failed[0].text}"

    def emulator(self, *options: str, port: int = 0) -> EmulatorProcess:
        """Start an emulator: `emulator("--fps", "20")`."""
        emulator = start_emulator_process(*options, port=port)
        self._keep(emulator.process)
        return emulator

    def node(
        self,
        name: str,
        parameters: Mapping[str, Any] | None = None,
        *options: str,
        environment: Mapping[str, str] | None = None,
    ) -> Process:
        """Start an executable of this package: `node("player", {"recordings": path})`."""
        process = start_process(
            node_command(name, parameters, *options), node_environment(self.domain, environment)
        )
        return self._keep(process)

    def bridge(
        self,
        emulator: EmulatorProcess,
        parameters: Mapping[str, Any] | None = None,
        *options: str,
        name: str = "bridge",
    ) -> Process:
        """Start a bridge (or, with `name`, another node of the service) that connects to an emulator."""
        return self.node(
            name,
            {"api_url": emulator.url, **(parameters or {})},
            *options,
            environment={"ODYSSEY_API_KEY": KEY},
        )

    def console(self, parameters: Mapping[str, Any] | None = None, *options: str) -> ConsoleProcess:
        """Start a console on a free port, or on the parameter `port`."""
        process = self.node("console", {"port": 0, **(parameters or {})}, *options)
        line = wait_for_line(process, lambda line: CONSOLE_READY in line)
        return ConsoleProcess(process, line.partition(CONSOLE_READY)[2].split()[0].rstrip("/"))

    def running(self, name: str) -> list[Process]:
        """Return the processes of an executable that have not ended."""
        living = [process for process in self.started if process.popen.poll() is None]
        return [process for process in living if executable_of(process) == name]

    def _keep(self, process: Process) -> Process:
        self.started.append(process)
        self._stack.callback(process.end)
        return process
