"""Runs tasks in processes of this machine."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Final, TypeVar

from odyssey_ros.client.redaction import redact_logs
from odyssey_ros.dataset.engines.task_engine import LostTaskError
from odyssey_ros.dataset.stop_signals import blocked_stop_signals, ignore_stop_signals

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")

_logger: Final = logging.getLogger(__name__)
redact_logs(__name__)

_STARTS: Final = 3


class ProcessEngine:
    """Runs tasks in local processes; see `TaskEngine`.

    Each thread of a pool has one process of its own. When a process dies, only its task is started again,
    up to three times in all. The processes end when this process ends, however it ends.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int) -> None:
        self.width = workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="odyssey-tasks")
        self._lock = threading.Lock()
        self._closed = False
        self._pools: dict[int, ProcessPoolExecutor] = {}
        # The workers end when the other end of this pipe is closed, be it by `close` or by the system.
        self._worker_end, self._lifeline = multiprocessing.Pipe(duplex=False)

    def submit(self, function: Callable[[T], R], argument: T) -> Future[R]:
        """Start a task; see `TaskEngine.submit`."""
        return self._threads.submit(self._run, function, argument)

    def close(self) -> None:
        """End the running tasks and their processes, and cancel the others. Blocks."""
        with self._lock:
            self._closed = True
            pools = list(self._pools.values())
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._lifeline.close()
        self._threads.shutdown(wait=True)
        for pool in pools:
            pool.shutdown(wait=True)
        self._worker_end.close()

    def _run(self, function: Callable[[T], R], argument: T) -> R:
        for start in range(1, _STARTS + 1):
            try:
                return self._started(function, argument).result()
            except BrokenProcessPool:  # noqa: PERF203 -- a task takes seconds
                if self._closed:
                    break
                self._drop_pool()
                if start < _STARTS:
                    _logger.warning("A worker process died; its task is started again (start %d)", start + 1)
        raise LostTaskError(f"the worker process died {_STARTS} times: it may need more memory")

    def _started(self, function: Callable[[T], R], argument: T) -> Future[R]:
        """Start the task in the process of this thread, and that process if it does not run."""
        # Signals are sent to all processes of a terminal or a service. Until a new process ignores them, they
        # would end it with a traceback; and the process that the first pool starts, for the semaphores of all
        # pools, does not ignore SIGHUP.
        with blocked_stop_signals():
            pool = self._pool()
        with blocked_stop_signals():  # again, since the start of that process has unblocked some
            return pool.submit(function, argument)

    def _pool(self) -> ProcessPoolExecutor:
        """Return the process of this thread."""
        key = threading.get_ident()
        with self._lock:
            if self._closed:
                raise LostTaskError("the run was ended")
            if key not in self._pools:
                self._pools[key] = ProcessPoolExecutor(
                    1,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_prepare_worker,
                    initargs=(self._worker_end,),
                )
            return self._pools[key]

    def _drop_pool(self) -> None:
        with self._lock:
            pool = self._pools.pop(threading.get_ident())
        pool.shutdown(wait=False)


def _prepare_worker(lifeline: Connection) -> None:
    """Let the driver handle signals, and end when the driver closes its end of the pipe or dies."""
    ignore_stop_signals()

    def end_with_driver() -> None:
        wait([lifeline])
        os._exit(1)

    threading.Thread(target=end_with_driver, name="odyssey-driver-watch", daemon=True).start()
