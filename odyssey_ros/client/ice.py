"""Ways for media: ICE servers and candidates, as the service names them."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiortc.sdp import candidate_from_sdp

from odyssey_ros.client.json_object import JsonObject, MalformedError

if TYPE_CHECKING:
    from aiortc import RTCIceCandidate

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


def _parse_server(server: JsonObject) -> IceServer:
    urls = server.get("urls")
    listed: list[object] = [urls] if isinstance(urls, str) else server.items("urls")
    usable = tuple(url for url in listed if isinstance(url, str) and _SERVER_URL.fullmatch(url))
    if not usable:
        raise MalformedError("it has no URL that can be used")
    return IceServer(usable, server.optional_text("username"), server.optional_text("credential"))
