"""The command `odyssey-dataset`, which makes bags from scripts, recordings and jobs, and exports them."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Final

from rich.console import Console

from odyssey_ros.dataset.bags_command import run_bags
from odyssey_ros.dataset.command_line import parser
from odyssey_ros.dataset.errors import DatasetError
from odyssey_ros.dataset.export_command import run_export
from odyssey_ros.dataset.stop_signals import stoppable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

EXIT_DONE: Final = 0
EXIT_INCOMPLETE: Final = 1
EXIT_UNUSABLE: Final = 2
EXIT_INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    0: all episodes exist. 1: some episodes could not be made, or a check failed. 2: the command, a script
    file, the key or the output folder cannot be used. 130: interrupted, by SIGINT, SIGTERM or SIGHUP.
    """
    arguments = parser().parse_args(argv)
    console = Console(stderr=True)
    _set_up_logging(verbose=arguments.verbose)
    try:
        with stoppable():
            return _status(arguments, console)
    except KeyboardInterrupt:
        again = "" if arguments.command == "verify" else "; run the same command again to continue"
        console.print(f"interrupted{again}", markup=False)
        return EXIT_INTERRUPTED


def _status(arguments: argparse.Namespace, console: Console) -> int:
    try:
        return _COMMANDS[arguments.command](arguments, console)
    except DatasetError as error:
        console.print(f"odyssey-dataset: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return EXIT_UNUSABLE
    except BrokenPipeError:
        # The reader of the output has closed the pipe. The interpreter must not write to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE


# The libraries that a command needs are loaded when it runs, because those of the service take half a second.


def _collect(arguments: argparse.Namespace, console: Console) -> int:
    from odyssey_ros.dataset.collect_command import run_collect  # noqa: PLC0415 -- see above

    return run_collect(arguments, console)


def _merge(arguments: argparse.Namespace, console: Console) -> int:
    from odyssey_ros.dataset.merge_command import run_merge  # noqa: PLC0415 -- see above

    return run_merge(arguments, console)


def _verify(arguments: argparse.Namespace, console: Console) -> int:
    from odyssey_ros.dataset.verify_command import run_verify  # noqa: PLC0415 -- see above

    return run_verify(arguments, console)


def _report(arguments: argparse.Namespace, console: Console) -> int:
    from odyssey_ros.dataset.report_command import run_report  # noqa: PLC0415 -- see above

    return run_report(arguments, console)


def _set_up_logging(*, verbose: bool) -> None:
    # Only the loggers of this package: at this level the HTTP library would log presigned URLs.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("odyssey_ros").setLevel(logging.DEBUG if verbose else logging.INFO)


_COMMANDS: Final[Mapping[str, Callable[[argparse.Namespace, Console], int]]] = {
    "simulate": _collect,
    "recordings": _collect,
    "jobs": _collect,
    "bags": run_bags,
    "merge": _merge,
    "verify": _verify,
    "export": run_export,
    "report": _report,
}
