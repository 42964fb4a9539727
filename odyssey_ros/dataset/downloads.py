"""Downloads from presigned URLs.

A download continues after a killed process, renews an expired URL, verifies checksums and is bounded in size.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import functools
import hashlib
import os
import re
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit

import httpx

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConfigurationError, OdysseyError
from odyssey_ros.client.http_transport import EnvironmentTransport
from odyssey_ros.dataset.durable import sync_folder
from odyssey_ros.dataset.errors import EpisodeError, disk_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from odyssey_ros.dataset.retry_policy import RetryPolicy

_BLOCK: Final = 1 << 17
_EXPIRED: Final = frozenset((401, 403, 404, 410))
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

# Files are large and few. The time limit applies to each read, not to the whole download.
_TIMEOUT: Final = httpx.Timeout(30.0, pool=None)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A downloaded file.

    Attributes:
        path: The file.
        size: Size in bytes.
        sha256: SHA-256, hexadecimal.
    """

    path: Path
    size: int
    sha256: str


def download_client() -> httpx.AsyncClient:
    """Return a client for presigned URLs, with the proxies and certificates of the environment."""
    return httpx.AsyncClient(
        transport=EnvironmentTransport(), timeout=_TIMEOUT, follow_redirects=True, trust_env=False
    )


class Downloader:
    """Downloads files. Use it on one event loop; any number of `fetch` may run at once, for different files.

    Args:
        client: Makes the requests.
        retry_policy: Retries of transient failures. An attempt that received any bytes restarts the retries.
        max_bytes: Maximum size of a file.
    """

    def __init__(
        self, client: httpx.AsyncClient, retry_policy: RetryPolicy, *, max_bytes: int = 16 * 1024**3
    ) -> None:
        self._client = client
        self._retry_policy = retry_policy
        self._max_bytes = max_bytes

    async def fetch(
        self,
        url: str,
        renew: Callable[[], Awaitable[str]],
        path: Path,
        *,
        on_bytes: Callable[[int, int | None], None] = lambda _done, _total: None,
    ) -> Fetched:
        """Download a file, unless it exists already.

        Args:
            url: URL of the file.
            renew: Returns a new URL when the current one has expired.
            path: Path of the file. The file has this name only when it is complete; until then its name is
                `<name>.partial`.
            on_bytes: Called with the number of bytes received, and the total, or None when it is unknown.

        Raises:
            EpisodeError: The file is not available, has a wrong size or checksum, or does not fit on the
                disk.
        """
        try:
            if not await asyncio.to_thread(path.exists):
                await self._fetch_new(url, renew, path, on_bytes)
            return await asyncio.to_thread(_describe, path)
        except OSError as error:
            raise disk_error(error, path.name) from error

    async def _fetch_new(
        self,
        url: str,
        renew: Callable[[], Awaitable[str]],
        path: Path,
        on_bytes: Callable[[int, int | None], None],
    ) -> None:
        partial = _Partial(path)
        waits = self._retry_policy.waits()
        while True:
            before = partial.size()
            try:
                await self._attempt(url, partial, on_bytes)
            except _ExpiredError as error:
                failure: EpisodeError = error
                url = await renew()
            except _ChangedError as error:
                failure = error
                await asyncio.to_thread(partial.discard)
            except EpisodeError as error:
                if not error.retryable:
                    raise
                failure = error
            else:
                await asyncio.to_thread(partial.complete)
                return
            if partial.size() > before:
                waits = self._retry_policy.waits()
            wait_s = next(waits, None)
            if wait_s is None:
                raise failure
            self._retry_policy.on_retry(f"{path.name}: {failure.message}; trying again in {wait_s:.0f} s")
            await self._retry_policy.sleep(wait_s)

    async def _attempt(
        self, url: str, partial: _Partial, on_bytes: Callable[[int, int | None], None]
    ) -> None:
        validator = partial.validator()
        start = partial.size() if validator else 0
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        try:
            async with self._client.stream("GET", url, headers=headers) as response:
                start, total = self._checked(response, start)
                await self._receive(response, partial, start, total, on_bytes)
        except OdysseyConfigurationError as error:
            raise EpisodeError(error.code, str(error)) from error
        except OdysseyError as error:
            raise _failed(str(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failed(f"{_host(url)}: {type(error).__name__}") from error

    def _checked(self, response: httpx.Response, start: int) -> tuple[int, int | None]:
        """Return the offset of the first byte of the response, and the size of the whole file."""
        status = response.status_code
        if status in _EXPIRED:
            raise _ExpiredError(f"the URL has expired or is refused (status {status})")
        if status == 416:
            # The partial file is longer than the server's file, so the server's file has changed.
            raise _ChangedError
        if status == 206:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if match is None or int(match[1]) != start:
                raise _ChangedError
            total = None if match[3] == "*" else int(match[3])
        elif status == 200:
            start = 0
            length = response.headers.get("content-length", "")
            total = int(length) if length.isdigit() else None
        else:
            passing = status == 429 or status >= 500
            raise EpisodeError(
                ErrorCode.DOWNLOAD_FAILED, f"the server responded with status {status}", retryable=passing
            )
        if total is not None and total > self._max_bytes:
            raise _too_large(total)
        return start, total

    async def _receive(
        self,
        response: httpx.Response,
        partial: _Partial,
        start: int,
        total: int | None,
        on_bytes: Callable[[int, int | None], None],
    ) -> None:
        size = start
        async with opened(functools.partial(partial.open, start, response.headers.get("etag", ""))) as file:
            async for block in response.aiter_raw(_BLOCK):
                size += len(block)
                if size > self._max_bytes:
                    raise _too_large(size)
                await asyncio.to_thread(file.write, block)
                on_bytes(size, total)
            await asyncio.to_thread(_sync, file)
        if total is not None and size != total:
            raise EpisodeError(
                ErrorCode.WRONG_SIZE, f"only {size} of {total} bytes were received", retryable=True
            )
        wanted = _announced_digests(response.headers)
        if wanted and not await asyncio.to_thread(partial.matches, wanted):
            await asyncio.to_thread(partial.discard)
            raise EpisodeError(
                ErrorCode.WRONG_CHECKSUM,
                "the file does not match the server's checksum",
                retryable=True,
            )


@contextlib.asynccontextmanager
async def opened(open_file: Callable[[], BinaryIO]) -> AsyncIterator[BinaryIO]:
    """Open a file on a thread. The file is always closed, even if the caller is cancelled during opening."""
    opening: Future[BinaryIO] = Future()

    def run() -> None:
        try:
            opening.set_result(open_file())
        except OSError as error:
            opening.set_exception(error)

    try:
        await asyncio.to_thread(run)
        yield opening.result()
    finally:
        opening.add_done_callback(_close)


def _close(opening: Future[BinaryIO]) -> None:
    if opening.exception() is None:
        opening.result().close()


class _ExpiredError(EpisodeError):
    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.DOWNLOAD_FAILED, message, retryable=True)


class _ChangedError(EpisodeError):
    def __init__(self) -> None:
        super().__init__(ErrorCode.DOWNLOAD_FAILED, "the server's file has changed", retryable=True)


class _Partial:
    """An incomplete file, and the ETag that a continued download must match."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._etag = path.with_name(f"{path.name}.etag")

    def size(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    def validator(self) -> str:
        """Return the strong ETag of the partial file; empty when the download cannot be continued."""
        return self._etag.read_text(encoding="latin-1") if self._etag.exists() else ""

    def open(self, start: int, etag: str) -> BinaryIO:
        if start:
            return self._partial.open("ab")
        self.discard()
        if etag and not etag.startswith("W/"):
            self._etag.write_text(etag, encoding="latin-1")
        return self._partial.open("xb")

    def matches(self, wanted: Mapping[str, bytes]) -> bool:
        return all(_digest(self._partial, name).digest() == digest for name, digest in wanted.items())

    def discard(self) -> None:
        self._etag.unlink(missing_ok=True)
        self._partial.unlink(missing_ok=True)

    def complete(self) -> None:
        self._partial.replace(self._path)
        self._etag.unlink(missing_ok=True)
        sync_folder(self._path.parent)


def _announced_digests(headers: httpx.Headers) -> dict[str, bytes]:
    """Return the digests of the whole file from the headers of storage services (S3, and RFC 9530)."""
    texts = {"sha256": headers.get("x-amz-checksum-sha256", "")}
    for item in headers.get("repr-digest", "").split(","):
        name, _, value = item.strip().partition("=")
        if name == "sha-256" and value.startswith(":") and value.endswith(":"):
            texts["sha256"] = value[1:-1]
    if "content-range" not in headers:
        texts["md5"] = headers.get("content-md5", "")
    found: dict[str, bytes] = {}
    for name, text in texts.items():
        try:
            digest = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(digest) == hashlib.new(name, usedforsecurity=False).digest_size:
            found[name] = digest
    return found


def _describe(path: Path) -> Fetched:
    return Fetched(path, path.stat().st_size, _digest(path, "sha256").hexdigest())


def _digest(path: Path, name: str) -> hashlib._Hash:
    digest = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _too_large(size: int) -> EpisodeError:
    return EpisodeError(ErrorCode.WRONG_SIZE, f"the file is too large: it has {size} bytes or more")


def _failed(reason: str) -> EpisodeError:
    return EpisodeError(ErrorCode.DOWNLOAD_FAILED, reason, retryable=True)


def _host(url: str) -> str:
    """Return the host of a URL. The rest of a presigned URL is a secret."""
    try:
        return urlsplit(url).hostname or "the server"
    except ValueError:
        return "the server"
