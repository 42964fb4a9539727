"""The one video track that is received: its limits, its decoder thread, and the labels of its frames.

The receivers of aiortc start a decoder thread for each track, let encoded frames wait without bound, and keep
state for each media source of the sender. This module replaces those parts of one receiver; like
`peer_connection`, it uses private members of aiortc.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from aiortc import rtcrtpreceiver

from odyssey_ros.client.access_units import AccessUnit, AccessUnitQueue
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConnectionError
from odyssey_ros.client.video_decoder import PictureTooLargeError, run_decoder

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    import av
    from aiortc import MediaStreamTrack, RTCRtpReceiver
    from aiortc.jitterbuffer import JitterFrame
    from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
    from aiortc.rtp import RtpPacket

logger = logging.getLogger(__name__)

MAX_MEDIA_SOURCES: Final = 16
"""How many media sources (SSRC) one sender may use. It needs two: the video, and its retransmissions."""

_MAX_LABELS: Final = 1024
_RTP_WRAP: Final = 1 << 32
# The mangled names of aiortc's private members.
_QUEUE: Final = "_RTCRtpReceiver__decoder_queue"
_TIMESTAMP_MAPPER: Final = "_RTCRtpReceiver__timestamp_mapper"

_Label = TypeVar("_Label")


class VideoReceiver(Generic[_Label]):
    """Receives one video track. Create it before the connection is established; use it on the loop.

    A label belongs to the media time of a frame: it is the one that was current when the first packet of the
    frame arrived, however late the frame is decoded.

    Args:
        receiver: The receiver of aiortc, which has a track.
        current_label: Returns the label of a frame that arrives now.
        on_failed: Called once when the video cannot be received.
    """

    def __init__(
        self,
        receiver: RTCRtpReceiver,
        current_label: Callable[[], _Label],
        on_failed: Callable[[OdysseyConnectionError], None],
    ) -> None:
        self.track: MediaStreamTrack = receiver.track
        self._receiver = receiver
        self._current_label = current_label
        self._on_failed = on_failed
        self._units = AccessUnitQueue()
        self._media_sources: set[int] = set()
        self._newest_timestamp: int | None = None
        self._arriving: dict[int, _Label] = {}  # by RTP timestamp
        self._labels: dict[int, _Label] = {}  # by presentation time
        self._last_timestamp: int | None = None
        self._ticks = 0
        self._handle_packet = receiver._handle_rtp_packet  # noqa: SLF001
        setattr(receiver, "_handle_rtp_packet", self._packet_arrived)  # noqa: B010 - not known to mypy
        setattr(receiver, _TIMESTAMP_MAPPER, self)
        setattr(receiver, _QUEUE, self)

    @property
    def skipped(self) -> int:
        """Return the number of frames received that were not decoded."""
        return self._units.skipped

    async def recv(self) -> object:
        """Return the next decoded frame.

        Raises:
            MediaStreamError: The track has ended.
        """
        return await self.track.recv()

    def label_of(self, frame: av.VideoFrame) -> _Label:
        """Return the label of a frame. Call it once for each frame, in order."""
        label = self._current_label()
        if frame.pts in self._labels:
            for pts in list(self._labels):
                label = self._labels.pop(pts)
                if pts == frame.pts:
                    break
        return label

    def map(self, timestamp: int) -> int:
        """Return the presentation time of an access unit. aiortc calls this method once for each.

        RTP time has 32 bits. Each step is the shortest one modulo 2^32.
        """
        if self._last_timestamp is not None:
            half = _RTP_WRAP // 2
            self._ticks += (timestamp - self._last_timestamp + half) % _RTP_WRAP - half
        self._last_timestamp = timestamp
        label = self._arriving.pop(timestamp, None)
        self._remember(self._labels, self._ticks, self._current_label() if label is None else label)
        return self._ticks

    def put(self, task: tuple[RTCRtpCodecParameters, JitterFrame] | None) -> None:
        """Queue an access unit for the decoder; None ends it. Called by aiortc in place of its queue."""
        if task is None:
            self._units.close()
        else:
            codec, frame = task
            self._units.put(AccessUnit(codec.name, frame.data, frame.timestamp))

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
        if packet.timestamp != self._newest_timestamp:
            is_first, self._newest_timestamp = self._newest_timestamp is None, packet.timestamp
            # A streamer sends the first frame of a track with the message that starts the stream, and either
            # may arrive first. So the label of that frame is the one when the next frame begins to arrive.
            if not is_first and packet.timestamp not in self._arriving:
                self._remember(self._arriving, packet.timestamp, self._current_label())
        await self._handle_packet(packet, arrival_time_ms=arrival_time_ms)
        if self._units.take_key_frame_request():
            await self._receiver._send_rtcp_pli(packet.ssrc)  # noqa: SLF001

    @staticmethod
    def _remember(labels: dict[int, _Label], time: int, label: _Label) -> None:
        labels[time] = label
        if len(labels) > _MAX_LABELS:
            del labels[next(iter(labels))]


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
