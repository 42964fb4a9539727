"""Writes encoded H.264 frames into an MP4 file without encoding them again."""

from __future__ import annotations

import io
import re
from fractions import Fraction
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Mp4Writer"]

_TIMESCALE = 90_000
_START_CODE = re.compile(rb"\x00\x00\x00?\x01")
_SPS_TYPE = 7


class Mp4Writer:
    """Writes an MP4 file with one video track.

    Browsers can play the file, also while they download it. When the size of the pictures changes, the key
    frame has the new parameter sets, and decoders follow them, as in the live video. Not thread-safe.

    Attributes:
        frame_count: number of frames written so far.

    Args:
        path: path of the file; an existing file is replaced.
        first: the first frame, Annex B: a keyframe with its parameter sets. Pass it to `write` too.
        fps: nominal frames per second; determines the duration of the last frame.

    Raises:
        ValueError: `first` has no parameter sets.
    """

    def __init__(self, path: Path, first: bytes, fps: float) -> None:
        self.frame_count = 0
        if not _has_parameters(first):
            raise ValueError("the first frame has no parameter sets; start with a keyframe")
        self._frame_ticks = max(round(_TIMESCALE / fps), 1)
        self._last = -1
        # The demuxer reads the size, the profile and the parameter sets of the track from the bitstream.
        with av.open(io.BytesIO(first), format="h264") as head:
            # Without the prefix, FFmpeg takes the beginning of a name with a colon for a protocol.
            self._file = av.open(f"file:{path}", "w", format="mp4", options={"movflags": "+faststart"})
            self._track = self._file.add_stream_from_template(head.streams.video[0])
        self._track.time_base = Fraction(1, _TIMESCALE)

    @property
    def duration_seconds(self) -> float:
        """Time from the start of the file to the end of its last frame, in seconds."""
        return (self._last + self._frame_ticks) / _TIMESCALE if self.frame_count else 0.0

    def write(self, data: bytes, time_ms: float, *, keyframe: bool) -> None:
        """Write one frame.

        Args:
            data: one access unit, Annex B.
            time_ms: presentation time, in milliseconds; moved behind that of the previous frame if it is not
                larger.
            keyframe: whether decoding can start at this frame.

        Raises:
            OSError: the file cannot be written.
        """
        packet = av.Packet(data)
        self._last = max(round(time_ms * _TIMESCALE / 1000), self._last + 1)
        packet.pts = packet.dts = self._last
        packet.duration = self._frame_ticks
        packet.time_base = Fraction(1, _TIMESCALE)
        packet.is_keyframe = keyframe
        packet.stream = self._track
        self._file.mux(packet)
        self.frame_count += 1

    def close(self) -> None:
        """Complete the file.

        Raises:
            OSError: the file cannot be written.
        """
        self._file.close()


def _has_parameters(data: bytes) -> bool:
    """Return whether an access unit has a sequence parameter set."""
    return any(unit and unit[0] & 0x1F == _SPS_TYPE for unit in _START_CODE.split(data))
