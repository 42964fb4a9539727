"""The one video track that is received: its limits, its decoder thread, and the arrivals of its frames.

The receivers of aiortc start a decoder thread for each track, let encoded frames wait without bound, and keep
state for each media source of the sender. This module replaces those parts of one receiver; like
`peer_connection`, it uses private members of aiortc.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from aiortc import rtcrtpreceiver

from odyssey_ros.client.access_units import AccessUnit, AccessUnitQueue
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConnectionError
from odyssey_ros.client.frame_arrivals import FrameArrival, FrameArrivals
from odyssey_ros.client.video_decoder import PictureTooLargeError, run_decoder

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    import av
    from aiortc import MediaStreamTrack, RTCRtpReceiver
    from aiortc.jitterbuffer import JitterBuffer, JitterFrame
    from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
    from aiortc.rtp import RtpPacket

    from odyssey_ros.client.frame_labels import LabelHistory

logger = logging.getLogger(__name__)

MAX_MEDIA_SOURCES: Final = 16
"""How many media sources (SSRC) one sender may use. It needs two: the video, and its retransmissions."""

_MAX_NUMBERED: Final = 1024  # frames of which the decoder has returned no picture
_MAX_REORDERED: Final = 16  # frames that the decoder returns before an earlier one (H.264, A.4.2)
# The mangled names of aiortc's private members.
_JITTER_BUFFER: Final = "_RTCRtpReceiver__jitter_buffer"
_QUEUE: Final = "_RTCRtpReceiver__decoder_queue"
_TIMESTAMP_MAPPER: Final = "_RTCRtpReceiver__timestamp_mapper"


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedFrame:
    """A decoded frame; its `pts` is the presentation time since the first frame of the track."""

    frame: av.VideoFrame
    arrival: FrameArrival


class VideoReceiver:
    """Receives one video track. Create it before the connection is established; use it on the loop.

    The label of a frame does not depend on when the frame is decoded; see `FrameArrivals`.

    Args:
        receiver: The receiver of aiortc, which has a track.
        labels: The labels in force.
        on_failed: Called once when the video cannot be received.
    """

    def __init__(
        self,
        receiver: RTCRtpReceiver,
        labels: LabelHistory,
        on_failed: Callable[[OdysseyConnectionError], None],
    ) -> None:
        self.track: MediaStreamTrack = receiver.track
        self._receiver = receiver
        self._on_failed = on_failed
        self._units = AccessUnitQueue()
        self._media_sources: set[int] = set()
        self._arrivals = FrameArrivals(labels)
        self._numbered: dict[int, FrameArrival] = {}  # the frames in the decoder, by their number
        self._next_number = 0
        self._handle_packet = receiver._handle_rtp_packet  # noqa: SLF001
        setattr(receiver, "_handle_rtp_packet", self._packet_arrived)  # noqa: B010 - not known to mypy
        setattr(receiver, _JITTER_BUFFER, _NotingBuffer(getattr(receiver, _JITTER_BUFFER), self._arrivals))
        setattr(receiver, _TIMESTAMP_MAPPER, self)
        setattr(receiver, _QUEUE, self)

    @property
    def skipped(self) -> int:
        """Return the number of frames received that were not decoded."""
        return self._units.skipped

    async def recv(self) -> ReceivedFrame:
        """Return the next decoded frame.

        Raises:
            MediaStreamError: The track has ended.
        """
        while True:
            frame = cast("av.VideoFrame", await self.track.recv())
            arrival = self._arrival_of(frame)
            if arrival is not None:
                frame.pts = arrival.media_ticks
                return ReceivedFrame(frame, arrival)

    def map(self, timestamp: int) -> int:
        """Return the RTP time of an access unit as it is. Called by aiortc in place of its unwrapping."""
        return timestamp

    def put(self, task: tuple[RTCRtpCodecParameters, JitterFrame] | None) -> None:
        """Queue an access unit for the decoder; None ends it. Called by aiortc in place of its queue."""
        if task is None:
            self._units.close()
            return
        codec, frame = task
        # The decoder gets numbers in place of media times, because media times may jump back and repeat.
        number, self._next_number = self._next_number, self._next_number + 1
        unit = AccessUnit(codec.name, frame.data, number)
        arrival = self._arrivals.complete(frame.timestamp, is_key_frame=unit.is_key_frame)
        if self._units.put(unit, follows_loss=arrival.follows_loss):
            self._numbered[number] = arrival
            if len(self._numbered) > _MAX_NUMBERED:
                del self._numbered[next(iter(self._numbered))]

    def decode(self, loop: asyncio.AbstractEventLoop, frames: asyncio.Queue[av.VideoFrame | None]) -> None:
        """Decode until the end of the track. For the decoder thread."""

        def delivered(frame: av.VideoFrame) -> None:
            self._units.frame_delivered()
            frames.put_nowait(frame)

        def fail(error: PictureTooLargeError) -> None:
            failure = OdysseyConnectionError(str(error), code=ErrorCode.VIDEO_UNSUPPORTED)
            loop.call_soon_threadsafe(self._on_failed, failure)

        def deliver(frame: av.VideoFrame) -> None:
            loop.call_soon_threadsafe(delivered, frame)

        run_decoder(self._units, deliver, fail)
        loop.call_soon_threadsafe(frames.put_nowait, None)

    async def _packet_arrived(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if packet.ssrc not in self._media_sources:
            if len(self._media_sources) >= MAX_MEDIA_SOURCES:
                # aiortc would keep statistics, and a route, for each source.
                self._receiver.transport._rtp_router.ssrc_table.pop(packet.ssrc, None)  # noqa: SLF001
                return
            self._media_sources.add(packet.ssrc)
            if len(self._media_sources) == MAX_MEDIA_SOURCES:
                logger.warning("Ignoring further media sources: the sender uses %d", MAX_MEDIA_SOURCES)
        await self._handle_packet(packet, arrival_time_ms=arrival_time_ms)
        if self._units.take_key_frame_request():
            await self._receiver._send_rtcp_pli(packet.ssrc)  # noqa: SLF001

    def _arrival_of(self, frame: av.VideoFrame) -> FrameArrival | None:
        """Remove and return the arrival of a decoded frame, and remove those of frames that were skipped."""
        number = frame.pts
        if number is None:
            return None
        for skipped in [known for known in self._numbered if known < number - _MAX_REORDERED]:
            del self._numbered[skipped]
        return self._numbered.pop(number, None)


class _NotingBuffer:
    """The jitter buffer of aiortc, which gets the packets in their original form, also when sent again."""

    def __init__(self, buffer: JitterBuffer, arrivals: FrameArrivals) -> None:
        self._buffer = buffer
        self._arrivals = arrivals

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Note the packet, and add it."""
        self._arrivals.packet(packet.sequence_number, packet.timestamp)
        return self._buffer.add(packet)


def receive_nothing(receiver: RTCRtpReceiver) -> None:
    """Keep a receiver from starting a decoder thread. Its packets are then dropped on arrival."""

    async def receive(_parameters: RTCRtpReceiveParameters) -> None:
        pass

    setattr(receiver, "receive", receive)  # noqa: B010 - mypy accepts no assignment to a method


def _decode_with_limits() -> None:
    """Patch aiortc: the decoder thread of a `VideoReceiver` runs `VideoReceiver.decode`."""
    work = rtcrtpreceiver.decoder_worker

    def decoder_worker(loop: asyncio.AbstractEventLoop, input_q: Any, output_q: Any, *arguments: Any) -> None:
        if isinstance(input_q, VideoReceiver):
            input_q.decode(loop, output_q)
        else:
            work(loop, input_q, output_q, *arguments)

    rtcrtpreceiver.decoder_worker = decoder_worker  # type: ignore[assignment]


_decode_with_limits()
