"""Where tasks run: the interface of the engines, and the order in which results are taken."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, wait
from typing import TYPE_CHECKING, Protocol, TypeVar

from odyssey_ros.dataset.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")


class LostTaskError(DatasetError):
    """The process or the machine that ran a task ended, each time the task was started."""


class LostClusterError(DatasetError):
    """The cluster, or the node of this machine, is lost: no task can run any more."""


class TaskEngine(Protocol):
    """Runs functions in other processes.

    A function and its argument are pickled, so the function is one of a module. It may be started again
    after the process that ran it died: what it does must be idempotent.
    """

    @property
    def width(self) -> int:
        """How many tasks run at the same time; with a cluster, an estimate that may change."""

    def submit(self, function: Callable[[T], R], argument: T) -> Future[R]:
        """Start a task. Thread-safe.

        The future has the result of the function, the exception that it raised, or a `LostTaskError`.
        Cancelling it is possible until it runs.

        Raises:
            LostClusterError: No task can run any more. The futures of running tasks have this error too.
        """

    def close(self) -> None:
        """End the running tasks and their processes, and cancel the others. Blocks."""


def finished_tasks(
    engine: TaskEngine, function: Callable[[T], R], arguments: Iterable[T]
) -> Iterator[tuple[T, Future[R]]]:
    """Run a function for each argument; yield each argument with its finished future, as they finish.

    Only a few tasks more than the width of the engine are submitted at a time, so `arguments` may be long
    or generated.

    Raises:
        LostClusterError: No task can run any more.
    """
    running: dict[Future[R], T] = {}
    waiting = iter(arguments)
    while True:
        while len(running) < 2 * engine.width:
            try:
                argument = next(waiting)
            except StopIteration:
                break
            running[engine.submit(function, argument)] = argument
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            if isinstance(error := future.exception(), LostClusterError):
                raise error
            yield running.pop(future), future
