"""The command `odyssey-dataset`, run as `python -m odyssey_ros.dataset`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from odyssey_ros.dataset.process_exit import ended
from odyssey_ros.dataset.stop_signals import stoppable
from odyssey_ros.requirements import exit_unless_installed

_EXIT_INTERRUPTED: Final = 130


def main() -> int:
    """Run the command and return its exit status; see `odyssey_ros.dataset.cli.main`.

    Raises:
        SystemExit: A Python package is missing.
    """
    _prepare_output()
    exit_unless_installed("odyssey-dataset", "dataset")
    try:
        with stoppable():
            from odyssey_ros.dataset import cli  # noqa: PLC0415 -- needs the packages
    except KeyboardInterrupt:  # loading the packages can take seconds
        sys.stderr.write("interrupted\n")
        return _EXIT_INTERRUPTED
    return ended(cli.main())


def _prepare_output() -> None:
    """Let output neither end the command with an error because of a character, nor because it is closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 -- until the end
        elif stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
