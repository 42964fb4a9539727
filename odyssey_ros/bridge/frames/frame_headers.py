"""Stamps each frame once, when its access unit arrives."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.bridge.frames.node_time import node_time_ns
from odyssey_ros.bridge.frames.stamping import ArrivalStamps, MediaStamps

if TYPE_CHECKING:
    from rclpy.node import Node
    from std_msgs.msg import Header

    from odyssey_ros.client import DecodedFrame, EncodedFrame

MAX_UNDECODED: Final = 512
"""How many frames the decoder may be late: more than the client keeps."""


@dataclass(frozen=True, slots=True)
class StreamLabels:
    """The labels of a frame, see `FrameLabels`."""

    index: int
    media_time_ns: int
    stream_id: str | None
    prompt: str | None


@dataclass(slots=True)
class StampedFrame:
    """A frame that has arrived, and what all its messages have in common.

    Attributes:
        stamp_ns: The stamp in the node's clock, in ns.
        labels: The labels.
        header: The header; None until a message needs it.
        infos_queued: Whether its camera info and labels are published with the access unit.
    """

    stamp_ns: int
    labels: StreamLabels
    header: Header | None = None
    infos_queued: bool = False


class FrameHeaders:
    """Stamps access units, and finds the stamp of a decoded picture again. For the asyncio thread.

    The stamps depend on the access units alone: decoding does not change them.

    Args:
        node: The node, whose clock the stamps follow.
        source: `media` or `arrival`.
    """

    def __init__(self, node: Node, source: str) -> None:
        self._node = node
        self._source = ""
        self._stamps: MediaStamps | ArrivalStamps = ArrivalStamps()
        self.set_source(source)
        self._undecoded: dict[int, StampedFrame] = {}  # by the number of the access unit

    def set_source(self, source: str) -> None:
        """Change the source of the stamps. From any thread."""
        if source != self._source:
            self._source = source
            self._stamps = MediaStamps() if source == "media" else ArrivalStamps()

    def arrived(self, frame: EncodedFrame, *, decoding: bool) -> StampedFrame:
        """Stamp an access unit.

        Args:
            frame: The access unit.
            decoding: Whether its decoded picture may follow.
        """
        stamped = self._stamped(frame)
        if decoding:
            self._undecoded[frame.number] = stamped
            if len(self._undecoded) > MAX_UNDECODED:
                del self._undecoded[next(iter(self._undecoded))]
        return stamped

    def decoded(self, frame: DecodedFrame) -> StampedFrame:
        """Return what `arrived` returned for the access unit of a decoded picture.

        A picture whose access unit was not passed on is stamped now.
        """
        return self._undecoded.pop(frame.number, None) or self._stamped(frame)

    def _stamped(self, frame: EncodedFrame | DecodedFrame) -> StampedFrame:
        arrival_ns = node_time_ns(self._node, time.monotonic_ns() - frame.arrival_ns)
        stamp_ns = self._stamps.stamp(arrival_ns, frame.media_time_ns)
        labels = StreamLabels(frame.index, frame.stream_time_ns, frame.stream_id, frame.prompt)
        return StampedFrame(stamp_ns, labels)
