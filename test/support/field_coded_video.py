"""H.264 whose pictures are coded as two fields (PAFF), which no encoder of FFmpeg makes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

from video_kinds import FRAME_MS, WIDTH, picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

HEIGHT = 64
GROUP = 8  # pictures from one key frame to the next
_COLUMNS, _ROWS = WIDTH // 16, HEIGHT // 2 // 16  # macroblocks of a field


class Bits:
    """Writes the bits of a NAL unit."""

    def __init__(self) -> None:
        self._text = ""

    def write(self, *fields: tuple[int, int]) -> Bits:
        """Write fields, each with its length and its value."""
        self._text += "".join(format(value, f"0{length}b") for length, value in fields)
        return self

    def unsigned(self, *values: int) -> Bits:
        """Write values as ue(v)."""
        for value in values:
            code = format(value + 1, "b")
            self._text += "0" * (len(code) - 1) + code
        return self

    def samples(self, *blocks: NDArray[np.uint8]) -> Bits:
        """Write bytes without a zero, at the next byte."""
        self._text += "0" * (-len(self._text) % 8)
        self._text += "".join(format(int(value), "08b") for block in blocks for value in block.flat)
        return self

    def unit(self, header: int) -> bytes:
        """Return the NAL unit in Annex B form."""
        text = self._text + "1"
        data = int(text + "0" * (-len(text) % 8), 2).to_bytes(-(-len(text) // 8), "big")
        for low in range(4):
            data = data.replace(bytes((0, 0, low)), bytes((0, 0, 3, low)))
        return bytes((0, 0, 0, 1, header)) + data


def field_units(pictures: int) -> list[tuple[bytes, bytes]]:
    """Return the top and the bottom field of each picture; a key frame begins with SPS and PPS."""
    sps = Bits().write((8, 77), (8, 0), (8, 31)).unsigned(0, 0, 2, 1).write((1, 0))
    sps.unsigned(_COLUMNS - 1, _ROWS - 1).write((5, 0b00100))
    pps = Bits().unsigned(0, 0).write((2, 0)).unsigned(0, 0, 0).write((3, 0)).unsigned(0, 0, 0).write((3, 0))
    parameters = sps.unit(0x67) + pps.unit(0x68)
    fields = []
    for index in range(pictures):
        number = index % GROUP
        planes = _planes(index)
        fields.append(
            (
                (b"" if number else parameters) + _field(planes, number, 0, is_key=not number),
                _field(planes, number, 1, is_key=False),
            )
        )
    return fields


def write_fields(path: Path, container: str, units: Sequence[tuple[int, bytes]]) -> Path:
    """Write a video of packets with their times in ms, and return its path."""
    stream_path = path.with_suffix(".h264")
    stream_path.write_bytes(b"".join(data for _, data in units))
    with (
        av.open(str(stream_path), format="h264") as source,
        av.open(str(path), "w", format=container) as copy,
    ):
        stream = copy.add_stream_from_template(source.streams.video[0])
        for time_ms, data in units:
            packet = av.Packet(data)
            packet.time_base, packet.pts, packet.dts = Fraction(1, 1000), time_ms, time_ms
            packet.duration = FRAME_MS // 2
            packet.is_keyframe = b"\0\0\1\x67" in data
            packet.stream = stream
            copy.mux(packet)
    return path


def _planes(index: int) -> list[NDArray[np.uint8]]:
    frame = av.VideoFrame.from_ndarray(picture(index, WIDTH, HEIGHT), format="rgb24")
    rows = np.maximum(frame.reformat(format="yuv420p").to_ndarray(), 1)
    quarter = HEIGHT // 4
    chroma = (rows[HEIGHT + start : HEIGHT + start + quarter] for start in (0, quarter))
    return [rows[:HEIGHT], *(part.reshape(HEIGHT // 2, WIDTH // 2) for part in chroma)]


def _field(planes: list[NDArray[np.uint8]], number: int, parity: int, *, is_key: bool) -> bytes:
    bits = Bits().unsigned(0, 7, 0).write((4, number), (1, 1), (1, parity))
    if is_key:
        bits.unsigned(0)
    bits.write((2, 0) if is_key else (1, 0)).unsigned(0)
    for block in range(_COLUMNS * _ROWS):
        row, column = divmod(block, _COLUMNS)
        bits.unsigned(25)  # I_PCM
        parts = []
        for plane, size in zip(planes, (16, 8, 8), strict=True):
            lines = plane[parity::2]
            parts.append(lines[row * size : (row + 1) * size, column * size : (column + 1) * size])
        bits.samples(*parts)
    return bits.unit(0x65 if is_key else 0x61)
