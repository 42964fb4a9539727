"""The playback time of frames, and the steady times at which they are due."""

from __future__ import annotations

from typing import Final

FIRST_INTERVAL_NS: Final = 50_000_000
MAX_DELAY_NS: Final = 1_000_000_000


class Timeline:
    """The playback time: the media time of all played frames, one after the other, without pauses.

    It is 0 at the first frame and never goes back. Within a video it runs like the media time; after a cut
    (another episode, a seek) the next frame comes one frame interval after the last one. All times are in
    nanoseconds. A pure function of the sequence of calls; not thread-safe.

    Args:
        rate: Playback time per second, in seconds; at 0 every frame is due at once.

    Attributes:
        time_ns: Playback time of the current frame.
    """

    def __init__(self, rate: float) -> None:
        self.time_ns = 0
        self._rate = rate
        self._media_ns: int | None = None
        self._interval_ns = FIRST_INTERVAL_NS
        self._started = False
        # Playback time and steady time of one moment, from which the due times are counted.
        self._anchor: tuple[int, int] | None = None

    @property
    def rate(self) -> float:
        """Playback time per second, in seconds."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate = rate
        self.restart()

    def restart(self) -> None:
        """Make the current frame due at once: playback starts, or continues after a pause."""
        self._anchor = None

    def cut(self) -> None:
        """Put the next frame one interval after the current one, whatever its media time is."""
        self._media_ns = None

    def next_frame(self, media_ns: int) -> None:
        """Go to the next frame; `time_ns` is its playback time then.

        Args:
            media_ns: Media time of the frame.
        """
        if self._media_ns is not None:
            self._interval_ns = max(0, media_ns - self._media_ns)
        if self._started:
            self.time_ns += self._interval_ns
        self._started = True
        self._media_ns = media_ns

    def due_ns(self, now_ns: int) -> int:
        """Return the steady time at which the current frame is due.

        Playback that is more than a second late continues from there: it does not catch up.

        Args:
            now_ns: The steady time.
        """
        if self._rate == 0:
            return now_ns
        if self._anchor is not None:
            time_ns, steady_ns = self._anchor
            due = steady_ns + round((self.time_ns - time_ns) / self._rate)
            if now_ns - due <= MAX_DELAY_NS:
                return due
        self._anchor = (self.time_ns, now_ns)
        return now_ns

    def time_at(self, now_ns: int) -> int | None:
        """Return the playback time at a steady time, at most that of the current frame.

        Returns:
            None while the time stands still: before the first frame is due, after `restart`, and at rate 0.
        """
        if self._anchor is None or self._rate == 0:
            return None
        time_ns, steady_ns = self._anchor
        return min(self.time_ns, time_ns + round((now_ns - steady_ns) * self._rate))
