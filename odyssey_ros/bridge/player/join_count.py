"""Counts the subscribers that join topics. Needs no ROS."""

from __future__ import annotations

import threading


class JoinCount:
    """How many subscribers have joined so far. For any thread.

    The number of subscribers and the events of the middleware tell of a new subscriber. The number is known
    first, before the executor handles the event; the events also show that one subscriber replaced another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._present = self._joined = self._events = 0

    def subscriber_joined(self) -> None:
        """Count an event of the middleware."""
        with self._lock:
            self._events += 1

    def update(self, present: int) -> int:
        """Return how many have joined.

        Args:
            present: How many subscribers there are now.
        """
        with self._lock:
            risen, self._present = max(0, present - self._present), present
            self._joined = max(self._joined + risen, self._events)
            return self._joined
