"""Addresses of the service: which are well-formed, and which may receive a secret.

An address comes from a user (`api_url`) or from an answer of the service (the signaling server, a redirect).
Both are checked here before anything connects, so that no malformed address reaches a library.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConnectionError
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.loopback import is_loopback_host, parsed_address

if TYPE_CHECKING:
    from collections.abc import Collection

    from odyssey_ros.client.errors import OdysseyError

logger = logging.getLogger(__name__)

MAX_ADDRESS_LENGTH: Final = 8192
"""Characters of an address; a presigned one has about 2000."""

_ENCRYPTED: Final = {"http": False, "ws": False, "https": True, "wss": True}
# RFC 1123 and RFC 1035; names of containers also have underscores.
_HOST_NAME: Final = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)
_NUMERIC_NAME: Final = re.compile(r"(.*\.)?(\d+|0x[0-9a-f]*)\.?", re.IGNORECASE)
_ZONE: Final = re.compile(r"[\w.~-]{0,64}", re.ASCII)
_MAX_WARNED: Final = 100
_warned: set[str] = set()


@dataclass(frozen=True, slots=True)
class ServiceAddress:
    """A well-formed address without user and fragment.

    Attributes:
        scheme: `http`, `https`, `ws` or `wss`.
        host: Host name or address literal, without brackets.
        netloc: Host and port as in the address.
        path: Path; may be empty.
        query: Query without the question mark; may be a secret.
    """

    scheme: str
    host: str
    netloc: str
    path: str
    query: str

    @property
    def is_encrypted(self) -> bool:
        """Return whether a connection to the address uses TLS."""
        return _ENCRYPTED[self.scheme]

    @property
    def origin(self) -> str:
        """The scheme, host and port in one form for all notations, as in `https://example.org:443`."""
        host = self.host.lower()
        port = urlsplit(f"//{self.netloc}").port or (443 if self.is_encrypted else 80)
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def is_loopback(self) -> bool:
        """Return whether the host name or address literal means this machine; no name is resolved."""
        return is_loopback_host(self.host)


def parse_address(text: str, schemes: Collection[str] = ("http", "https")) -> ServiceAddress:
    """Parse an absolute address with a host and, optionally, a port, path and query.

    A user, a fragment, white space, control characters, a port outside 1 to 65535, and a host that no
    resolver accepts (a label of more than 63 characters, an abbreviated IPv4 address) are malformed. An
    international host name must be in its `xn--` form.

    Raises:
        MalformedError: The address is malformed. The text does not contain it.
    """
    malformed = MalformedError("the address is malformed")
    if len(text) > MAX_ADDRESS_LENGTH or not text.isascii() or not text.isprintable() or " " in text:
        raise malformed
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        httpx.URL(text)
    except (ValueError, httpx.InvalidURL):
        raise malformed from None
    if parts.scheme not in schemes or port == 0 or "@" in parts.netloc or parts.fragment:
        raise malformed
    if not _is_valid_host(host):
        raise malformed
    return ServiceAddress(parts.scheme, host, parts.netloc, parts.path, parts.query)


def require_encryption(
    address: ServiceAddress,
    what: str,
    *,
    allow_insecure: bool,
    error: type[OdysseyError] = OdysseyConnectionError,
) -> None:
    """Refuse an http or ws address off loopback, since a secret would be sent in clear text.

    Args:
        address: The address.
        what: Name of the address, as in "The signaling server".
        allow_insecure: Whether the address is allowed; a warning is logged once for each host.
        error: Class of the error. An answer of the service is a connection error, which is retried; an
            argument of the user is an argument error.

    Raises:
        OdysseyError: The address is refused, with code `INSECURE_ADDRESS`.
    """
    if address.is_encrypted or address.is_loopback:
        return
    if not allow_insecure:
        raise error(
            f"{what} has the address {address.scheme}://{address.netloc}, which is not encrypted and would "
            "receive a secret in clear text: use https or wss, or set allow_insecure if you trust every "
            "machine on the way",
            code=ErrorCode.INSECURE_ADDRESS,
        )
    if address.netloc not in _warned and len(_warned) < _MAX_WARNED:
        _warned.add(address.netloc)
        logger.warning(
            "INSECURE: %s (%s://%s) is not encrypted. Anyone on the way can read the keys and tokens that "
            "are sent to it, because allow_insecure is set",
            what,
            address.scheme,
            address.netloc,
        )


def require_reachable(address: ServiceAddress, what: str, *, named_by_loopback: bool) -> None:
    """Refuse an address that a remote service must not name: this machine, or a link-local or multicast one.

    A remote service could otherwise choose services of this machine and of its link as targets of requests.

    Args:
        address: An address from an answer.
        what: Name of the address.
        named_by_loopback: Whether the service that names the address is itself on this machine.

    Raises:
        MalformedError: The address is refused.
    """
    if named_by_loopback:
        return
    literal = parsed_address(address.host)
    local = literal is not None and (literal.is_link_local or literal.is_multicast)
    if local or address.is_loopback:
        raise MalformedError(f"{what} must not be on this machine or its link")


def _is_valid_host(host: str) -> bool:
    name, percent, zone = host.partition("%")
    literal = parsed_address(name)
    if literal is not None:
        return not percent or (":" in name and _ZONE.fullmatch(zone) is not None)
    # Resolvers read a name that ends with a number as an IPv4 address: 127.1 and 2130706433 are 127.0.0.1.
    return not percent and _HOST_NAME.fullmatch(host) is not None and _NUMERIC_NAME.fullmatch(host) is None
