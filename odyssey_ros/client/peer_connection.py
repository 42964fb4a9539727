"""An aiortc peer connection that can stay on loopback and releases everything when closed.

All uses of aiortc's and aioice's private members are in this module and in `receiver_tap` and
`channel_limits`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any

from aioice.ice import CandidatePair
from aioice.turn import TurnTransport
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from odyssey_ros.client.loopback import LOOPBACK_ADDRESSES
from odyssey_ros.client.receiver_tap import receive_nothing
from odyssey_ros.client.redaction import redact_logs
from odyssey_ros.client.session_description import usable_description
from odyssey_ros.client.tasks import TaskOwner, uninterrupted, within

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from aiortc import RTCIceTransport, RTCRtpReceiver

    from odyssey_ros.client.ice import IceServer

logger = logging.getLogger(__name__)
redact_logs(
    *(f"aioice.{name}" for name in ("ice", "mdns", "turn")),
    *(f"aiortc.{name}" for name in ("rtcdtlstransport", "rtcicetransport", "rtcpeerconnection")),
    *(f"aiortc.{name}" for name in ("rtcrtpreceiver", "rtcsctptransport")),
)

_CLOSE_TIMEOUT_S = 3.0
_RELAY_TIMEOUT_S = 1.0
# The mangled names of aiortc's private method and of the TURN client behind a relayed candidate.
_CONNECT = "_RTCPeerConnection__connect"
_RELAY = "_TurnTransport__inner_protocol"


class PeerConnection(RTCPeerConnection):
    """A peer connection that owns every task it starts.

    aiortc connects in a task without an owner. When the connection is closed during that task, the task
    continues and starts consent checks or a decoder thread that never end. This class ends the task first.

    Args:
        servers: ICE servers. An empty sequence uses none, where aiortc would use a public one.
        loopback_only: Whether to offer the loopback addresses only (127.0.0.1 and ::1), which aioice
            otherwise leaves out. A service on this machine is reachable on them without any network
            interface, and its media stays on the machine.
    """

    def __init__(self, servers: Sequence[IceServer], *, loopback_only: bool) -> None:
        super().__init__(
            RTCConfiguration(
                iceServers=[
                    RTCIceServer(
                        urls=list(server.urls), username=server.username, credential=server.credential
                    )
                    for server in servers
                ]
            )
        )
        self._loopback_only = loopback_only
        self._connecting = TaskOwner(self._connect_failed)
        self._closing: asyncio.Task[None] | None = None
        self._connect: Callable[[], Coroutine[Any, Any, None]] = getattr(self, _CONNECT)
        setattr(self, _CONNECT, self._connect_owned)

    async def setLocalDescription(  # noqa: N802 - aiortc's name
        self,
        sessionDescription: RTCSessionDescription | None = None,  # noqa: N803 - aiortc's name
    ) -> None:
        """Gather candidates, with `loopback_only` on loopback only."""
        for transport in self._ice_transports():
            connection = _connection_of(transport)
            _adapt_gathering(connection, loopback_only=self._loopback_only)
            _expect_further_candidates(connection)
        await super().setLocalDescription(sessionDescription)

    async def setRemoteDescription(  # noqa: N802 - aiortc's name
        self,
        sessionDescription: RTCSessionDescription,  # noqa: N803 - aiortc's name
    ) -> None:
        """Apply the other side's description, if it keeps the limits; see `usable_description`."""
        usable = usable_description(sessionDescription.sdp)
        await super().setRemoteDescription(RTCSessionDescription(sdp=usable, type=sessionDescription.type))

    def select_video(self) -> RTCRtpReceiver | None:
        """Return the receiver of the first video track; nothing is received for any other track.

        Call it after `setRemoteDescription`, and before the answer is created: an answer declares the other
        tracks inactive. None means that the other side sends no video.
        """
        video = None
        for transceiver in self.getTransceivers():
            receiver = transceiver.receiver
            if video is None and transceiver.kind == "video" and receiver.track is not None:
                video = receiver
            else:
                receive_nothing(receiver)
                transceiver.direction = "inactive"
        return video

    async def close(self) -> None:
        """Close within a few seconds, and end every task and thread."""
        # aiortc also calls this method, in its own task, when the other side has closed. Closing runs once;
        # it restarts only when its task was cancelled, as when a program cancels all tasks of the loop.
        while True:
            if self._closing is None or self._closing.cancelled():
                self._closing = asyncio.get_running_loop().create_task(self._close(), name="odyssey-close")
            await asyncio.wait({self._closing})
            if not self._closing.cancelled():
                break
        self._closing.result()

    async def _close(self) -> None:
        await self._connecting.close()
        await self._stop_checks()
        closing = asyncio.get_running_loop().create_task(super().close())
        await asyncio.wait({closing}, timeout=_CLOSE_TIMEOUT_S)
        if closing.done() and not closing.cancelled() and closing.exception() is None:
            return
        # A task that aiortc waits for was cancelled, as happens when a loop ends.
        logger.debug("Closing the transports one by one")
        closing.cancel()
        endings = {closing}
        for transport in self._ice_transports():
            connection = _connection_of(transport)
            for protocol in connection._protocols:  # noqa: SLF001
                protocol.transport.close()
            # One task each, so that a cancelled wait inside does not look like a cancellation of the caller.
            endings.add(asyncio.get_running_loop().create_task(connection.close()))
        await asyncio.wait(endings)
        for ending in endings:
            if not ending.cancelled() and ending.exception() is not None:
                logger.debug("Closing a transport failed (%s)", type(ending.exception()).__name__)

    async def _connect_owned(self) -> None:
        if self._closing is not None:
            return
        task = self._connecting.spawn(self._connect(), "odyssey-peer-connect")
        await asyncio.wait({task})

    async def _stop_checks(self) -> None:
        # aioice before 0.11 cancels the checks only in the connecting task, which has just been cancelled.
        checks = {
            pair.task
            for transport in self._ice_transports()
            for pair in _connection_of(transport)._check_list  # noqa: SLF001
            if pair.task is not None
        }
        for check in checks:
            check.cancel()
        if checks:
            await asyncio.wait(checks)

    def _connect_failed(self, error: Exception) -> None:
        logger.warning("Cannot connect the peer (%s)", type(error).__name__, exc_info=error)
        self.emit("connectfailed", error)

    def _ice_transports(self) -> set[RTCIceTransport]:
        transports = [transceiver.receiver.transport for transceiver in self.getTransceivers()]
        if self.sctp is not None:
            transports.append(self.sctp.transport)
        # The channels of an offer that aiortc refused halfway have no transport.
        return {transport.transport for transport in transports if transport is not None}


def _connection_of(transport: RTCIceTransport) -> Any:
    return transport.iceGatherer._connection  # noqa: SLF001 - aiortc has no public accessor


def _adapt_gathering(connection: Any, *, loopback_only: bool) -> None:
    """Protect gathering from cancellation, restrict it to loopback if requested, and bound leaving a relay.

    When gathering is cancelled, aioice loses track of pending requests to STUN and TURN servers; when it runs
    to its end, aioice ends them after some seconds. The deletion of an allocation is retried for a minute.
    """
    gather = connection.get_component_candidates

    async def gather_uninterrupted(component: int, addresses: list[str], timeout: int = 5) -> list[Any]:
        # An address that the machine does not have, such as ::1 without IPv6, is left out by aioice.
        chosen = list(LOOPBACK_ADDRESSES) if loopback_only else addresses
        try:
            found: list[Any] = await uninterrupted(gather(component, chosen, timeout))
        finally:
            for protocol in connection._protocols:  # noqa: SLF001
                relay = getattr(protocol.transport, _RELAY, None)
                if relay is not None:
                    relay.delete = functools.partial(_delete_allocation, relay, relay.delete)
        return found

    connection.get_component_candidates = gather_uninterrupted


def _expect_further_candidates(connection: Any) -> None:
    """Keep aioice 0.10, the newest for Python 3.10, from failing while further candidates can arrive.

    It fails when the checks of the candidates so far have failed. Later versions wait for the end of the
    candidates, if the peer announces one.
    """
    if hasattr(connection, "_remote_candidates_expected"):
        return
    complete = connection.check_complete

    def check_complete(pair: CandidatePair) -> None:
        failed = all(one.state is CandidatePair.State.FAILED for one in connection._check_list)  # noqa: SLF001
        if failed and not connection._remote_candidates_end:  # noqa: SLF001
            pair.task = None
        else:
            complete(pair)

    connection.check_complete = check_complete


def _close_cancelled_allocations() -> None:
    """Patch aioice 0.10, the newest for Python 3.10: it leaves the socket of a cancelled allocation open."""
    connect = TurnTransport._connect  # noqa: SLF001

    async def connect_or_close(self: Any, protocol: asyncio.DatagramProtocol) -> None:
        try:
            await connect(self, protocol)
        except asyncio.CancelledError:
            getattr(self, _RELAY).transport.close()
            raise

    TurnTransport._connect = connect_or_close  # type: ignore[method-assign]  # noqa: SLF001


_close_cancelled_allocations()


async def _delete_allocation(relay: Any, delete: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await within(_RELAY_TIMEOUT_S, delete())
    except asyncio.TimeoutError:
        logger.debug("The relay does not answer; the allocation will expire")
    finally:
        relay.transport.close()
