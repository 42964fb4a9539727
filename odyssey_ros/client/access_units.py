"""The encoded frames that wait for the decoder: bounded in time, bytes and number."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_WAIT_S: Final = 1.0
"""How long the oldest access unit may wait for the decoder, in seconds."""

MAX_WAITING_BYTES: Final = 8 * 1024 * 1024
"""How many bytes may wait: a second at 64 Mbit/s, forty times the bit rate of the service."""

MAX_WAITING_UNITS: Final = 256
"""How many access units may wait: two seconds at 120 Hz."""

MAX_DECODED_WAITING: Final = 4
"""How many decoded frames may wait for the event loop. A frame of the maximum size has 13 MB."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded frame.

    Attributes:
        codec: Name of the codec: `h264` or `vp8`.
        data: The frame; H.264 in Annex B form.
        pts: Number of the unit, in place of its presentation time; the decoded frame has it too.
        is_key_frame: Whether a decoder can begin with this frame.
        restarts: Whether the decoder must forget the frames before. Set by the queue.
    """

    codec: str
    data: bytes
    pts: int
    is_key_frame: bool
    restarts: bool = False


class AccessUnitQueue:
    """Passes access units from the event loop to the decoder thread.

    When a limit is exceeded, the queue skips to the next key frame: all waiting access units are dropped, and
    so are the arriving ones until a key frame arrives. So a slow decoder delivers fewer frames, never late
    ones. The wait is measured from the arrival, because the sender chooses the media time.

    Args:
        monotonic: Returns the time in seconds.

    Attributes:
        skipped: Number of frames that were not decoded: dropped, or damaged. Frames before the first key
            frame since the creation or the last `clear` are not counted.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.skipped = 0
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._waiting: deque[tuple[float, AccessUnit]] = deque()
        self._bytes = 0
        self._undelivered = 0
        self._closed = False
        self._skipping = False
        self._begins = True  # whether no key frame was added since the creation or the last `clear`
        self._key_frame_wanted = False

    def put(self, unit: AccessUnit) -> bool:
        """Add an access unit, or drop it while a key frame is awaited. On the loop.

        Returns:
            Whether the access unit was added.
        """
        with self._changed:
            if self._closed:
                return False
            if (self._skipping or self._begins) and not unit.is_key_frame:
                self._key_frame_wanted = True
                self.skipped += not self._begins
                return False
            if self._begins:
                unit = dataclasses.replace(unit, restarts=True)
            self._skipping = self._begins = False
            now = self._monotonic()
            self._waiting.append((now, unit))
            self._bytes += len(unit.data)
            if self._is_full(now):
                self._skip_to_key_frame()
            self._changed.notify_all()
            return True

    def clear(self) -> None:
        """Drop everything that waits, and begin again with the next key frame. On the loop."""
        with self._changed:
            self._waiting.clear()
            self._bytes = 0
            self._begins = True
            self._key_frame_wanted = False

    def get(self) -> AccessUnit | None:
        """Wait for the next access unit; return None when the queue is closed. On the decoder thread."""
        with self._changed:
            while not self._closed and (not self._waiting or self._undelivered >= MAX_DECODED_WAITING):
                self._changed.wait()
            if self._closed:
                return None
            _arrived, unit = self._waiting.popleft()
            self._bytes -= len(unit.data)
            return unit

    def close(self) -> None:
        """Drop everything that waits, and end `get`. From any thread; idempotent."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()

    def frame_decoded(self) -> None:
        """Count a frame that is on its way to the loop. On the decoder thread."""
        with self._changed:
            self._undelivered += 1

    def frame_delivered(self) -> None:
        """Count a frame that has arrived on the loop. On the loop."""
        with self._changed:
            self._undelivered -= 1
            self._changed.notify_all()

    def decoding_failed(self) -> None:
        """Count a frame that could not be decoded, and ask for a key frame. On the decoder thread."""
        with self._changed:
            self._key_frame_wanted = True
            self.skipped += 1

    def take_key_frame_request(self) -> bool:
        """Return whether a key frame is needed since the last call. On the loop."""
        with self._changed:
            wanted, self._key_frame_wanted = self._key_frame_wanted, False
            return wanted

    def _is_full(self, now: float) -> bool:
        return (
            self._bytes > MAX_WAITING_BYTES
            or len(self._waiting) > MAX_WAITING_UNITS
            or now - self._waiting[0][0] > MAX_WAIT_S
        )

    def _skip_to_key_frame(self) -> None:
        # An older key frame is as late as the access units behind it, so only the newest one counts.
        arrived, newest = self._waiting.pop()
        keep = newest.is_key_frame and len(newest.data) <= MAX_WAITING_BYTES
        self.skipped += len(self._waiting) + (not keep)
        self._waiting.clear()
        self._bytes = 0
        self._skipping = self._key_frame_wanted = not keep
        if keep:
            self._waiting.append((arrived, newest))
            self._bytes = len(newest.data)
