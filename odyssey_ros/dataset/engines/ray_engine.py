"""Runs tasks on a Ray cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
import traceback
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from odyssey_ros.dataset.engines.cluster_address import check_reachable
from odyssey_ros.dataset.engines.task_engine import LostClusterError, LostTaskError
from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.process_exit import skip_clean_up

# Ray reads these when it is imported and when it starts: it sends no statistics to its authors, prints
# nothing on stdout, which is for the results of a command, and warns of no change in its defaults.
for _name, _value in (
    ("RAY_USAGE_STATS_ENABLED", "0"),
    ("RAY_DEDUP_LOGS_SKIP_REGEX", "(?s:.*)"),
    ("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0"),
):
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402
from ray.exceptions import LocalRayletDiedError, RayError, RayTaskError  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odyssey_ros.dataset.errors import DatasetError

T = TypeVar("T")
R = TypeVar("R")

_STARTS: Final = 4
_LOCAL: Final = "local"
_NAMESPACE: Final = "odyssey"
_OBJECT_STORE_BYTES: Final = 80_000_000  # the least that Ray accepts: arguments and results are small
_WIDTH_SECONDS: Final = 2.0
_LOST_SECONDS: Final = 30.0  # Ray ends the process without an error of Python after 60 s
_CLOSE_SECONDS: Final = 20.0
_LOST: Final = "start the cluster again, and run the same command again to continue"
_resources: Final[Callable[[], dict[str, float]]] = ray.cluster_resources
_SECRETS: Final = ("ODYSSEY_API_KEY",)


class RayEngine:
    """Runs tasks on a Ray cluster; see `TaskEngine`. A process has at most one.

    Each task uses one CPU. When its process or its node dies, Ray starts the task again, up to four times in
    all. This package must be installed on each node, and each node must see the same files under the same
    paths; relative paths refer to the current folder of this process. The environment of this process, and
    so the API key, is not passed to the tasks.

    Construct it on the main thread. It takes some seconds.

    Args:
        address: `HOST:PORT` of the cluster's head node, or `auto` for the cluster of this machine; this
            machine must be a node of the cluster. None starts a cluster of this machine, which ends with
            this process.

    Raises:
        PlanError: The cluster cannot be reached.
    """

    def __init__(self, address: str | None = None) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._running: dict[Future[Any], ray.ObjectRef[Any]] = {}
        self._lost: LostClusterError | None = None
        if address not in {None, _LOCAL}:
            check_reachable(str(address))
        _connect(address or _LOCAL)
        self._run = ray.remote(num_cpus=1, max_retries=_STARTS - 1, scheduling_strategy="SPREAD")(_outcome)
        self._head = _checked_head()
        self._width = _cpus()
        self._answered = time.monotonic()
        self._ended = threading.Event()
        # A head node that does not answer may block the first of these threads.
        self._followers = [
            threading.Thread(target=target, name=f"odyssey-ray-{name}", daemon=True)
            for name, target in (("width", self._follow_width), ("watch", self._watch))
        ]
        for thread in self._followers:
            thread.start()

    @property
    def width(self) -> int:
        """The number of CPUs of the cluster, two seconds old at most while the head node answers."""
        return self._width

    def submit(self, function: Callable[[T], R], argument: T) -> Future[R]:
        """Start a task; see `TaskEngine.submit`. Cancelling the future ends the task, even if it runs."""
        future: Future[R] = Future()
        with self._lock:
            if self._lost is not None:
                raise self._lost
            if self._closed:
                raise LostTaskError("the run was ended")
            reference = self._run.options(name=function.__name__).remote(function, argument, Path.cwd())
            self._running[future] = reference
        future.add_done_callback(self._end_cancelled)
        # Called on a thread of Ray.
        reference.future().add_done_callback(lambda done: self._settle(future, done))
        return future

    def close(self) -> None:
        """End the running tasks, cancel the others, and leave the cluster. Blocks, for 20 s at most.

        If the cluster does not answer, its nodes end the tasks when this process ends.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            running, self._running = self._running, {}
        self._ended.set()
        for future, reference in running.items():
            ray.cancel(reference, force=True)
            _fail(future, LostTaskError("the run was ended"))
        leaving = threading.Thread(target=self._leave, name="odyssey-ray-end", daemon=True)
        leaving.start()
        leaving.join(_CLOSE_SECONDS)
        if leaving.is_alive():
            skip_clean_up()

    def _leave(self) -> None:
        for thread in self._followers:
            thread.join()
        ray.shutdown()

    def _follow_width(self) -> None:
        """Ask the head node for the number of CPUs, again and again."""
        while not self._ended.wait(_WIDTH_SECONDS):
            # Ray would block until it ends this process. It cannot leave a cluster either while it blocks.
            with contextlib.suppress(PlanError, RayError, RuntimeError):
                check_reachable(self._head)
                self._width = _cpus()
                self._answered = time.monotonic()

    def _watch(self) -> None:
        """Declare the cluster lost when the head node does not answer for too long."""
        while not self._ended.wait(_WIDTH_SECONDS):
            silent_s = time.monotonic() - self._answered
            if silent_s > _LOST_SECONDS:
                text = f"the head node of the Ray cluster has not answered for {silent_s:.0f} s"
                self._lose(LostClusterError(f"{text}: {_LOST}"))
                return

    def _lose(self, error: LostClusterError) -> None:
        """End all tasks with an error, and let none start."""
        with self._lock:
            if self._lost is not None or self._closed:
                return
            self._lost = error
            running, self._running = self._running, {}
        for future in running:
            _fail(future, error)

    def _end_cancelled(self, future: Future[Any]) -> None:
        with self._lock:
            reference = self._running.get(future)
        if reference is not None and future.cancelled():
            ray.cancel(reference, force=True)

    def _settle(self, future: Future[Any], done: Future[_Outcome]) -> None:
        """Pass the outcome of a task on, unless `close` was first."""
        failure = done.exception()
        if isinstance(failure, LocalRayletDiedError):
            self._lose(LostClusterError(f"the Ray node of this machine died: {_LOST}"))
            return
        with self._lock:
            if self._running.pop(future, None) is None:
                return
        if not future.set_running_or_notify_cancel():
            return
        outcome = _Outcome(error=_error_of(failure)) if failure is not None else done.result()
        if outcome.error is not None:
            if outcome.traceback:
                outcome.error.__cause__ = _RemoteTraceback(f"\n{outcome.traceback}")
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome.result)


@dataclass(frozen=True)
class _Outcome:
    """What a function returned or raised. Ray would store an exception's text in the records of the task."""

    result: Any = None
    error: BaseException | None = None
    traceback: str = ""


class _RemoteTraceback(Exception):  # noqa: N818 -- it is no error, but where an error happened
    """The traceback of a task, as the cause of its exception."""


def _outcome(function: Callable[[Any], Any], argument: object, folder: Path) -> _Outcome:
    """Run a function on a node, in the current folder of the driver, to which relative paths refer."""
    if folder.is_dir():
        os.chdir(folder)
    for name in _SECRETS:
        os.environ.pop(name, None)  # of the shell in which the node was started
    try:
        return _Outcome(function(argument))
    except Exception as error:  # noqa: BLE001 -- it is raised where the result is taken
        return _Outcome(error=error, traceback=traceback.format_exc())


def _fail(future: Future[Any], error: DatasetError) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)


def _checked_head() -> str:
    """Return the address of the head node; `auto`, which no check contradicts, if a check does not work."""
    address = str(ray.get_runtime_context().gcs_address)
    try:
        check_reachable(address)
    except PlanError:
        return "auto"
    return address


def _cpus() -> int:
    """Return the number of CPUs of the cluster. Blocks as long as the head node does not answer."""
    return max(1, int(_resources().get("CPU", 1)))


def _error_of(failure: BaseException) -> BaseException:
    """Return the error of a task that Ray could not run."""
    if isinstance(failure, RayTaskError):
        # The function runs inside of `_outcome`, so Ray could not start that, or not return its result.
        reason = str(failure.cause).partition("\n")[0]
        return LostTaskError(f"a node cannot run the task, install the same packages there: {reason}")
    if isinstance(failure, RayError):
        return LostTaskError(f"the process or the node died {_STARTS} times: {type(failure).__name__}")
    return failure


def _connect(address: str) -> None:
    """Connect this process to a cluster, or start one."""
    options: dict[str, Any] = {}
    if address == _LOCAL:
        options = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
    try:
        with _kept_signals(), _hidden_secrets():
            ray.init(
                address,
                namespace=_NAMESPACE,
                configure_logging=True,
                logging_level=logging.CRITICAL,
                log_to_driver=False,
                **options,
            )
    except SystemExit as error:  # SIGTERM, while a handler of Ray was installed
        signal.alarm(0)  # which aborts the process after three seconds
        raise KeyboardInterrupt from error
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        reason = str(error).strip().partition("\n")[0]
        if "Failed to connect" in reason and os.environ.get("RAY_AUTH_MODE", "") != "token":
            reason = (
                f"{reason}. If the cluster was started with token authentication, set RAY_AUTH_MODE=token"
            )
        raise PlanError(f"the Ray cluster at {address} cannot be used: {reason}") from error


@contextlib.contextmanager
def _hidden_secrets() -> Iterator[None]:
    """Hide the secrets of this process from the nodes that it starts, which inherit its environment."""
    hidden = {name: os.environ.pop(name) for name in _SECRETS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextlib.contextmanager
def _kept_signals() -> Iterator[None]:
    """Keep the handlers of this process: Ray installs its own."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
