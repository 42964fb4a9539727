"""Turns decoded pictures upright, as the display matrix of their file asks for."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from av.filter import Graph

from odyssey_ros.dataset.videos.video_format import unsupported

if TYPE_CHECKING:
    from fractions import Fraction

    from av.video.frame import VideoFrame
    from typing_extensions import Buffer

# Rows of a display matrix: a b u, c d v, x y w (ISO/IEC 14496-12, 6.2.2). A pixel at (p, q) is shown at
# (a p + c q + x, b p + d q + y); a, b, c and d are 16.16 fixed-point numbers.
_MATRIX: Final = struct.Struct("=9i")
_ONE: Final = 1 << 16
_TOLERANCE: Final = _ONE // 100
_UNSPECIFIED_MATRIX: Final = 2  # ISO/IEC 23091-2
_UNSPECIFIED_RANGE: Final = 0


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a picture is turned: first transposed (rows become columns), then mirrored.

    Attributes:
        transposed: Whether rows become columns.
        mirrored: Whether left and right are exchanged then.
        flipped: Whether top and bottom are exchanged then.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def filters(self) -> list[tuple[str, str]]:
        """Return the names and arguments of the FFmpeg filters that turn a picture."""
        wanted = (
            (self.transposed, "transpose", "cclock_flip"),
            (self.mirrored, "hflip", ""),
            (self.flipped, "vflip", ""),
        )
        return [(name, argument) for needed, name, argument in wanted if needed]


UPRIGHT: Final = Orientation()


def orientation_of(frame: VideoFrame) -> Orientation:
    """Return the orientation of a decoded picture.

    Raises:
        EpisodeError: The display matrix is not a rotation by a multiple of 90 degrees, with or without a
            flip.
    """
    # PyAV's stubs describe a single piece of side data instead of the mapping.
    matrix = cast("Buffer | None", frame.side_data.get("DISPLAYMATRIX"))
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d, *_ = _MATRIX.unpack(bytes(matrix))
    if _is_unit(a, d) and _is_zero(b, c):
        return Orientation(mirrored=a < 0, flipped=d < 0)
    if _is_unit(b, c) and _is_zero(a, d):
        return Orientation(transposed=True, mirrored=c < 0, flipped=b < 0)
    raise unsupported(
        "the video is shown at an angle that is not a multiple of 90 degrees, or scaled or skewed: encode it "
        "again, for example with `ffmpeg -display_rotation 0 -i FILE -c:v libx264 video.mp4`"
    )


class UprightPictures:
    """Turns pictures upright. For one thread."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._key: tuple[object, ...] = ()

    def turned(self, frame: VideoFrame, time_base: Fraction) -> VideoFrame:
        """Return a picture upright: itself, or a new one with the same stamp and colours.

        Raises:
            EpisodeError: See `orientation_of`.
        """
        orientation = orientation_of(frame)
        return frame if orientation == UPRIGHT else self.applied(orientation, frame, time_base)

    def applied(self, orientation: Orientation, frame: VideoFrame, time_base: Fraction) -> VideoFrame:
        """Return a picture turned in a given way; see `turned`."""
        key = (orientation, frame.width, frame.height, frame.format.name)
        if self._graph is None or key != self._key:
            self._graph, self._key = _graph(orientation, frame, time_base), key
        # The graph changes the subsampling of some formats. Without the tags, it keeps the colours.
        colours, colour_range = frame.colorspace, frame.color_range
        frame.colorspace, frame.color_range = _UNSPECIFIED_MATRIX, _UNSPECIFIED_RANGE
        self._graph.vpush(frame)
        turned = self._graph.vpull()
        for picture in (frame, turned):
            picture.colorspace, picture.color_range = colours, colour_range
        return turned


def _graph(orientation: Orientation, frame: VideoFrame, time_base: Fraction) -> Graph:
    graph = Graph()
    graph.threads = 1
    nodes = [
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=time_base, name="in"
        )
    ]
    nodes += [graph.add(name, argument or None) for name, argument in orientation.filters()]
    nodes.append(graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    return graph


def _is_unit(*values: int) -> bool:
    return all(abs(abs(value) - _ONE) <= _TOLERANCE for value in values)


def _is_zero(*values: int) -> bool:
    return all(abs(value) <= _TOLERANCE for value in values)
