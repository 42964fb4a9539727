"""The processes of a graph: the emulator and the nodes, whose output is kept in files."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ament_index_python.packages import get_package_prefix

from agreement_plans import SLOT_S
from waiting import wait_until

if TYPE_CHECKING:
    from types import TracebackType

KEY: Final = "ody_test_key"
READY: Final = "odyssey emulator ready at "
PROFILE: Final = str(Path(__file__).with_name("loopback_udp.xml"))


class Processes:
    """An emulator and nodes. Use as a context manager: at its end the processes end.

    Args:
        domain: The ROS domain.
        folder: An empty folder for files.

    Attributes:
        url: The address of the emulator.
    """

    def __init__(self, domain: int, folder: Path) -> None:
        self._domain, self._folder = domain, folder
        self._stack = ExitStack()
        self.url = ""

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if kind is not None:
            for log in sorted(self._folder.glob("*.log")):
                lines = [f"{log.name}:", *log.read_text(errors="replace").splitlines()[-20:]]
                sys.stdout.write("\n  ".join(lines) + "\n")

    def environment(self) -> dict[str, str]:
        """Return the variables of the processes."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("ODYSSEY_")}
        return {
            **inherited,
            "ROS_DOMAIN_ID": str(self._domain),
            "PYTHONUNBUFFERED": "1",
            "FASTRTPS_DEFAULT_PROFILES_FILE": PROFILE,
            "FASTDDS_DEFAULT_PROFILES_FILE": PROFILE,
        }

    def _start(self, command: list[str], log: Path) -> None:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**self.environment(), "ODYSSEY_API_KEY": KEY},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

        def end() -> None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

        self._stack.callback(end)

    def start_emulator(self, *options: str) -> None:
        """Start the emulator with further options, and wait until it is ready."""
        log = self._folder / "emulator.log"
        command = [executable("emulator"), "--host", "127.0.0.1", "--port", "0", "--api-key", KEY]
        data = str(self._folder / "emulator")
        self._start(
            [*command, "--fps", f"{1 / SLOT_S:g}", "--allow-prompt-bypass", "--data-dir", data, *options], log
        )

        def url() -> str | None:
            lines = log.read_text(errors="replace").splitlines()
            return next((line.removeprefix(READY) for line in lines if line.startswith(READY)), None)

        self.url = str(wait_until(url, "an emulator that is ready")).strip()

    def start_node(self, kind: str, name: str, *launcher: str, **parameters: str) -> None:
        """Start a node of a kind under a name, with a command in front of its executable."""
        command = [*launcher, executable(kind), "--ros-args", "-r", f"__node:={name}"]
        if kind != "spectator":
            parameters = {"api_url": self.url, **parameters}
        for parameter, value in parameters.items():
            command += ["-p", f"{parameter}:={value}"]
        # At rate 0 a long history would delay the acknowledgements that the player waits for.
        for topic in () if kind == "player" else ("image_raw", "frame_info"):
            command += ["-p", f"qos_overrides./{name}/{topic}.publisher.depth:=1000"]
        self._start(command, self._folder / f"{name}.log")


def executable(name: str) -> str:
    """Return the installed path of an executable of this package."""
    return str(Path(get_package_prefix("odyssey_ros")) / "lib" / "odyssey_ros" / name)
