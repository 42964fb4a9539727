"""Decides which pictures a viewer is sent: fewer if it is slow, but never old ones. Independent of sockets.

A viewer acknowledges the pictures that it has shown or dropped.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from odyssey_ros.console.graph.picture_messages import Codec

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.console.server.picture_packets import PicturePacket

MAX_UNACKNOWLEDGED_S: Final = 0.5
"""Age of the oldest picture that the viewer has not acknowledged, above which nothing more is sent."""

MAX_UNACKNOWLEDGED_BYTES: Final = 2 * 1024 * 1024
MAX_UNACKNOWLEDGED_JPEGS: Final = 3

FIRST_DELAY_S: Final = 1.0
MAX_DELAY_S: Final = 16.0
"""Between the requests for key frames of one viewer: doubled each time it falls behind."""

RECOVERED_S: Final = 10.0
"""A viewer that has kept up for this long begins with the first delay again."""


class _Sent(NamedTuple):
    number: int
    time_s: float
    size: int


class PictureViewer:
    """One viewer: what was sent to it, and what it has acknowledged. For one thread.

    H.264 that a viewer cannot take is dropped up to the next key frame; of JPEG, the newest picture waits.

    Args:
        monotonic: The clock, in seconds.

    Attributes:
        dropped: Pictures that were not sent because the viewer was too slow.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._outgoing: deque[PicturePacket] = deque()
        self._unacknowledged: deque[_Sent] = deque()
        self._unacknowledged_bytes = 0
        self._waiting: PicturePacket | None = None  # the newest JPEG
        self._awaits_key = True
        self._delay_s = FIRST_DELAY_S
        self._may_ask_at = self._resumed_at = monotonic()
        self.dropped = 0

    def restart(self) -> None:
        """Begin again with a key frame, because the viewer has a new decoder."""
        self._fall_behind()
        self._outgoing.clear()
        self._unacknowledged.clear()
        self._unacknowledged_bytes = 0
        self._waiting = None

    def offer(self, packet: PicturePacket) -> bool:
        """Take a new picture; return whether it is to be sent."""
        if packet.codec is Codec.JPEG:
            return self._offer_jpeg(packet)
        if self._awaits_key and not packet.is_key:
            return False
        if not self._has_room(packet):
            self.dropped += 1
            self._fall_behind()
            return False
        if self._awaits_key:
            self._awaits_key = False
            self._resumed_at = self._monotonic()
        self._send(packet)
        return True

    def take(self) -> PicturePacket | None:
        """Return the next picture to send; None without one."""
        return self._outgoing.popleft() if self._outgoing else None

    def acknowledge(self, number: int) -> bool:
        """Note that the viewer is done with all pictures up to one; return whether another is to be sent.

        A number that was not sent is ignored: it is of a topic that was watched before.
        """
        if any(sent.number == number for sent in self._unacknowledged):
            last = -1
            while last != number:
                last, _, size = self._unacknowledged.popleft()
                self._unacknowledged_bytes -= size
        waiting = self._waiting
        if waiting is None or not self._has_room(waiting):
            return False
        self._waiting = None
        self._send(waiting)
        return True

    def needs_key_frame(self) -> bool:
        """Return whether the viewer could go on with a key frame now. The next time is a while later."""
        now = self._monotonic()
        if not self._awaits_key or now < self._may_ask_at or not self._is_in_time():
            return False
        self._may_ask_at = now + self._delay_s
        return True

    def _offer_jpeg(self, packet: PicturePacket) -> bool:
        self._awaits_key = True  # a decoder of H.264 misses what comes meanwhile
        if self._waiting is not None:
            self.dropped += 1
        if len(self._unacknowledged) >= MAX_UNACKNOWLEDGED_JPEGS or not self._has_room(packet):
            self._waiting = packet
            return False
        self._waiting = None
        self._send(packet)
        return True

    def _send(self, packet: PicturePacket) -> None:
        self._outgoing.append(packet)
        self._unacknowledged.append(_Sent(packet.number, self._monotonic(), len(packet.message)))
        self._unacknowledged_bytes += len(packet.message)

    def _has_room(self, packet: PicturePacket) -> bool:
        size = self._unacknowledged_bytes + len(packet.message)
        return not self._unacknowledged or (size <= MAX_UNACKNOWLEDGED_BYTES and self._is_in_time())

    def _is_in_time(self) -> bool:
        sent = self._unacknowledged
        return not sent or self._monotonic() - sent[0].time_s <= MAX_UNACKNOWLEDGED_S

    def _fall_behind(self) -> None:
        """Wait for a key frame; ask for it at once if the viewer had kept up, else later and later."""
        if self._awaits_key:
            return
        self._awaits_key = True
        self._may_ask_at = now = self._monotonic()
        if now - self._resumed_at >= RECOVERED_S:
            self._delay_s = FIRST_DELAY_S
        else:
            self._delay_s = min(2 * self._delay_s, MAX_DELAY_S)
            self._may_ask_at += self._delay_s
