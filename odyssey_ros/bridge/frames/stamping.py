"""When a frame was captured, in the node's clock."""

from __future__ import annotations

from collections import deque

WINDOW_NS = 10_000_000_000
RESTART_NS = 1_000_000_000


class MediaStamps:
    """Maps the presentation time of frames to the node's clock.

    The offset between both is the smallest arrival-minus-presentation time of the last ten seconds: the frame
    with the least delay on its way tells it best. So jitter of the network does not reach the stamps, the
    drift of two clocks does not accumulate, and no stamp lies after the frame's arrival. A frame that comes
    more than a second later than the offset lets expect (a new stream, a paused source), or whose
    presentation time goes back (a restart, a wrap-around), begins a new offset. A pure function of the
    sequence of its arguments; not thread-safe.
    """

    def __init__(self, window_ns: int = WINDOW_NS, restart_ns: int = RESTART_NS) -> None:
        self._window_ns = window_ns
        self._restart_ns = restart_ns
        # (arrival, offset) with rising offsets: the first is the smallest of the window.
        self._smallest: deque[tuple[int, int]] = deque()
        self._last_media_ns: int | None = None
        self._last_arrival_ns: int | None = None
        self._last_stamp_ns: int | None = None

    def stamp(self, arrival_ns: int, media_ns: int) -> int:
        """Return the capture time of a frame.

        Args:
            arrival_ns: When the frame arrived, in the node's clock, ns.
            media_ns: The frame's presentation time, ns from any origin.

        Returns:
            ns in the node's clock, later than all before, unless that clock itself was set back.
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
    """Stamps frames with their arrival; the same interface as :class:`MediaStamps`."""

    def __init__(self) -> None:
        self._last_arrival_ns: int | None = None
        self._last_stamp_ns: int | None = None

    def stamp(self, arrival_ns: int, media_ns: int) -> int:
        """Return the arrival, moved by a nanosecond where two frames share it."""
        stamp = arrival_ns
        clock_set_back = self._last_arrival_ns is not None and arrival_ns < self._last_arrival_ns
        if self._last_stamp_ns is not None and not clock_set_back:
            stamp = max(stamp, self._last_stamp_ns + 1)
        self._last_arrival_ns, self._last_stamp_ns = arrival_ns, stamp
        return stamp
