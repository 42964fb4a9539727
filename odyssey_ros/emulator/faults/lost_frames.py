"""Loses chosen video frames of one receiver, or one packet of each, beyond the repair by retransmissions."""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING, Final

from aiortc.rtp import RtpPacket

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.emulator.faults.video_faults import FrameLoss
    from odyssey_ros.emulator.media.encoding import EncodedFrame

__all__ = ["LostFrames"]

_MAX_REMEMBERED: Final = 4096
"""Lost packets whose retransmissions are lost too; a sender retransmits its newest packets only."""


class LostFrames:
    """Decides for each RTP packet of one sender whether it is lost.

    Packets keep their sequence numbers, so the receiver notices the gap and asks for retransmissions; these
    are lost too, on the same stream or on a retransmission stream (RFC 4588).

    Args:
        sending: returns the frame whose packets the sender sends now.
        take: returns an armed fault that the predicate accepts and counts it as happened, or returns None.
    """

    def __init__(
        self,
        sending: Callable[[], EncodedFrame | None],
        take: Callable[[Callable[[FrameLoss], bool]], FrameLoss | None],
    ) -> None:
        self._sending = sending
        self._take = take
        self._ssrc: int | None = None
        self._newest: int | None = None
        self._frame: EncodedFrame | None = None
        self._frames: Counter[str] = Counter()
        self._position = 0
        self._whole_frame = False
        self._lost: dict[int, None] = {}

    def loses(self, packet: bytes) -> bool:
        """Return whether an RTP packet is lost; to be called once for each packet, in order of sending."""
        number, ssrc = struct.unpack("!2xH4xL", packet[:12])
        if self._ssrc is None:
            self._ssrc = ssrc  # a retransmission cannot come first
        if ssrc != self._ssrc:
            return int.from_bytes(RtpPacket.parse(packet).payload[:2], "big") in self._lost
        if self._newest is not None and not 0 < (number - self._newest) % 65536 < 32768:
            return number in self._lost
        self._newest = number
        self._lost.pop(number, None)  # that of 65536 packets before
        if not self._is_chosen(is_last=bool(packet[1] & 0x80)):
            return False
        self._lost[number] = None
        if len(self._lost) > _MAX_REMEMBERED:
            del self._lost[next(iter(self._lost))]
        return True

    def _is_chosen(self, *, is_last: bool) -> bool:
        frame = self._sending()
        if frame is None:
            return False
        kind = "key" if frame.keyframe else "delta"
        if frame is self._frame:
            self._position += 1
        else:
            self._frame, self._position, self._whole_frame = frame, 0, False
            self._frames["any"] += 1
            self._frames[kind] += 1
        if self._whole_frame:
            return True
        fault = self._take(lambda fault: self._concerns(fault, kind, is_last=is_last))
        self._whole_frame = fault is not None and fault.packets == "all"
        return fault is not None

    def _concerns(self, fault: FrameLoss, kind: str, *, is_last: bool) -> bool:
        """Return whether a fault concerns the present packet of a `key` or `delta` frame."""
        if fault.frames not in {"any", kind} or self._frames[fault.frames] % fault.every != 0:
            return False
        match fault.packets:
            case "all" | "first":
                return self._position == 0
            case "middle":
                return self._position == 1 and not is_last
            case "last":
                return is_last
