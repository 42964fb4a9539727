"""Chooses between H.264 and JPEG for a viewer. Independent of the graph and of sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odyssey_ros.console.graph.picture_messages import Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Set

SILENCE_S: Final = 3.0
"""Without H.264 for this long, JPEG is subscribed to as well: a service may send VP8."""

CERTAIN_S: Final = 1.0
"""JPEG is shown once it has come for this long without H.264: after a pause both begin at the same time."""


class PictureChoice:
    """Which topics a viewer needs, and whose pictures it is shown. For one thread.

    Args:
        codecs: What the viewer can decode and the node offers.
        monotonic: The clock, in seconds.

    Attributes:
        shown: What the viewer is shown; None before the first picture.
    """

    def __init__(self, codecs: Set[Codec], monotonic: Callable[[], float]) -> None:
        self._codecs = codecs
        self._monotonic = monotonic
        self._last_video_at = monotonic()  # or the beginning
        self._first_jpeg_at: float | None = None
        self.shown: Codec | None = None

    def wanted(self) -> set[Codec]:
        """Return the topics to subscribe to now."""
        if Codec.H264 not in self._codecs or self._is_silent():
            return set(self._codecs)
        return {Codec.H264}

    def video_came(self) -> None:
        """Note a picture of H.264, shown or not."""
        self._last_video_at = self._monotonic()
        self._first_jpeg_at = None

    def takes_jpeg(self) -> bool:
        """Note a JPEG; return whether it is shown."""
        if Codec.H264 not in self._codecs:
            return True
        if not self._is_silent():
            return False
        now = self._monotonic()
        self._first_jpeg_at = now if self._first_jpeg_at is None else self._first_jpeg_at
        return now - self._first_jpeg_at >= CERTAIN_S

    def video_comes(self) -> bool:
        """Return whether H.264 has come lately."""
        return Codec.H264 in self._codecs and not self._is_silent()

    def _is_silent(self) -> bool:
        return self._monotonic() - self._last_video_at >= SILENCE_S
