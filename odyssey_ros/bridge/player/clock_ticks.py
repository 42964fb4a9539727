"""The ticks of `/clock` between frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.player.timeline import Timeline

TICK_NS, IDLE_TICK_NS = 10_000_000, 100_000_000


class ClockTicks:
    """Publishes the clock every 10 ms while frames are played, else every 100 ms. Not thread-safe.

    Args:
        timeline: The source of the time.
        publish: Publishes a playback time in nanoseconds, or the last one again for None.
    """

    def __init__(self, timeline: Timeline, publish: Callable[[int | None], None]) -> None:
        self._timeline = timeline
        self._publish = publish
        self._next_ns = 0

    def tick(self, now_ns: int, *, running: bool) -> int:
        """Publish the clock if it is due, and return the steady time of the next tick in nanoseconds.

        Args:
            now_ns: The steady time, in nanoseconds.
            running: Whether time passes: frames are being played, at a rate above 0.
        """
        if now_ns >= self._next_ns:
            running = running and self._timeline.rate > 0
            self._next_ns = now_ns + (TICK_NS if running else IDLE_TICK_NS)
            self._publish(self._timeline.time_at(now_ns) if running else None)
        return self._next_ns
