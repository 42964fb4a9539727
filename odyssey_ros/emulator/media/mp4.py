"""Encoded H.264 pictures put into an MP4 file as they are."""

from __future__ import annotations

import io
import re
from fractions import Fraction
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Mp4Writer"]

_CLOCK = 90_000
_START_CODE = re.compile(rb"\x00\x00\x00?\x01")
_SEQUENCE_PARAMETERS = 7


class Mp4Writer:
    """Writes one video track; the file plays in a browser and can be played while it is fetched.

    Not safe for use by several threads at once.
    """

    def __init__(self, path: Path, first: bytes, fps: float) -> None:
        """Begin a file.

        Args:
            path: of the file, which is replaced.
            first: the first picture to be written, Annex B; a keyframe with its parameter sets.
            fps: nominal frame rate, which says how long the last picture stays.

        Raises:
            ValueError: ``first`` carries no parameter sets.
            OSError: the file cannot be written.
        """
        self.frame_count = 0
        self._parameters = _parameters(first)
        if self._parameters is None:
            raise ValueError("a recording begins with a keyframe that carries its parameter sets")
        self._frame_ticks = max(round(_CLOCK / fps), 1)
        self._last = -1
        self._foreign = False
        # The head of the track (size, profile, parameter sets) is read off the bitstream by its demuxer.
        with av.open(io.BytesIO(first), format="h264") as head:
            self._file = av.open(path, "w", format="mp4", options={"movflags": "+faststart"})
            self._track = self._file.add_stream_from_template(head.streams.video[0])
        self._track.time_base = Fraction(1, _CLOCK)

    @property
    def duration_seconds(self) -> float:
        """Time from the beginning of the file to the end of its last picture."""
        return (self._last + self._frame_ticks) / _CLOCK if self.frame_count else 0.0

    def write(self, data: bytes, time_ms: int, *, keyframe: bool) -> bool:
        """Write one picture.

        Args:
            data: one access unit, Annex B.
            time_ms: presentation time; one that does not rise is moved behind the picture before.
            keyframe: whether decoding can begin here.

        Returns:
            False when the picture was left out, since it belongs to a coded sequence of another size or
            profile, which a track cannot hold.

        Raises:
            OSError: the file cannot be written.
        """
        if keyframe:
            self._foreign = _parameters(data) not in (self._parameters, None)
        if self._foreign:
            return False
        packet = av.Packet(data)
        self._last = max(time_ms * (_CLOCK // 1000), self._last + 1)
        packet.pts = packet.dts = self._last
        packet.duration = self._frame_ticks
        packet.time_base = Fraction(1, _CLOCK)
        packet.is_keyframe = keyframe
        packet.stream = self._track
        self._file.mux(packet)
        self.frame_count += 1
        return True

    def close(self) -> None:
        """Complete the file.

        Raises:
            OSError: the file cannot be written.
        """
        self._file.close()


def _parameters(data: bytes) -> bytes | None:
    """Return the sequence parameter set of an access unit, which names size and profile."""
    for unit in _START_CODE.split(data):
        if unit and unit[0] & 0x1F == _SEQUENCE_PARAMETERS:
            return unit
    return None
