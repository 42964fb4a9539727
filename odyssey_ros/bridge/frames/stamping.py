"""Computes the stamps of frames in the node's clock from their presentation times."""

from __future__ import annotations

from collections import deque

WINDOW_NS = 10_000_000_000
RESTART_NS = 1_000_000_000


class MediaStamps:
    """Maps the presentation time of frames to the node's clock.

    The offset between the two clocks is the smallest difference of arrival and presentation time in the last
    ten seconds, because the frame with the smallest network delay gives the best estimate. Thus network
    jitter does not affect the stamps, clock drift does not accumulate, and no stamp is later than the arrival
    of its frame. The offset is estimated again when a frame arrives more than a second later than expected (a
    new stream, a paused source), and when the presentation time goes back (a restart, a wrap-around). The
    result depends only on the sequence of arguments. Not thread-safe.

    Args:
        window_ns: The time in which the smallest offset is searched, in ns.
        restart_ns: The delay after which the offset is estimated again, in ns.
    """

    def __init__(self, window_ns: int = WINDOW_NS, restart_ns: int = RESTART_NS) -> None:
        self._window_ns = window_ns
        self._restart_ns = restart_ns
        # Pairs (arrival, offset) with increasing offsets: the first has the smallest offset of the window.
        self._smallest: deque[tuple[int, int]] = deque()
        self._last_media_ns: int | None = None
        self._last_arrival_ns: int | None = None
        self._last_stamp_ns: int | None = None

    def stamp(self, arrival_ns: int, media_ns: int) -> int:
        """Return the stamp of a frame.

        Args:
            arrival_ns: The arrival of the frame in the node's clock, in ns.
            media_ns: The presentation time of the frame, in ns from any origin.

        Returns:
            The stamp in the node's clock, in ns. It is later than all previous results, unless the
            node's clock was set back.
        """
        if self._last_arrival_ns is not None and arrival_ns < self._last_arrival_ns:
            self._smallest.clear()
            self._last_stamp_ns = None
        elif self._last_media_ns is not None and media_ns < self._last_media_ns:
            self._smallest.clear()
        offset = arrival_ns - media_ns
        if self._smallest and offset - self._smallest[0][1] > self._restart_ns:
            self._smallest.clear()
        while self._smallest and self._smallest[-1][1] >= offset:
            self._smallest.pop()
        self._smallest.append((arrival_ns, offset))
        while self._smallest[0][0] < arrival_ns - self._window_ns:
            self._smallest.popleft()

        stamp = media_ns + self._smallest[0][1]
        if self._last_stamp_ns is not None:
            stamp = max(stamp, self._last_stamp_ns + 1)
        self._last_media_ns, self._last_arrival_ns, self._last_stamp_ns = media_ns, arrival_ns, stamp
        return stamp


class ArrivalStamps:
    """Stamps frames with their arrival. The interface is that of `MediaStamps`."""

    def __init__(self) -> None:
        self._last_arrival_ns: int | None = None
        self._last_stamp_ns: int | None = None

    def stamp(self, arrival_ns: int, media_ns: int) -> int:
        """Return the arrival, moved by 1 ns when two frames have the same arrival."""
        stamp = arrival_ns
        clock_set_back = self._last_arrival_ns is not None and arrival_ns < self._last_arrival_ns
        if self._last_stamp_ns is not None and not clock_set_back:
            stamp = max(stamp, self._last_stamp_ns + 1)
        self._last_arrival_ns, self._last_stamp_ns = arrival_ns, stamp
        return stamp
