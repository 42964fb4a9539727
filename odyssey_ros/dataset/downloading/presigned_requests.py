"""Requests of presigned URLs. Redirects are followed, but not to less protected or private places.

A presigned URL is a secret, and a server that redirects chooses where this machine connects to.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final

import httpx

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConfigurationError, OdysseyError
from odyssey_ros.client.http_transport import EnvironmentTransport
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.loopback import parsed_address
from odyssey_ros.client.proxies import ProxySettings
from odyssey_ros.client.service_address import parse_address, require_encryption, require_reachable
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.public_address import is_public

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from odyssey_ros.client.service_address import ServiceAddress

MAX_REDIRECTS: Final = 5

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))

# Files are large and few. The time limit applies to each read, not to the whole download.
_TIMEOUT: Final = httpx.Timeout(30.0, pool=None)


class PrivateAddressError(EpisodeError):
    """A file is at an address of this machine or of its network, which may not be named.

    Args:
        address: The address.
        redirected: Whether a public server redirects to it.

    Attributes:
        origin: The origin of the address, which is no secret.
    """

    def __init__(self, address: ServiceAddress, *, redirected: bool) -> None:
        what = "a public server redirects to" if redirected else "the file is at"
        super().__init__(ErrorCode.INVALID_RESPONSE, f"{what} the private address of {address.host}")
        self.origin = address.origin


def download_client() -> httpx.AsyncClient:
    """Return a client for presigned URLs, with the proxies and certificates of the environment.

    The client keeps no cookies.
    """
    return httpx.AsyncClient(
        transport=EnvironmentTransport(),
        timeout=_TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )


@asynccontextmanager
async def request_file(
    client: httpx.AsyncClient,
    url: str,
    headers: Mapping[str, str],
    *,
    allow_insecure: bool = False,
    service_is_local: bool = True,
    private_origins: Collection[str] | None = None,
) -> AsyncIterator[httpx.Response]:
    """Request a file; the body is not read yet.

    At most `MAX_REDIRECTS` redirects are followed: never from https to http, and never from a public address
    to a private one, such as an address of this machine or of its network. Only a service on this machine may
    name an address of this machine.

    `private_origins` is for URLs whose source is not trusted: then each address has to be public, or its
    origin has to be one of these. `service_is_local` has no effect then.

    Args:
        client: Made by `download_client`.
        url: The URL; a secret.
        headers: Headers of the requests.
        allow_insecure: Whether http is allowed off loopback.
        service_is_local: Whether the service that names the URL is on this machine.
        private_origins: The private addresses that may be named, as `ServiceAddress.origin`; None allows
            them as `service_is_local` says.

    Raises:
        PrivateAddressError: An address is private, and not one of `private_origins`.
        EpisodeError: The request failed, or an address is refused. The text contains no URL.
    """
    address = _parsed(url)
    from_public = False
    try:
        for _ in range(1 + MAX_REDIRECTS):
            must_be_public = from_public
            if private_origins is not None:
                must_be_public = address.origin not in private_origins
            else:
                require_reachable(address, "The file", named_by_loopback=service_is_local)
            if must_be_public and not await _is_public_target(address):
                raise PrivateAddressError(address, redirected=from_public)
            require_encryption(address, "The file", allow_insecure=allow_insecure)
            async with client.stream("GET", url, headers=headers) as response:
                public = _is_public_peer(response, address)
                if must_be_public and not public:
                    raise PrivateAddressError(
                        address, redirected=from_public
                    )  # the name had another address before
                if response.status_code not in _REDIRECTS:
                    yield response
                    return
                url = _target(response)
            target = _parsed(url)
            if address.is_encrypted and not target.is_encrypted:
                raise EpisodeError(
                    ErrorCode.INSECURE_ADDRESS,
                    f"{address.host} redirects from https to http, which is not followed",
                )
            address, from_public = target, public
    except MalformedError as error:
        raise EpisodeError(ErrorCode.INVALID_RESPONSE, str(error)) from error
    except OdysseyConfigurationError as error:
        raise EpisodeError(error.code, str(error)) from error
    except OdysseyError as error:
        if error.code is ErrorCode.INSECURE_ADDRESS:
            raise EpisodeError(error.code, str(error)) from error
        raise _failed(str(error)) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _failed(f"{address.host}: {type(error).__name__}") from error
    raise EpisodeError(
        ErrorCode.INVALID_RESPONSE,
        f"the server redirects more than {MAX_REDIRECTS} times, at last to {address.host}",
    )


def _parsed(url: str) -> ServiceAddress:
    try:
        return parse_address(url)
    except MalformedError as error:
        raise _failed("the URL of the file is malformed") from error


def _target(response: httpx.Response) -> str:
    try:
        return str(response.request.url.join(response.headers["location"]).copy_with(fragment=None))
    except (KeyError, httpx.InvalidURL, ValueError) as error:
        raise EpisodeError(
            ErrorCode.INVALID_RESPONSE, f"the server redirects to nowhere (status {response.status_code})"
        ) from error


async def _is_public_target(address: ServiceAddress) -> bool:
    """Return whether all addresses of a host are public; a proxy resolves names by itself."""
    if address.is_loopback:
        return False
    if parsed_address(address.host) is not None:
        return is_public(address.host)
    if _has_proxy(address):
        return True
    try:
        found = await asyncio.get_running_loop().getaddrinfo(address.host, None, type=socket.SOCK_STREAM)
    except OSError:
        return True  # the request will report it
    return all(is_public(str(entry[4][0])) for entry in found)


def _is_public_peer(response: httpx.Response, address: ServiceAddress) -> bool:
    """Return whether the address to which the request went is public."""
    stream = response.extensions.get("network_stream")
    peer = None if stream is None or _has_proxy(address) else stream.get_extra_info("server_addr")
    if isinstance(peer, tuple):
        return is_public(str(peer[0]))
    return not address.is_loopback and (parsed_address(address.host) is None or is_public(address.host))


def _has_proxy(address: ServiceAddress) -> bool:
    return ProxySettings().proxy_for(f"{address.scheme}://{address.netloc}/") is not None


def _failed(reason: str) -> EpisodeError:
    return EpisodeError(ErrorCode.DOWNLOAD_FAILED, reason, retryable=True)
