"""The tap of an aiortc receiver: its packets, its complete access units, its decoder thread and its requests.

aiortc has no public access to encoded frames. Everything that this package uses inside of its
`RTCRtpReceiver` is named here, and checked when a track is tapped.
"""

from __future__ import annotations

import inspect
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from aiortc import rtcrtpreceiver

from odyssey_ros.client.errors import OdysseyConfigurationError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable

    import av
    from aiortc import RTCRtpReceiver
    from aiortc.jitterbuffer import JitterBuffer, JitterFrame
    from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpReceiveParameters
    from aiortc.rtp import RtpPacket

# The mangled names of aiortc's private members.
_JITTER_BUFFER: Final = "_RTCRtpReceiver__jitter_buffer"
_QUEUE: Final = "_RTCRtpReceiver__decoder_queue"
_STATISTICS: Final = "_RTCRtpReceiver__remote_streams"
_TIMESTAMP_MAPPER: Final = "_RTCRtpReceiver__timestamp_mapper"
_HANDLE_PACKET: Final = "_handle_rtp_packet"
_SEND_REQUEST: Final = "_send_rtcp_pli"
# Those of its jitter buffer: the sequence number of the oldest packet, and the packets by sequence number.
_ORIGIN: Final = "_origin"
_PACKETS: Final = "_packets"
_REMOVE: Final = "smart_remove"

_METHODS: Final = (
    (_JITTER_BUFFER, "add", ["packet"]),
    (_JITTER_BUFFER, _REMOVE, ["count"]),
    (_QUEUE, "put", ["item"]),
    (_TIMESTAMP_MAPPER, "map", ["timestamp"]),
    (_HANDLE_PACKET, "", ["packet", "arrival_time_ms"]),
    (_SEND_REQUEST, "", ["media_ssrc"]),
)
"""The members of a receiver, the methods that are used of them, and the first parameters of each."""

_WORKER: Final = "decoder_worker"
_WORKER_PARAMETERS: Final = ["loop", "input_q", "output_q"]


_CLOCK_RATE: Final = 90_000


class PacketStatistics(NamedTuple):
    """The packets of a media source: received, lost (also those sent again), and their jitter in seconds."""

    received: int = 0
    lost: int = 0
    jitter_s: float = 0.0


class TapUser(Protocol):
    """Gets what a tapped receiver receives. On the loop, except `decode`."""

    def accepts(self, ssrc: int) -> bool:
        """Return whether packets of a media source are received."""
        ...

    def packet_arrived(self, sequence_number: int, timestamp: int, ssrc: int) -> bool:
        """Handle the arrival of a packet, in the form in which it was sent for the first time.

        Returns:
            Whether the packet may be of use.
        """
        ...

    def gives_up(self) -> bool:
        """Return whether to wait no longer for the missing packets before those that have arrived."""
        ...

    def gave_up(self, sequence_number: int) -> None:
        """Handle that all packets before one are given up, and the incomplete access units with them."""
        ...

    def unit_completed(self, codec: str, data: bytes, timestamp: int) -> None:
        """Handle an access unit whose packets have all arrived; of a damaged one, the first may be missing.

        Args:
            codec: `h264` or `vp8`.
            data: The access unit, H.264 in Annex B form.
            timestamp: Its RTP time.
        """
        ...

    def picture_lost(self) -> None:
        """Handle a loss for which aiortc would ask the sender for a key frame."""
        ...

    def ended(self) -> None:
        """Handle the end of the track."""
        ...

    def decode(self, loop: asyncio.AbstractEventLoop, frames: asyncio.Queue[av.VideoFrame | None]) -> None:
        """Decode until the end of the track, then put None. On the decoder thread."""
        ...


class ReceiverTap:
    """Taps a receiver. Create it before the connection is established.

    Nothing is decoded and no key frame is requested, except by the user of the tap.

    Args:
        receiver: The receiver of aiortc, which has a track.
        user: Gets what the receiver receives.

    Raises:
        OdysseyConfigurationError: The installed aiortc has other members than this module relies on.
    """

    def __init__(self, receiver: RTCRtpReceiver, user: TapUser) -> None:
        check_aiortc(receiver)
        self._receiver = receiver
        self._user = user
        self._handle_packet = getattr(receiver, _HANDLE_PACKET)
        self._send_request = getattr(receiver, _SEND_REQUEST)
        setattr(receiver, _HANDLE_PACKET, self._packet_arrived)
        setattr(receiver, _SEND_REQUEST, self._picture_lost)
        setattr(receiver, _JITTER_BUFFER, _BoundedBuffer(getattr(receiver, _JITTER_BUFFER), user))
        setattr(receiver, _TIMESTAMP_MAPPER, self)
        setattr(receiver, _QUEUE, self)

    def map(self, timestamp: int) -> int:
        """Return the RTP time of an access unit as it is. Called by aiortc in place of its unwrapping."""
        return timestamp

    def put(self, task: tuple[RTCRtpCodecParameters, JitterFrame] | None) -> None:
        """Pass on an access unit; None ends the track. Called by aiortc in place of its queue."""
        if task is None:
            self._user.ended()
        else:
            codec, frame = task
            self._user.unit_completed(codec.name.lower(), frame.data, frame.timestamp)

    def decode(self, loop: asyncio.AbstractEventLoop, frames: asyncio.Queue[av.VideoFrame | None]) -> None:
        """Run the decoder of the user. On the decoder thread."""
        self._user.decode(loop, frames)

    def send_key_frame_request(self, ssrc: int) -> Awaitable[None]:
        """Ask the sender for a key frame of a media source (PLI, RFC 4585, 6.3.1)."""
        sending: Awaitable[None] = self._send_request(ssrc)
        return sending

    def statistics(self, ssrc: int) -> PacketStatistics:
        """Return the counts of a media source. `getStats` mixes them with those of retransmissions."""
        found = getattr(self._receiver, _STATISTICS).get(ssrc)
        if found is None:
            return PacketStatistics()
        return PacketStatistics(found.packets_received, found.packets_lost, found.jitter / _CLOCK_RATE)

    async def _packet_arrived(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if self._user.accepts(packet.ssrc):
            await self._handle_packet(packet, arrival_time_ms=arrival_time_ms)
        else:
            # aiortc would keep statistics, and a route, for each source.
            self._receiver.transport._rtp_router.ssrc_table.pop(packet.ssrc, None)  # noqa: SLF001

    async def _picture_lost(self, _media_ssrc: int) -> None:
        self._user.picture_lost()


class _BoundedBuffer:
    """The jitter buffer of aiortc, which gets the packets in their original form, also when sent again.

    aiortc waits for a missing packet until its buffer is full, which takes seconds. This buffer waits until
    its user gives up.
    """

    def __init__(self, buffer: JitterBuffer, user: TapUser) -> None:
        self._buffer = buffer
        self._user = user

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Note the packet, and add it."""
        if not self._user.packet_arrived(packet.sequence_number, packet.timestamp, packet.ssrc):
            # It would reset aiortc's buffer if it is more than 100 packets late.
            return False, None
        overflow, frame = self._buffer.add(packet)
        if frame is None and self._user.gives_up():
            self._skip_gap()
        return overflow, frame

    def _skip_gap(self) -> None:
        """Remove what is before the first gap, and after it up to the beginning of a frame."""
        buffer = self._buffer
        first, places = _origin(buffer), _packets(buffer)
        order = [places[(first + number) % len(places)] is not None for number in range(len(places))]
        gap = order.index(False) if False in order else len(order)
        if True in order[gap:]:
            buffer.smart_remove(order.index(True, gap))
        self._user.gave_up(_origin(buffer))


def _origin(buffer: JitterBuffer) -> int:
    return getattr(buffer, _ORIGIN) or 0


def _packets(buffer: JitterBuffer) -> list[RtpPacket | None]:
    packets: list[RtpPacket | None] = getattr(buffer, _PACKETS)
    return packets


def check_aiortc(receiver: RTCRtpReceiver) -> None:
    """Check that a receiver has the members that this module relies on.

    Raises:
        OdysseyConfigurationError: A member is missing, or has other parameters.
    """
    for name, method, parameters in _METHODS:
        member = getattr(receiver, name, None)
        called = getattr(member, method, None) if method else member
        _check_parameters(f"{_readable(name)}{method and '.'}{method}", called, parameters)
    buffer = getattr(receiver, _JITTER_BUFFER)
    for name in (_ORIGIN, _PACKETS):
        if not hasattr(buffer, name):
            raise _unsupported(f"{_readable(_JITTER_BUFFER)}.{name} is missing")
    if not hasattr(receiver, _STATISTICS):
        raise _unsupported(f"{_readable(_STATISTICS)} is missing")
    counts = rtcrtpreceiver.StreamStatistics(_CLOCK_RATE)
    for name in ("packets_received", "packets_lost", "jitter"):
        if name not in dir(counts):
            raise _unsupported(f"rtcrtpreceiver.StreamStatistics.{name} is missing")
    _check_parameters(f"rtcrtpreceiver.{_WORKER}", getattr(rtcrtpreceiver, _WORKER, None), _WORKER_PARAMETERS)


def _check_parameters(name: str, called: object, parameters: list[str]) -> None:
    if not callable(called):
        raise _unsupported(f"{name} is missing")
    found = list(inspect.signature(called).parameters)[: len(parameters)]
    if found != parameters:
        raise _unsupported(f"{name} takes ({', '.join(found)}) in place of ({', '.join(parameters)})")


def _unsupported(what: str) -> OdysseyConfigurationError:
    return OdysseyConfigurationError(
        f"Video cannot be received with aiortc {metadata.version('aiortc')}: {what}",
        action="Install the version of aiortc that this package was tested with",
    )


def _readable(name: str) -> str:
    return f"RTCRtpReceiver.{name.removeprefix('_RTCRtpReceiver')}"


def receive_nothing(receiver: RTCRtpReceiver) -> None:
    """Keep a receiver from starting a decoder thread. Its packets are then dropped on arrival."""

    async def receive(_parameters: RTCRtpReceiveParameters) -> None:
        pass

    setattr(receiver, "receive", receive)  # noqa: B010 - mypy accepts no assignment to a method


def _decode_by_tap() -> None:
    """Patch aiortc: the decoder thread of a tapped receiver runs the decoder of its user."""
    work: Any = getattr(rtcrtpreceiver, _WORKER, None)

    def decoder_worker(loop: asyncio.AbstractEventLoop, input_q: Any, output_q: Any, *arguments: Any) -> None:
        if isinstance(input_q, ReceiverTap):
            input_q.decode(loop, output_q)
        else:
            work(loop, input_q, output_q, *arguments)

    if work is not None:
        setattr(rtcrtpreceiver, _WORKER, decoder_worker)


_decode_by_tap()
