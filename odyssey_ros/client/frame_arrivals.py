"""The frames of a track in the order of their packets: when each arrived, and so its label and its number.

A frame is identified by the sequence numbers of its packets, because media times may jump back and repeat.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from odyssey_ros.client.frame_labels import FrameLabel, LabelHistory

_SEQUENCE_WRAP: Final = 1 << 16
_RTP_WRAP: Final = 1 << 32
_MAX_MISORDER: Final = 100  # a packet that is older than that resets aiortc's jitter buffer
_MAX_GAPS: Final = 16  # that were given up and of which late packets are known
_MAX_PACKETS: Final = 1024  # twice the capacity of aiortc's jitter buffer


@dataclass(frozen=True, slots=True)
class FrameArrival:
    """A complete frame.

    Attributes:
        label: The label of the frame.
        index: Number of frames of the same stream before this one, of which at least one packet arrived;
            without a stream, of frames since the last stream ended.
        media_ticks: Presentation time since the first frame of the track, in ticks of the RTP clock.
        stream_ticks: Presentation time since the first frame of the stream, in ticks of the RTP clock.
        follows_loss: Whether packets before this frame are missing, or the sender has restarted, so that it
            may refer to a lost frame.
    """

    label: FrameLabel
    index: int
    media_ticks: int
    stream_ticks: int
    follows_loss: bool


@dataclass(slots=True)
class _Arriving:
    """A frame of which packets have arrived, and its first and last sequence number so far, unwrapped."""

    timestamp: int
    first: int
    last: int
    arrived_ns: int
    label: FrameLabel


class FrameArrivals:
    """Assigns each frame of a track to its stream and its prompt. For the event loop.

    The label of a frame is the one in force when its first packet arrived. The packets of a frame that was
    sent before other frames that have arrived are late: they were lost and sent again, or they overtook each
    other. Such a frame has the label that was in force when it would have arrived between its neighbours.

    The first frame of a stream may arrive before the message that starts the stream. A key frame that arrives
    while no stream is running therefore belongs to the next stream, if the message arrives before the frame
    is complete, which is when the next frame begins to arrive.

    Args:
        labels: The labels in force.

    Attributes:
        lost: Number of frames of which some packets arrived and others did not. Frames of which no packet
            arrived are unknown.
    """

    def __init__(self, labels: LabelHistory) -> None:
        self.lost = 0
        self._labels = labels
        self._arriving: deque[_Arriving] = deque()  # in the order of sequence numbers
        self._newest: int | None = None  # the largest sequence number, unwrapped
        self._taken: _Arriving | None = None  # the last complete frame
        self._done: int | None = None  # packets up to this number are duplicates, or too late
        self._given_up: deque[tuple[int, int]] = deque(maxlen=_MAX_GAPS)  # first and last number of each gap
        self._restarted = False  # whether the sender has restarted since the last complete frame
        self._timestamp: int | None = None
        self._ticks = 0
        self._stream = -1  # number of the label of the frames that are counted
        self._index = 0
        self._stream_start = 0  # RTP time of the first frame of the stream

    def packet(self, sequence_number: int, timestamp: int) -> bool:
        """Note that a packet has arrived.

        Args:
            sequence_number: The sequence number in which the packet was sent for the first time.
            timestamp: The RTP time of its frame.

        Returns:
            Whether the packet may be of use: it is not one of those that were given up.
        """
        if self._newest is None:
            number = sequence_number
        else:
            number = self._newest + _difference(sequence_number, self._newest, _SEQUENCE_WRAP)
        done = self._done is not None and number <= self._done
        if done and any(first <= number <= last for first, last in self._given_up):
            return False
        if self._is_restart(number):
            self.lost += len(self._arriving)
            self._arriving.clear()
            self._given_up.clear()
            self._taken = self._newest = self._done = None
            self._restarted = True
        elif done:
            return True
        self._newest = number if self._newest is None else max(self._newest, number)
        self._insert(number, timestamp)
        while self._arriving and self._arriving[0].last < self._newest - _MAX_PACKETS:
            self._lose(self._arriving.popleft())
        return True

    def complete(self, timestamp: int, *, is_key_frame: bool) -> FrameArrival:
        """Return the arrival of the next complete frame. Call it once for each, in order.

        Args:
            timestamp: The RTP time of the frame.
            is_key_frame: Whether the frame can be decoded without others.
        """
        frame, follows_loss = self._take(timestamp)
        if self._timestamp is not None:
            self._ticks += _difference(timestamp, self._timestamp, _RTP_WRAP)
        self._timestamp = timestamp
        label, index = self._count(frame, is_key_frame=is_key_frame)
        return FrameArrival(
            label,
            index,
            self._ticks,
            _difference(timestamp, self._stream_start, _RTP_WRAP),
            follows_loss,
        )

    def pass_over(self, timestamp: int) -> bool:
        """Remove a complete access unit that holds no picture, and count no frame.

        Returns:
            Whether packets before it are missing, or the sender has restarted.
        """
        return self._take(timestamp)[1]

    def blocked_ns(self) -> int:
        """Return how long the next frame has waited for packets while later ones arrive, in ns."""
        return self._labels.now_ns() - self._arriving[1].arrived_ns if len(self._arriving) > 1 else 0

    def give_up(self, sequence_number: int) -> bool:
        """Count the frames as lost that were sent before a packet; their further packets are ignored.

        Returns:
            Whether there are such frames.
        """
        if self._newest is None:
            return False
        lost, first = self.lost, self._arriving[0].first if self._done is None else self._done + 1
        number = self._newest + _difference(sequence_number, self._newest, _SEQUENCE_WRAP)
        while self._arriving and self._arriving[0].first < number:
            self._lose(self._arriving.popleft())
        if first < number:
            self._given_up.append((first, number - 1))
            self._done = number - 1
        return self.lost > lost

    def _is_restart(self, number: int) -> bool:
        """Return whether a packet is too old to be late: the sender, and aiortc's buffer, have restarted."""
        if self._newest is not None and number < self._newest - _MAX_PACKETS:
            return True
        return self._done is not None and number <= self._done - _MAX_MISORDER

    def _insert(self, number: int, timestamp: int) -> None:
        frames = self._arriving
        at = len(frames)
        while at and frames[at - 1].first > number:
            at -= 1
        before = frames[at - 1] if at else None
        after = frames[at] if at < len(frames) else None
        if before is not None and before.timestamp == timestamp:
            before.last = max(before.last, number)
        elif after is not None and after.timestamp == timestamp:
            after.first = number
        elif after is None:
            frames.append(_Arriving(timestamp, number, number, self._labels.now_ns(), self._labels.current))
        elif before is None or number > before.last:
            frames.insert(at, self._late(number, timestamp, before or self._taken, after))

    def _late(self, number: int, timestamp: int, before: _Arriving | None, after: _Arriving) -> _Arriving:
        """Return a frame whose first packet arrives after those of later frames."""
        if before is None:
            return _Arriving(timestamp, number, number, after.arrived_ns, after.label)
        whole = _difference(after.timestamp, before.timestamp, _RTP_WRAP)
        part = _difference(timestamp, before.timestamp, _RTP_WRAP)
        share = min(max(part / whole, 0.0), 1.0) if whole else 0.0
        arrived_ns = before.arrived_ns + round(share * (after.arrived_ns - before.arrived_ns))
        label = before.label if before.label == after.label else self._labels.at(arrived_ns)
        return _Arriving(timestamp, number, number, arrived_ns, label)

    def _take(self, timestamp: int) -> tuple[_Arriving, bool]:
        """Remove and return a frame, and whether it follows a loss; those before it are lost."""
        before, restarted = self._taken, self._restarted
        if any(frame.timestamp == timestamp for frame in self._arriving):
            while (frame := self._arriving.popleft()).timestamp != timestamp:
                self._lose(frame)
        else:  # unknown: the sender has restarted
            number = 0 if before is None else before.last + 1
            frame = _Arriving(timestamp, number, number, self._labels.now_ns(), self._labels.current)
            restarted = True
        self._taken, self._restarted = frame, False
        self._done = frame.last
        return frame, restarted or (before is not None and frame.first != before.last + 1)

    def _lose(self, frame: _Arriving) -> None:
        self._count(frame, is_key_frame=None)
        self.lost += 1

    def _count(self, frame: _Arriving, *, is_key_frame: bool | None) -> tuple[FrameLabel, int]:
        """Return the label of a frame, and its number in its stream. `is_key_frame` is None if it is lost."""
        label, first = frame.label, self._labels.first
        started = label.stream_id is None and first.stream_id is not None and first.number == label.number + 1
        if started and (is_key_frame is not False or self._stream == first.number):
            label = first  # the message that starts the stream has arrived after the frame
        if self._stream != label.number:
            self._stream, self._index, self._stream_start = label.number, 0, frame.timestamp
        index = self._index
        self._index += 1
        return label, index


def _difference(later: int, earlier: int, wrap: int) -> int:
    """Return the smallest step from one to the other number, modulo `wrap`."""
    return (later - earlier + wrap // 2) % wrap - wrap // 2
