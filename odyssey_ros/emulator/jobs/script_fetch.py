"""Fetches the script of a simulation job from its `script_url`."""

from __future__ import annotations

import asyncio
import json

import aiohttp

from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.jobs.scripts import Script, parse_script

__all__ = ["ScriptFetchError", "fetch_script"]

_FETCH_SECONDS = 15.0
_MAX_FETCH_BYTES = 48 * 1024 * 1024
_CHUNK_BYTES = 65536


class ScriptFetchError(Exception):
    """The script cannot be fetched or is invalid; the text is for the user and does not contain the URL."""


async def fetch_script(url: str, timeout: float = _FETCH_SECONDS) -> Script:
    """Fetch and check a script.

    The errors leave out the URL, because a URL may contain a secret and every reader of the job gets the
    error.

    Args:
        url: an http or https URL.
        timeout: seconds for the whole request.

    Raises:
        ScriptFetchError: the request fails, takes too long, or its answer is too large or no valid script.
    """
    try:
        limit = aiohttp.ClientTimeout(total=timeout)
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as response:
            if response.status != 200:
                raise ScriptFetchError(f"The script could not be fetched: HTTP {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                content += chunk
                if len(content) > _MAX_FETCH_BYTES:
                    raise ScriptFetchError("The script could not be fetched: it is too large")
    except asyncio.TimeoutError:
        raise ScriptFetchError("The script could not be fetched in time") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise ScriptFetchError(f"The script could not be fetched: {type(error).__name__}") from None
    try:
        return parse_script(json.loads(bytes(content)))
    except InvalidFieldError as error:
        raise ScriptFetchError(f"The script is not valid: {error}") from None
    except (ValueError, RecursionError):
        raise ScriptFetchError("The script is not valid: it is not valid JSON") from None
