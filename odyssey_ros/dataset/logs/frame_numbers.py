"""Compares the frame numbers that an events log gives with its times, by the pictures of the video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from odyssey_ros.dataset.logs.events import EventLog

_TOLERANCE_NS: Final = 2_000_000_000  # a service needs time to apply a prompt


class FrameNumbers:
    """The events of a log with a frame number and a time. Frame numbers have precedence over times.

    A number that counts something else, such as all frames of a server, would label the wrong pictures.

    Args:
        log: The events log. Nothing is compared if it has guessed times.
    """

    def __init__(self, log: EventLog) -> None:
        usable = Loss.GUESSED_TIMES not in log.losses
        self._times = [
            (event.frame_index, event.stream_time_ns)
            for event in log.events
            if usable and event.frame_index is not None and event.prompt
        ]
        self._wanted = {number for number, _ in self._times}
        self._found: dict[int, int] = {}
        self._last = 0
        self._last_ns = 0

    def add(self, number: int, stream_time_ns: int) -> None:
        """Add a picture: its number, and its time since the start of the stream in nanoseconds."""
        self._last, self._last_ns = number, stream_time_ns
        if number in self._wanted:
            self._found[number] = stream_time_ns

    def losses(self) -> dict[Loss, int]:
        """Return the number of events whose frame number and time differ by more than 2 s."""
        wrong = 0
        for number, event_ns in self._times:
            frame_ns = self._found.get(number)
            if frame_ns is None:  # no picture has this number: its time at the rate of the others
                frame_ns = self._last_ns * number // max(1, self._last)
            wrong += abs(frame_ns - event_ns) > _TOLERANCE_NS
        return {Loss.CONTRADICTORY_FRAMES: wrong} if wrong else {}
