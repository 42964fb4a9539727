"""Receives the key-frame requests of a peer: PLI (RFC 4585, 6.3.1) and FIR (RFC 5104, 4.3.1).

aiortc forwards a PLI to its own encoder only, which a track of encoded frames bypasses. A FIR names the media
source in its entries and zero in its header, and aiortc drops it for that.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from aiortc.rtp import RTCP_PSFB_FIR, RtcpPsfbPacket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiortc import RTCRtpSender
    from aiortc.rtcdtlstransport import RTCDtlsTransport, RtpReceiver, RtpSender
    from aiortc.rtp import AnyRtcpPacket

__all__ = ["on_key_frame_request"]


def on_key_frame_request(sender: RTCRtpSender, callback: Callable[[], None]) -> None:
    """Call `callback` whenever the receiver requests a key frame.

    A repeated FIR has the sequence number of the first one and is ignored. A request for another media source
    is no request for this sender. To be called when the transport of the sender is final: after the session
    descriptions were exchanged.
    """
    sender._send_keyframe = callback  # type: ignore[method-assign] # noqa: SLF001 - no public access
    _FullIntraRequests(sender.transport, sender, callback)


class _FullIntraRequests:
    """Takes the FIRs of one sender out of the RTCP packets that arrive on a transport."""

    def __init__(
        self, transport: RTCDtlsTransport, sender: RTCRtpSender, callback: Callable[[], None]
    ) -> None:
        router = transport._rtp_router  # noqa: SLF001 - no public access
        self._ssrc = sender._ssrc  # noqa: SLF001 - no public access
        self._callback = callback
        self._route = router.route_rtcp
        self._last: tuple[int, int] | None = None
        router.route_rtcp = self._route_rtcp  # type: ignore[method-assign]

    def _route_rtcp(self, packet: AnyRtcpPacket) -> set[RtpReceiver | RtpSender]:
        if not (isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_FIR):
            return self._route(packet)
        for ssrc, number in _entries(packet.fci):
            if ssrc == self._ssrc and (packet.ssrc, number) != self._last:
                self._last = packet.ssrc, number
                self._callback()
        return set()


def _entries(fci: bytes) -> Iterator[tuple[int, int]]:
    """Yield the media source and the sequence number of each entry of a FIR; ignore a cut one."""
    for offset in range(0, len(fci) - 7, 8):
        ssrc, number = struct.unpack_from("!LB", fci, offset)
        yield ssrc, number
