"""Ways for media: ICE servers as the service names them, candidates, and media on loopback."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiortc import RTCConfiguration, RTCIceServer
from aiortc.sdp import candidate_from_sdp

from odyssey_ros.client.json_object import JsonObject, MalformedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiortc import RTCIceCandidate, RTCPeerConnection

logger = logging.getLogger(__name__)

_SERVER_URL = re.compile(r"(stuns?:[^?:/@]+(:\d{1,5})?|turns?:[^?:/@]+(:\d{1,5})?(\?transport=(udp|tcp))?)")


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server. The credential is a secret."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


PUBLIC_STUN = (IceServer(("stun:stun.l.google.com:19302",)),)
"""Used only when the service cannot be asked and is not on loopback."""


def parse_ice_servers(config: JsonObject) -> tuple[IceServer, ...]:
    """Read the `iceServers` of a configuration. A server that cannot be used is left out and logged.

    Raises:
        MalformedError: `iceServers` is no list.
    """
    servers = []
    for item in config.items("iceServers"):
        try:
            servers.append(_parse_server(JsonObject.of(item)))
        except MalformedError as error:  # noqa: PERF203 - one bad server must not cost the others
            logger.warning("Leaving out an ICE server: %s", error)
    return tuple(servers)


def configuration(servers: Sequence[IceServer]) -> RTCConfiguration:
    """What aiortc is to be told. With no servers it asks none, instead of its default."""
    return RTCConfiguration(
        iceServers=[
            RTCIceServer(urls=list(server.urls), username=server.username, credential=server.credential)
            for server in servers
        ]
    )


def parse_candidate(
    attribute: str, sdp_mid: str | None, sdp_mline_index: int | None
) -> RTCIceCandidate | None:
    """Read a candidate attribute, with or without its `candidate:` prefix; None when it cannot be used."""
    try:
        candidate = candidate_from_sdp(attribute.removeprefix("candidate:"))
    except (ValueError, IndexError, AssertionError):
        return None
    if sdp_mid is None and sdp_mline_index is None:
        sdp_mline_index = 0
    candidate.sdpMid = sdp_mid
    candidate.sdpMLineIndex = sdp_mline_index
    return candidate


def keep_media_on_loopback(peer: RTCPeerConnection) -> None:
    """Let a peer offer 127.0.0.1 as its only address.

    aioice leaves loopback out of its host candidates. A service on this machine is reached over loopback,
    also where there is no other interface, and its media has no reason to show on any other. Call when the
    transports exist and candidates are not yet gathered.
    """
    transports = [transceiver.receiver.transport for transceiver in peer.getTransceivers()]
    if peer.sctp is not None:
        transports.append(peer.sctp.transport)
    for gatherer in {transport.transport.iceGatherer for transport in transports}:
        _gather_on_loopback(gatherer._connection)  # noqa: SLF001 - aiortc has no public way


def _gather_on_loopback(connection: Any) -> None:
    gather = connection.get_component_candidates

    async def on_loopback(component: int, addresses: list[str], timeout: int = 5) -> list[Any]:
        del addresses
        candidates: list[Any] = await gather(component=component, addresses=["127.0.0.1"], timeout=timeout)
        return candidates

    connection.get_component_candidates = on_loopback


def _parse_server(server: JsonObject) -> IceServer:
    urls = server.get("urls")
    listed: list[object] = [urls] if isinstance(urls, str) else server.items("urls")
    usable = tuple(url for url in listed if isinstance(url, str) and _SERVER_URL.fullmatch(url))
    if not usable:
        raise MalformedError("it has no URL that can be used")
    return IceServer(usable, server.optional_text("username"), server.optional_text("credential"))
