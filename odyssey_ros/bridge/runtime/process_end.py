"""Bounds the end of a process, whatever its threads do."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

END_S: Final = 9.0
"""Seconds from the request until the process ends at the latest; launch kills a process after ten seconds."""

RELEASED_S: Final = 1.0
"""Seconds that the interpreter has for its end, once the node has released everything."""


class ProcessEnd:
    """Ends the process when its ordinary end takes too long.

    At its end Python waits for every thread of a pool. A thread that waits for a network file system, or the
    main thread in a callback that does not return, would therefore keep the process for ever. All methods
    are for any thread.

    Args:
        end: Ends the process at once with an exit status.
        end_s: Bound in seconds from `request`.
        released_s: Bound in seconds from `released`.
    """

    def __init__(
        self,
        *,
        end: Callable[[int], None] = os._exit,
        end_s: float = END_S,
        released_s: float = RELEASED_S,
    ) -> None:
        self._end = end
        self._end_s = end_s
        self._released_s = released_s
        self._changed = threading.Condition()
        self._deadline: float | None = None

    def request(self, status: Callable[[], int]) -> None:
        """Start to measure the time, unless it is being measured.

        Args:
            status: Returns the exit status of the process.
        """
        with self._changed:
            if self._deadline is None:
                self._deadline = time.monotonic() + self._end_s
                # Python waits for the other threads, but not for a daemon, which runs meanwhile.
                threading.Thread(target=self._watch, args=(status,), name="process_end", daemon=True).start()

    def released(self) -> None:
        """Shorten the time: nothing is left to do but to end."""
        with self._changed:
            if self._deadline is not None:
                self._deadline = min(self._deadline, time.monotonic() + self._released_s)
                self._changed.notify()

    def _watch(self, status: Callable[[], int]) -> None:
        with self._changed:
            while (left := (self._deadline or 0.0) - time.monotonic()) > 0:
                self._changed.wait(left)
        busy = [one.name for one in threading.enumerate() if one is not threading.current_thread()]
        print(  # noqa: T201 -- the log of ROS may be shut down
            f"The process ends without waiting for its threads any longer: {', '.join(sorted(busy))}",
            file=sys.stderr,
            flush=True,
        )
        self._end(status())
