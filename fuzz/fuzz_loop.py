"""The event loop of targets whose parsers are coroutines: one for each process of a target."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")
_loops: list[asyncio.AbstractEventLoop] = []


def run_on_loop(coroutine: Coroutine[object, object, _T]) -> _T:
    """Run a coroutine to its end. The loop is created by the first call, which is after the fork."""
    if not _loops:
        _loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(_loops[0])
    return _loops[0].run_until_complete(coroutine)
