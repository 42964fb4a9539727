"""Parsers of ICE servers and candidates."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiortc.sdp import candidate_from_sdp

from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.loopback import parsed_address
from odyssey_ros.client.service_address import parse_address

if TYPE_CHECKING:
    from aiortc import RTCIceCandidate

logger = logging.getLogger(__name__)

# RFC 7064 and RFC 7065; aiortc reads no address literals of IPv6.
_SERVER_URL = re.compile(r"(?:stuns?:[^?:/@]+(:\d{1,5})?|turns?:[^?:/@]+(:\d{1,5})?(\?transport=(udp|tcp))?)")
_MAX_SERVERS = 16
_CANDIDATE_TYPES = frozenset({"host", "srflx", "prflx", "relay"})
_LOCAL_NAME = re.compile(r"[\w-]{1,63}\.local", re.ASCII)
_MAX_CANDIDATE_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server. The credential is a secret."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


PUBLIC_STUN = (IceServer(("stun:stun.l.google.com:19302",)),)
"""Used only when the ICE configuration is not available and the service is not on loopback."""


def parse_ice_servers(config: JsonObject) -> tuple[IceServer, ...]:
    """Parse the `iceServers` of a configuration. Invalid servers, and those after 16, are left out.

    Raises:
        MalformedError: `iceServers` is not a list.
    """
    servers = []
    for item in config.items("iceServers")[:_MAX_SERVERS]:
        try:
            servers.append(_parse_server(JsonObject.of(item)))
        except MalformedError as error:  # noqa: PERF203 - one invalid server must not affect the others
            logger.warning("Ignoring an ICE server of the configuration: %s", error)
    return tuple(servers)


def parse_candidate(
    attribute: str, sdp_mid: str | None, sdp_mline_index: int | None
) -> RTCIceCandidate | None:
    """Parse a candidate attribute, with or without its `candidate:` prefix; return None when invalid.

    aioice fails in a task of its own on a port that does not exist or a host that is no address, so these are
    invalid too. A host is an address literal or a name of multicast DNS.
    """
    try:
        if len(attribute) > _MAX_CANDIDATE_LENGTH:
            return None
        candidate = candidate_from_sdp(attribute.removeprefix("candidate:"))
    except (ValueError, IndexError, AssertionError):
        return None
    host_is_valid = parsed_address(candidate.ip) is not None or _LOCAL_NAME.fullmatch(candidate.ip)
    if not host_is_valid or not 0 < candidate.port < 65536 or candidate.type not in _CANDIDATE_TYPES:
        return None
    if not 1 <= candidate.component <= 256 or not 0 <= candidate.priority < 2**32:
        return None
    if sdp_mid is None and sdp_mline_index is None:
        sdp_mline_index = 0
    candidate.sdpMid = sdp_mid
    candidate.sdpMLineIndex = sdp_mline_index
    return candidate


def _parse_server(server: JsonObject) -> IceServer:
    urls = server.get("urls")
    listed: list[object] = [urls] if isinstance(urls, str) else server.items("urls")
    usable = tuple(url for url in listed[:_MAX_SERVERS] if isinstance(url, str) and _is_usable(url))
    if not usable:
        raise MalformedError("it has no valid STUN or TURN URL")
    return IceServer(usable, server.optional_text("username"), server.optional_text("credential"))


def _is_usable(url: str) -> bool:
    """Return whether the URL of a server has a form that aiortc reads, with a valid host and port."""
    if _SERVER_URL.fullmatch(url) is None:
        return False
    try:
        # The same rules as for other addresses: a port that exists, a host that a resolver accepts.
        parse_address(f"https://{url.partition(':')[2].partition('?')[0]}")
    except MalformedError:
        return False
    return True
