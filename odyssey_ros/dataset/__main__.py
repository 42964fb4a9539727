"""The command `odyssey-dataset`, run as `python -m odyssey_ros.dataset`."""

from __future__ import annotations

import sys
from typing import Final

from odyssey_ros.dataset.stop_signals import stoppable
from odyssey_ros.requirements import exit_unless_installed

_EXIT_INTERRUPTED: Final = 130


def main() -> int:
    """Run the command and return its exit status; see `odyssey_ros.dataset.cli.main`.

    Raises:
        SystemExit: A Python package is missing.
    """
    exit_unless_installed("odyssey-dataset", "dataset")
    try:
        with stoppable():
            from odyssey_ros.dataset import cli  # noqa: PLC0415 -- needs the packages
    except KeyboardInterrupt:  # loading the packages can take seconds
        sys.stderr.write("interrupted\n")
        return _EXIT_INTERRUPTED
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
