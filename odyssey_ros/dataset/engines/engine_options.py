"""The options of the commands that run tasks, and the engine that they select."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset import options
from odyssey_ros.dataset.engines.process_engine import ProcessEngine
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.requirements import MissingPackageError, require

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from odyssey_ros.dataset.engines.task_engine import TaskEngine

LOCAL: Final = "local"
RAY: Final = "ray"


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `selected_engine` reads."""
    group = parser.add_argument_group("where the work runs")
    add_cluster_options(group)
    group.add_argument(
        "--workers",
        type=options.positive,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="number of local processes (default: the number of CPUs, here %(default)s)",
    )


def add_cluster_options(group: argparse._ArgumentGroup) -> None:
    """Add the options that select a cluster, for a command that sets the number of processes otherwise."""
    group.add_argument(
        "--engine",
        choices=(LOCAL, RAY),
        default=LOCAL,
        help="local: processes of this machine; ray: a Ray cluster whose nodes see the same files "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="head node of the Ray cluster, or auto for the one of this machine (default: RAY_ADDRESS; "
        "without it, Ray is started on this machine)",
    )


@contextmanager
def selected_engine(arguments: argparse.Namespace, *, workers: int | None = None) -> Iterator[TaskEngine]:
    """Return the engine of the options, as a context; it is closed at the end.

    Args:
        arguments: Parsed options of `add_engine_options`.
        workers: Number of local processes; None for the option `--workers`.

    Raises:
        PlanError: Ray is not installed, or the cluster cannot be reached.
    """
    engine: TaskEngine
    if arguments.engine == RAY:
        engine = _ray_engine(arguments.address or os.environ.get("RAY_ADDRESS") or None)
    elif arguments.address is not None:
        raise PlanError("--address is the address of a Ray cluster: add --engine ray")
    else:
        engine = ProcessEngine(arguments.workers if workers is None else workers)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def selected_cluster(arguments: argparse.Namespace) -> Iterator[TaskEngine | None]:
    """Return the cluster of the options, as a context; None for this machine.

    Args:
        arguments: Parsed options of `add_cluster_options`.

    Raises:
        PlanError: As for `selected_engine`.
    """
    with selected_engine(arguments, workers=1) as engine:
        yield engine if arguments.engine == RAY else None


def _ray_engine(address: str | None) -> TaskEngine:
    try:
        require("ray")
    except MissingPackageError as error:
        raise PlanError(str(error)) from error
    from odyssey_ros.dataset.engines.ray_engine import RayEngine  # noqa: PLC0415 -- an extra installs it

    return RayEngine(address)
