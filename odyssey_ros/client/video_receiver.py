"""The one video track that is received: its limits, its access units, and its decoder thread.

The receivers of aiortc start a decoder thread for each track, let encoded frames wait without bound, and keep
state for each media source of the sender. A `ReceiverTap` replaces those parts of one receiver.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, cast

from odyssey_ros.client.access_units import AccessUnit, AccessUnitQueue
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConnectionError
from odyssey_ros.client.frame_arrivals import FrameArrival, FrameArrivals
from odyssey_ros.client.key_frame_requests import KeyFrameRequests
from odyssey_ros.client.receiver_tap import PacketStatistics, ReceiverTap
from odyssey_ros.client.unit_content import H264Reader, UnitContent, vp8_content
from odyssey_ros.client.video_decoder import PictureTooLargeError, check_size, run_decoder

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    import av
    from aiortc import MediaStreamTrack, RTCRtpReceiver

    from odyssey_ros.client.frame_labels import LabelHistory

logger = logging.getLogger(__name__)

MAX_MEDIA_SOURCES: Final = 16
"""How many media sources (SSRC) one sender may use. It needs two: the video, and its retransmissions."""

GIVE_UP_NS: Final = 500_000_000
"""How long frames wait for missing packets, which the sender is asked to send again, in nanoseconds: several
round trips. After it, a key frame repairs the picture."""

_MAX_NUMBERED: Final = 1024  # frames of which the decoder has returned no picture
_MAX_REORDERED: Final = 16  # frames that the decoder returns before an earlier one (H.264, A.4.2)


@dataclass(frozen=True, slots=True)
class UnitArrival:
    """A complete access unit, without its data.

    Attributes:
        number: Number of the access unit since the client was created.
        arrival_ns: When it was complete, on the monotonic clock.
        frame: Its place in the track and in the stream.
    """

    number: int
    arrival_ns: int
    frame: FrameArrival


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedUnit:
    """An access unit that may be passed on; a key frame or one that follows a key frame without a gap."""

    codec: str
    data: bytes
    is_key_frame: bool
    size: tuple[int, int] | None
    arrival: UnitArrival


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedFrame:
    """A decoded frame; its `pts` is the presentation time since the first frame of the track."""

    frame: av.VideoFrame
    arrival: UnitArrival


class UnitSink(Protocol):
    """Takes the access units of all tracks of a client. On the loop."""

    @property
    def labels(self) -> LabelHistory:
        """Return the labels in force."""
        ...

    def unit_received(self, lost: int) -> int:
        """Count a received access unit, and `lost` ones before it; return its number."""
        ...

    def unit_withheld(self) -> None:
        """Count a received access unit that is not passed on."""
        ...

    def unit_passed(self, unit: ReceivedUnit) -> None:
        """Take an access unit."""
        ...


class VideoReceiver:
    """Receives one video track. Create it before the connection is established; use it on the loop.

    The label of a frame does not depend on when the frame is decoded; see `FrameArrivals`. Access units are
    passed on from a key frame on, and after a loss not before the next key frame, which is requested.

    Args:
        receiver: The receiver of aiortc, which has a track.
        sink: Takes the access units.
        on_failed: Called once when the video cannot be received.
        decoding: Whether access units are decoded at first.

    Raises:
        OdysseyConfigurationError: The installed aiortc is not supported.
    """

    def __init__(
        self,
        receiver: RTCRtpReceiver,
        sink: UnitSink,
        on_failed: Callable[[OdysseyConnectionError], None],
        *,
        decoding: bool = True,
    ) -> None:
        self.track: MediaStreamTrack = receiver.track
        self._sink = sink
        self._on_failed = on_failed
        self._decoding = decoding
        self._units = AccessUnitQueue()
        self._media_sources: set[int] = set()
        self._media_source: int | None = None  # of the last packet, which carries video
        self._arrivals = FrameArrivals(sink.labels)
        self._lost = 0  # frames that are lost, as counted by the sink
        self._h264 = H264Reader()
        self._size: tuple[int, int] | None = None
        self._lacks_sets = False  # whether the sender leaves out the parameter sets of key frames
        self._passing = False  # whether a key frame has arrived since the last loss
        self._requests = KeyFrameRequests()
        self._numbered: dict[int, UnitArrival] = {}  # the frames in the decoder, by their number
        self._tap = ReceiverTap(receiver, self)

    @property
    def skipped(self) -> int:
        """Return the number of frames that were to be decoded and were not."""
        return self._units.skipped

    @property
    def key_frames_requested(self) -> int:
        """Return the number of requests for a key frame."""
        return self._requests.sent

    @property
    def packets(self) -> PacketStatistics:
        """Return the counts of the packets of the video."""
        if self._media_source is None:
            return PacketStatistics()
        return self._tap.statistics(self._media_source)

    async def recv(self) -> ReceivedFrame:
        """Return the next decoded frame.

        Raises:
            MediaStreamError: The track has ended.
        """
        while True:
            frame = cast("av.VideoFrame", await self.track.recv())
            arrival = self._arrival_of(frame)
            if arrival is not None:
                frame.pts = arrival.frame.media_ticks
                return ReceivedFrame(frame, arrival)

    def set_decoding(self, *, enabled: bool) -> None:
        """Turn decoding on or off. It begins with a key frame, which is requested."""
        if enabled == self._decoding:
            return
        self._decoding = enabled
        if enabled:
            self._requests.want()
        else:
            self._units.clear()
            self._numbered.clear()

    def request_key_frame(self) -> None:
        """Ask the sender for a key frame, until one arrives; see `KeyFrameRequests`."""
        self._requests.want()

    async def send_requests(self) -> None:
        """Send the requests for key frames, until cancelled."""
        await self._requests.run(self._request)

    def accepts(self, ssrc: int) -> bool:
        """See `TapUser`."""
        if ssrc not in self._media_sources:
            if len(self._media_sources) >= MAX_MEDIA_SOURCES:
                return False
            self._media_sources.add(ssrc)
            if len(self._media_sources) == MAX_MEDIA_SOURCES:
                logger.warning("Ignoring further media sources: the sender uses %d", MAX_MEDIA_SOURCES)
        return True

    def packet_arrived(self, sequence_number: int, timestamp: int, ssrc: int) -> bool:
        """See `TapUser`."""
        if self._media_source is None:
            self._requests.look_again()
        self._media_source = ssrc
        return self._arrivals.packet(sequence_number, timestamp)

    def unit_completed(self, codec: str, data: bytes, timestamp: int) -> None:
        """See `TapUser`."""
        content = self._h264.content(data) if codec == "h264" else vp8_content(data)
        if not content.is_picture:
            if self._arrivals.pass_over(timestamp):
                self._passing = False
            return
        frame = self._arrivals.complete(timestamp, is_key_frame=content.is_key_frame)
        lost, self._lost = self._arrivals.lost - self._lost, self._arrivals.lost
        number = self._sink.unit_received(lost)
        if content.is_key_frame and self._is_usable(content, frame):
            self._requests.key_frame_arrived()
            self._passing, self._size = self._is_accepted(content.size), content.size
        elif frame.follows_loss or not content.is_usable:
            self._passing = False
        if self._passing:
            self._pass_on(codec, content, UnitArrival(number, self._sink.labels.now_ns(), frame))
        else:
            self._sink.unit_withheld()
            self._requests.want()

    def gives_up(self) -> bool:
        """See `TapUser`."""
        return self._arrivals.blocked_ns() > GIVE_UP_NS

    def gave_up(self, sequence_number: int) -> None:
        """See `TapUser`."""
        if self._arrivals.give_up(sequence_number):
            self._requests.want()

    def picture_lost(self) -> None:
        """See `TapUser`."""
        self._requests.want()

    def ended(self) -> None:
        """See `TapUser`."""
        self._units.close()

    def decode(self, loop: asyncio.AbstractEventLoop, frames: asyncio.Queue[av.VideoFrame | None]) -> None:
        """Decode until the end of the track. For the decoder thread."""

        def delivered(frame: av.VideoFrame) -> None:
            self._units.frame_delivered()
            frames.put_nowait(frame)

        def deliver(frame: av.VideoFrame) -> None:
            loop.call_soon_threadsafe(delivered, frame)

        def fail(error: PictureTooLargeError) -> None:
            loop.call_soon_threadsafe(self._fail, error)

        run_decoder(self._units, deliver, fail)
        loop.call_soon_threadsafe(frames.put_nowait, None)

    def _pass_on(self, codec: str, content: UnitContent, arrival: UnitArrival) -> None:
        self._sink.unit_passed(ReceivedUnit(codec, content.data, content.is_key_frame, self._size, arrival))
        if not self._decoding:
            return
        if self._units.put(AccessUnit(codec, content.data, arrival.number, content.is_key_frame)):
            self._numbered[arrival.number] = arrival
            if len(self._numbered) > _MAX_NUMBERED:
                del self._numbered[next(iter(self._numbered))]
        if self._units.take_key_frame_request():
            self._requests.want()

    def _is_usable(self, content: UnitContent, frame: FrameArrival) -> bool:
        """Return whether a key frame is whole, as far as its headers tell."""
        if not frame.follows_loss:
            self._lacks_sets = content.is_completed
        elif content.is_completed and not self._lacks_sets:
            return False  # its own parameter sets, which may be new ones, are lost
        return content.is_usable

    def _is_accepted(self, size: tuple[int, int] | None) -> bool:
        try:
            check_size(size)
        except PictureTooLargeError as error:
            self._units.close()
            self._fail(error)
            return False
        return True

    def _fail(self, error: PictureTooLargeError) -> None:
        self._on_failed(OdysseyConnectionError(str(error), code=ErrorCode.VIDEO_UNSUPPORTED))

    def _request(self) -> Awaitable[None] | None:
        if self._media_source is None:
            return None
        return self._tap.send_key_frame_request(self._media_source)

    def _arrival_of(self, frame: av.VideoFrame) -> UnitArrival | None:
        """Remove and return the arrival of a decoded frame, and remove those of frames that were skipped."""
        number = frame.pts
        if number is None:
            return None
        for skipped in [known for known in self._numbered if known < number - _MAX_REORDERED]:
            del self._numbered[skipped]
        return self._numbered.pop(number, None)
