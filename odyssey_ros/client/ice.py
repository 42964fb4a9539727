"""Parsers of ICE servers and candidates."""

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
"""Used only when the ICE configuration is not available and the service is not on loopback."""


def parse_ice_servers(config: JsonObject) -> tuple[IceServer, ...]:
    """Parse the `iceServers` of a configuration. An invalid server is logged and left out.

    Raises:
        MalformedError: `iceServers` is not a list.
    """
    servers = []
    for item in config.items("iceServers"):
        try:
            servers.append(_parse_server(JsonObject.of(item)))
        except MalformedError as error:  # noqa: PERF203 - one invalid server must not affect the others
            logger.warning("Ignoring an ICE server of the configuration: %s", error)
    return tuple(servers)


def parse_candidate(
    attribute: str, sdp_mid: str | None, sdp_mline_index: int | None
) -> RTCIceCandidate | None:
    """Parse a candidate attribute, with or without its `candidate:` prefix; return None when invalid."""
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
        raise MalformedError("it has no valid STUN or TURN URL")
    return IceServer(usable, server.optional_text("username"), server.optional_text("credential"))
