"""Decides which frames of a video must be key frames."""

from __future__ import annotations

import math
import threading
from typing import Final

from odyssey_ros.emulator.media.encoding import RTP_CLOCK

__all__ = ["MAX_RECORDED_SECONDS", "MIN_REQUEST_SECONDS", "KeyFrameSchedule"]

MIN_REQUEST_SECONDS: Final = 0.2
"""Shortest time from a key frame to one that viewers request, in seconds. Requests wait until then, so that
an eager viewer does not turn every frame into a key frame."""

MAX_RECORDED_SECONDS: Final = 2.0
"""Longest time between two key frames of a recording, in seconds: players seek to key frames."""


class KeyFrameSchedule:
    """Makes the first frame of a video a key frame, and further ones on request and at an interval.

    `request` may be called from any thread. The other methods are called on the thread that encodes.

    Args:
        fps: nominal frames per second.
        interval_seconds: longest time between two key frames, also at frame rates of which it is no multiple;
            a key frame is later only if the frames before it were left out. 0: only on request.
    """

    def __init__(self, fps: float, interval_seconds: float) -> None:
        self._period = math.ceil(RTP_CLOCK / fps)
        self._interval = round(interval_seconds * RTP_CLOCK)
        self._requested = threading.Event()
        self._last: int | None = None

    def request(self) -> None:
        """Request a key frame as soon as `MIN_REQUEST_SECONDS` have passed since the last one."""
        self._requested.set()

    def is_due(self, ticks: int) -> bool:
        """Return whether a frame must be a key frame.

        Args:
            ticks: time of the frame in ticks of `RTP_CLOCK`, which never decreases.
        """
        if self._last is None:
            return True
        since = ticks - self._last
        if self._requested.is_set() and since >= MIN_REQUEST_SECONDS * RTP_CLOCK:
            return True
        # The next frame would be too late.
        return self._interval > 0 and since + self._period > self._interval

    def key_frame_made(self, ticks: int) -> None:
        """Note a key frame, before it is sent: it answers all requests until now.

        Args:
            ticks: time of the frame, as in `is_due`.
        """
        self._last = ticks
        self._requested.clear()
