"""Fetches the script of a simulation job from its `script_url`.

Whoever may submit a job chooses the URL, so a fetch is bounded in time and size, and connects to public
addresses only. All failures of the network have one text: whether a port is open is not told.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import socket
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.jobs.scripts import Script, parse_script
from odyssey_ros.public_address import is_public

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

__all__ = ["ScriptFetchError", "fetch_script"]

logger = logging.getLogger(__name__)

_FETCH_SECONDS = 15.0
_MAX_FETCH_BYTES = 48 * 1024 * 1024
_MAX_REDIRECTS = 5
_CHUNK_BYTES = 65536

_UNAVAILABLE = "The script could not be fetched from its script_url; the log of the emulator has the reason"
_PRIVATE = (
    "The script_url leads to an address that is not public; "
    "an emulator that is started with --allow-private-script-urls fetches it"
)


class ScriptFetchError(Exception):
    """The script cannot be fetched or is invalid; the text is for the user and does not contain the URL."""


class _PrivateAddressError(Exception):
    """An address is not public."""


async def fetch_script(url: str, timeout: float = _FETCH_SECONDS, *, allow_private: bool = False) -> Script:
    """Fetch and check a script.

    The errors leave out the URL, because a URL may contain a secret and every reader of the job gets the
    error.

    Args:
        url: an http or https URL.
        timeout: seconds for everything, redirects included.
        allow_private: whether the URL and its redirects may lead to addresses that are not public.

    Raises:
        ScriptFetchError: the request fails, takes too long, or its answer is too large or no valid script.
    """
    try:
        content = await asyncio.wait_for(_fetch(URL(url), allow_private=allow_private), timeout)
    except _PrivateAddressError:
        raise ScriptFetchError(_PRIVATE) from None
    except asyncio.TimeoutError:
        raise _unavailable(f"it takes longer than {timeout:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _unavailable(type(error).__name__) from None
    return await asyncio.to_thread(_parse, content)


async def _fetch(url: URL, *, allow_private: bool) -> bytes:
    connector = aiohttp.TCPConnector(
        resolver=_Resolver(allow_private=allow_private), use_dns_cache=False, force_close=True
    )
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        for _ in range(1 + _MAX_REDIRECTS):
            _check_url(url, allow_private=allow_private)
            async with session.get(url, allow_redirects=False) as response:
                if response.status not in {301, 302, 303, 307, 308}:
                    return await _content(response)
                target = url.join(URL(response.headers.get("Location", "")))
            if url.scheme == "https" and target.scheme != "https":
                raise _unavailable("it is redirected from https to another scheme")
            url = target
    raise _unavailable("it is redirected too often")


async def _content(response: aiohttp.ClientResponse) -> bytes:
    if response.status != 200:
        raise _unavailable(f"HTTP {response.status}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _unavailable("the answer is encoded")
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        content += chunk
        if len(content) > _MAX_FETCH_BYTES:
            raise ScriptFetchError("The script could not be fetched: it is too large")
    return bytes(content)


def _parse(content: bytes) -> Script:
    try:
        return parse_script(json.loads(content))
    except InvalidFieldError as error:
        raise ScriptFetchError(f"The script is not valid: {error}") from None
    except (ValueError, RecursionError):
        raise ScriptFetchError("The script is not valid: it is not valid JSON") from None


def _unavailable(reason: str) -> ScriptFetchError:
    logger.warning("The script of a simulation job cannot be fetched: %s", reason)
    return ScriptFetchError(_UNAVAILABLE)


def _check_url(url: URL, *, allow_private: bool) -> None:
    """Check the scheme, and an address in the place of the host, which is not resolved."""
    if url.scheme not in {"http", "https"} or not url.host:
        raise _unavailable("its URL, or that of a redirect, is not http or https")
    try:
        ipaddress.ip_address(url.host)
    except ValueError:
        return
    if not allow_private and not is_public(url.host):
        raise _PrivateAddressError


class _Resolver(AbstractResolver):
    """Resolves a name. The connection goes to exactly the addresses that were checked here."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not self._allow_private and not all(is_public(result["host"]) for result in found):
            raise _PrivateAddressError
        return found

    async def close(self) -> None:
        await self._resolver.close()
