"""How the system schedules the threads of the tests."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def same_scheduling() -> Iterator[None]:
    """Restore the scheduling of this thread: SVT-AV1 makes it a real-time thread if it may, as root can.

    Programs that the thread starts later would be real-time processes too, which take all of a processor.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)
