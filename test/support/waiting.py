"""Waits for conditions in tests: one function for plain code, one for coroutines.

Use these instead of a sleep wherever a condition can be observed. The limits are generous, because a test
must not depend on the speed of the machine: a limit only ends a test that would never pass.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DEFAULT_TIMEOUT_S: Final = 240.0
"""On a loaded machine, the processes of a Ray cluster were seen to need 110 s to start."""

POLL_PERIOD_S: Final = 0.01

# Bound here, so that a test that replaces the clock or the sleep of a module does not replace these.
_monotonic = time.monotonic
_sleep = time.sleep
_async_sleep = asyncio.sleep


def wait_until(
    condition: Callable[[], Any],
    what: str | Callable[[], str] = "",
    timeout: float = DEFAULT_TIMEOUT_S,
    *,
    pause: Callable[[], object] = lambda: _sleep(POLL_PERIOD_S),
) -> Any:
    """Block until a condition is true.

    Args:
        condition: Called repeatedly.
        what: What is waited for, as the failure reports it: a text, or a function that makes the text at the
            time of the failure. Without it the failure shows the source of the condition.
        timeout: Limit in seconds.
        pause: Called between two calls of the condition, for example to spin an executor.

    Returns:
        The first true value of the condition.

    Raises:
        AssertionError: The condition was not true within the limit.
    """
    __tracebackhide__ = True
    deadline = _monotonic() + timeout
    while not (value := condition()):
        if _monotonic() > deadline:
            raise AssertionError(_failure(condition, what, timeout, value))
        pause()
    return value


async def eventually(
    condition: Callable[[], Any | Awaitable[Any]],
    what: str | Callable[[], str] = "",
    timeout: float = DEFAULT_TIMEOUT_S,
) -> Any:
    """Wait on the event loop until a condition is true.

    Args:
        condition: Called repeatedly; an awaitable that it returns is awaited.
        what: What is waited for, as in `wait_until`.
        timeout: Limit in seconds.

    Returns:
        The first true value of the condition.

    Raises:
        AssertionError: The condition was not true within the limit.
    """
    __tracebackhide__ = True
    deadline = _monotonic() + timeout
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if _monotonic() > deadline:
            raise AssertionError(_failure(condition, what, timeout, value))
        await _async_sleep(POLL_PERIOD_S)


def _failure(condition: Callable[[], Any], what: str | Callable[[], str], timeout: float, value: Any) -> str:
    """Return the text of a failure: what was waited for, how long, and the condition's last value."""
    if callable(what):
        what = what()
    return f"not true within {timeout:g} s: {what or _source(condition)} (last value: {value!r})"


def _source(condition: Callable[[], Any]) -> str:
    """Return the source line and place of a condition, or its representation where it has no source."""
    try:
        lines, number = inspect.getsourcelines(condition)
        return f"`{lines[0].strip()}` at {inspect.getsourcefile(condition)}:{number}"
    except (OSError, TypeError):
        return repr(condition)
