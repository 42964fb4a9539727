"""A thread that runs commands in order, and between them a piece of work when its time comes."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from odyssey_ros.client import OdysseyError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_MAX_WAIT_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class _Command:
    """A command that waits for the thread."""

    run: Callable[[], None]
    refuse: Callable[[], None]


class CommandThread:
    """Runs commands in order on one thread, and otherwise a work function.

    All methods can be called on any thread. An exception of the work function ends the thread. So does an
    exception of a command, unless it is an OdysseyError, which is the answer to that command only.

    Args:
        name: Name of the thread.
        refusal: Makes the error of commands that come after the end of the thread.
        steady_ns: The steady clock, in nanoseconds.
    """

    def __init__(self, name: str, *, refusal: Callable[[], Exception], steady_ns: Callable[[], int]) -> None:
        self._name = name
        self._refusal = refusal
        self._steady_ns = steady_ns
        self._changed = threading.Condition()
        self._commands: deque[_Command] = deque()
        self._woken = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(
        self,
        work: Callable[[], int],
        *,
        on_failure: Callable[[Exception], None],
        on_end: Callable[[], None],
    ) -> None:
        """Start the thread. Commands that were submitted before are run first.

        Args:
            work: Does a piece of work and returns the steady time of the next one, in nanoseconds. It is
                called after each batch of commands, after `wake`, and when that time comes.
            on_failure: Called on the thread with the exception that ends it.
            on_end: Called on the thread at its end, after the waiting commands have been refused.
        """
        self._thread = threading.Thread(
            target=self._run, args=(work, on_failure, on_end), name=self._name, daemon=True
        )
        self._thread.start()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Run a command on the thread, after those before it; the future has its result."""
        result: Future[T] = Future()

        def run() -> None:
            if not result.set_running_or_notify_cancel():
                return
            try:
                value = call()
            except OdysseyError as error:
                result.set_exception(error)
            except Exception as error:
                result.set_exception(error)
                raise
            else:
                result.set_result(value)

        def refuse() -> None:
            if result.set_running_or_notify_cancel():
                result.set_exception(self._refusal())

        with self._changed:
            if not self._closed:
                self._commands.append(_Command(run, refuse))
                self._changed.notify()
                return result
        refuse()
        return result

    def wake(self) -> None:
        """Call the work function before its time has come."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def interrupted(self) -> bool:
        """Return whether a command or `close` waits: work that blocks has to return then."""
        with self._changed:
            return bool(self._commands) or self._closed

    def close(self, timeout: float) -> bool:
        """End the thread after the command or work in progress.

        Returns:
            False when the thread has not ended within `timeout` seconds.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(
        self, work: Callable[[], int], on_failure: Callable[[Exception], None], on_end: Callable[[], None]
    ) -> None:
        try:
            while not self._closed:
                self._run_commands()
                self._wait_until(work())
        except Exception as error:  # noqa: BLE001 -- reported; an exception that escapes a thread is lost
            on_failure(error)
        finally:
            self._refuse_commands()
            on_end()

    def _run_commands(self) -> None:
        """Run the commands that wait now; those that come meanwhile are run after the next work."""
        with self._changed:
            count = len(self._commands)
            self._woken = False
        for _ in range(count):
            self._next_command().run()

    def _next_command(self) -> _Command:
        with self._changed:
            return self._commands.popleft()

    def _wait_until(self, until_ns: int) -> None:
        """Wait for a command, `wake`, `close`, or a steady time."""
        with self._changed:
            while not (self._commands or self._woken or self._closed):
                wait_ns = until_ns - self._steady_ns()
                if wait_ns <= 0:
                    return
                self._changed.wait(min(wait_ns / 1e9, _MAX_WAIT_S))

    def _refuse_commands(self) -> None:
        with self._changed:
            self._closed = True
            commands, self._commands = self._commands, deque()
        for command in commands:
            command.refuse()
