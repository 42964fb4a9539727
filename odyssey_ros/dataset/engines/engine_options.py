"""The options of the commands that run tasks, and the engine that they select."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from odyssey_ros.dataset import options
from odyssey_ros.dataset.engines.process_engine import ProcessEngine

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from odyssey_ros.dataset.engines.task_engine import TaskEngine


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `selected_engine` reads."""
    group = parser.add_argument_group("where the work runs")
    group.add_argument(
        "--workers",
        type=options.positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="number of processes (default: the number of CPUs, here %(default)s)",
    )


@contextmanager
def selected_engine(arguments: argparse.Namespace) -> Iterator[TaskEngine]:
    """Return the engine of the options, as a context; it is closed at the end."""
    engine = ProcessEngine(arguments.workers)
    try:
        yield engine
    finally:
        engine.close()
