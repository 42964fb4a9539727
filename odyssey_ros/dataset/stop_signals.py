"""The signals that stop a command. SIGTERM and SIGHUP act as Ctrl-C does.

What a command has to end and to release is in its context managers, so a signal only raises an exception.
SIGTERM and SIGHUP do so once: a terminal that closes and service managers send several signals in a row, and
the second one must not interrupt the clean-up. Ctrl-C does so each time.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals that stop a command."""

_ONCE: Final = (signal.SIGTERM, signal.SIGHUP)
_OUTPUTS: Final = (1, 2)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `KeyboardInterrupt` within the context, as SIGINT does.

    A signal that this process ignores, such as SIGHUP under `nohup`, stays ignored. Without effect on other
    threads than the main one.
    """
    if not _is_main_thread():
        yield
        return
    stopped = False

    def stop(number: int, _: object) -> None:
        nonlocal stopped
        if number == signal.SIGHUP:
            _leave_closed_terminal()
        if not stopped:
            stopped = True
            raise KeyboardInterrupt

    former = {number: signal.getsignal(number) for number in _ONCE}
    try:
        for number in _ONCE:
            if former[number] is not signal.SIG_IGN:
                signal.signal(number, stop)
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def run_until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on an event loop of its own, and cancel it at a signal. Blocks.

    On other threads than the main one, signals have no effect on it.

    Raises:
        KeyboardInterrupt: A signal arrived; the coroutine has ended.
    """
    import asyncio  # noqa: PLC0415 -- commands and workers without an event loop start faster

    former = {number: signal.getsignal(number) for number in STOP_SIGNALS} if _is_main_thread() else {}
    task: asyncio.Task[Any] | None = None
    stopped = False

    def stop(number: int) -> None:
        nonlocal stopped
        if number == signal.SIGHUP:
            _leave_closed_terminal()
        if task is not None and (number not in _ONCE or not stopped):
            task.cancel()
        stopped = True

    async def until_stopped() -> T:
        nonlocal task
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for number, handler in former.items():
            if number not in _ONCE or handler is not signal.SIG_IGN:
                loop.add_signal_handler(number, stop, number)
        return await work

    try:
        return asyncio.run(until_stopped())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number, handler in former.items():  # asyncio has set the defaults
            signal.signal(number, handler)


def ignore_stop_signals() -> None:
    """Leave the signals to the process that started this one. They may be blocked until now."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


@contextmanager
def blocked_stop_signals() -> Iterator[None]:
    """Block the signals on this thread within the context, and in processes that it starts."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _leave_closed_terminal() -> None:
    """Replace outputs that cannot be written any more, since an error would take the place of the signal."""
    poll = select.poll()
    for descriptor in _OUTPUTS:
        poll.register(descriptor, 0)
    closed = [descriptor for descriptor, event in poll.poll(0) if event & (select.POLLHUP | select.POLLERR)]
    for descriptor in closed:
        with contextlib.suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, descriptor)
            os.close(null)
