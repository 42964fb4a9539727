"""An aiortc peer connection that keeps to loopback when told to, and whose close leaves nothing behind.

All that this client must know of aiortc's insides is in this module.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

from odyssey_ros.client.tasks import TaskOwner, uninterrupted, within

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from aiortc import RTCIceTransport, RTCSessionDescription

    from odyssey_ros.client.ice import IceServer

logger = logging.getLogger(__name__)

_CLOSE_TIMEOUT_S = 3.0
_RELAY_TIMEOUT_S = 1.0
# The mangled names of aiortc's private method and of the TURN client behind a relayed candidate.
_CONNECT = "_RTCPeerConnection__connect"
_RELAY = "_TurnTransport__inner_protocol"


class PeerConnection(RTCPeerConnection):
    """A peer connection that owns what it starts.

    aiortc connects in a task that nobody keeps: when a connection is closed meanwhile, the task goes on and
    starts consent checks, or a decoder thread, that nothing ends. Here the task is ended first.

    Args:
        servers: ICE servers; with none, none is asked, where aiortc would ask a public one.
        loopback_only: Whether 127.0.0.1 is the only address to offer. aioice leaves loopback out. A service
            on this machine is reached over it, also where there is no other interface, and its media has no
            reason to show on any other.
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
        """Gather candidates, on loopback only where that is asked for."""
        for transport in self._ice_transports():
            _own_gathering(_connection_of(transport), loopback_only=self._loopback_only)
        await super().setLocalDescription(sessionDescription)

    async def close(self) -> None:
        """Close, in a few seconds at most, and end every task and thread."""
        # aiortc too calls this, in a task of its own, when the other side has closed. Once is enough, and is
        # begun again only where somebody cancelled every task of the loop meanwhile.
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
        # Something that aiortc waits for has been cancelled, as happens when a loop ends.
        logger.debug("Closing the transports one by one")
        closing.cancel()
        endings = {closing}
        for transport in self._ice_transports():
            connection = _connection_of(transport)
            for protocol in connection._protocols:  # noqa: SLF001
                protocol.transport.close()
            # A task each: a cancelled wait inside must not pass for a cancellation of the caller.
            endings.add(asyncio.get_running_loop().create_task(connection.close()))
        await asyncio.wait(endings)
        for ending in endings:
            if not ending.cancelled() and ending.exception() is not None:
                logger.debug("Closing failed (%s)", type(ending.exception()).__name__)

    async def _connect_owned(self) -> None:
        task = self._connecting.spawn(self._connect(), "odyssey-peer-connect")
        await asyncio.wait({task})

    async def _stop_checks(self) -> None:
        # aioice before 0.11 leaves this to the connecting that has just been cancelled.
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
        logger.warning("Connecting the peer failed (%s)", type(error).__name__, exc_info=error)
        self.emit("connectfailed", error)

    def _ice_transports(self) -> set[RTCIceTransport]:
        transports = [transceiver.receiver.transport for transceiver in self.getTransceivers()]
        if self.sctp is not None:
            transports.append(self.sctp.transport)
        return {transport.transport for transport in transports}


def _connection_of(transport: RTCIceTransport) -> Any:
    return transport.iceGatherer._connection  # noqa: SLF001 - aiortc has no public way to it


def _own_gathering(connection: Any, *, loopback_only: bool) -> None:
    """Let gathering leave no task behind, and let a relay that is gone be left in time.

    aioice forgets the requests to STUN and TURN servers that are under way when gathering is cancelled; left
    alone, it ends them itself after some seconds. And it asks a relay for a minute to end the allocation.
    """
    gather = connection.get_component_candidates

    async def owned(component: int, addresses: list[str], timeout: int = 5) -> list[Any]:
        chosen = ["127.0.0.1"] if loopback_only else addresses
        try:
            found: list[Any] = await uninterrupted(gather(component, chosen, timeout))
        finally:
            for protocol in connection._protocols:  # noqa: SLF001
                relay = getattr(protocol.transport, _RELAY, None)
                if relay is not None:
                    relay.delete = functools.partial(_leave, relay, relay.delete)
        return found

    connection.get_component_candidates = owned


async def _leave(relay: Any, delete: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await within(_RELAY_TIMEOUT_S, delete())
    except asyncio.TimeoutError:
        logger.debug("The relay does not answer: the allocation is left to expire")
    finally:
        relay.transport.close()
