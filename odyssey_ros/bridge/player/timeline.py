"""When a frame that is played is due, and what time it is in what is played."""

from __future__ import annotations

FIRST_INTERVAL_NS = 50_000_000
LATE_NS = 1_000_000_000


class Timeline:
    """Playback time: the media time of all that is played, one after the other, without the pauses.

    It begins at 0 with the first frame and never goes back. Within a video it runs as the media time does;
    after a cut (another episode, a seek) the next frame comes one frame interval after the last one. Times
    are in nanoseconds. A pure function of the sequence of calls; not thread-safe.

    Args:
        rate: Playback time that passes in a second, in seconds; 0 lets every frame be due at once.
    """

    def __init__(self, rate: float) -> None:
        self.time_ns = 0
        self._rate = rate
        self._media_ns: int | None = None
        self._interval_ns = FIRST_INTERVAL_NS
        self._begun = False
        # Playback time and steady time of one moment, from which the due times are counted.
        self._anchor: tuple[int, int] | None = None

    @property
    def rate(self) -> float:
        """As given."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate = rate
        self.restart()

    def restart(self) -> None:
        """Let the frame in hand be due at once: playing begins, or goes on after a pause."""
        self._anchor = None

    def cut(self) -> None:
        """Let the next frame follow the last one, whatever its media time."""
        self._media_ns = None

    def next_frame(self, media_ns: int) -> None:
        """Go to the next frame: `time_ns` is its playback time then."""
        if self._media_ns is not None:
            self._interval_ns = max(0, media_ns - self._media_ns)
        if self._begun:
            self.time_ns += self._interval_ns
        self._begun = True
        self._media_ns = media_ns

    def due_ns(self, now_ns: int) -> int:
        """Return the steady time at which the frame is due.

        Playing that falls behind by more than a second goes on from there: it never races to catch up.

        Args:
            now_ns: The steady time now.
        """
        if self._rate == 0:
            return now_ns
        if self._anchor is not None:
            time_ns, steady_ns = self._anchor
            due = steady_ns + round((self.time_ns - time_ns) / self._rate)
            if now_ns - due <= LATE_NS:
                return due
        self._anchor = (self.time_ns, now_ns)
        return now_ns

    def time_at(self, now_ns: int) -> int | None:
        """Return the playback time at a steady time, not beyond the frame in hand; None while it stands."""
        if self._anchor is None or self._rate == 0:
            return None
        time_ns, steady_ns = self._anchor
        return min(self.time_ns, time_ns + round((now_ns - steady_ns) * self._rate))
