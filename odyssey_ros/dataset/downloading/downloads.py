"""Downloads from presigned URLs.

A download continues after a killed process, renews an expired URL, verifies checksums, and is bounded in
size, by the free space of the disk, and by the lowest rate of the server.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import copy
import functools
import hashlib
import re
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.downloading.disk_space import DISK_SPACE, DiskSpace
from odyssey_ros.dataset.downloading.download_pace import (
    LOWEST_RATE,
    Arrivals,
    LowestRate,
    SlowDownloadError,
    keep_rate,
)
from odyssey_ros.dataset.downloading.partial_file import PartialFile, Version, sync
from odyssey_ros.dataset.downloading.presigned_requests import download_client, request_file
from odyssey_ros.dataset.errors import EpisodeError, disk_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import httpx

    from odyssey_ros.dataset.retry_policy import RetryPolicy

__all__ = ["MAX_BYTES", "Downloader", "Fetched", "download_client", "opened"]

MAX_BYTES: Final = 16 * 1024**3
"""Maximum size of a file."""

_BLOCK: Final = 1 << 17
_BLOCKS_PER_CHECK: Final = 128
_PROGRESS: Final = 1 << 16
_MAX_VALIDATOR: Final = 1024
_EXPIRED: Final = frozenset((401, 403, 404, 410))
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_CONTENT_LENGTH: Final = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A downloaded file.

    Attributes:
        path: The file.
        size: Size in bytes.
        sha256: SHA-256, hexadecimal.
        has_length: Whether the server announced the length, so that a file that was cut off is noticed.
    """

    path: Path
    size: int
    sha256: str
    has_length: bool = True


class Downloader:
    """Downloads files. Use it on one event loop; any number of `fetch` may run at once, for different files.

    Args:
        client: Makes the requests; see `download_client`.
        retry_policy: Retries of transient failures. An attempt that received 64 KiB restarts the retries,
            unless it ended because the server is too slow.
        max_bytes: Maximum size of a file.
        allow_insecure: Whether http is allowed off loopback.
        service_is_local: Whether the service that names the URLs is on this machine; see `request_file`.
        disk: Keeps space free on the disk.
        lowest_rate: Slower attempts are ended and repeated.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        retry_policy: RetryPolicy,
        *,
        max_bytes: int = MAX_BYTES,
        allow_insecure: bool = False,
        service_is_local: bool = True,
        disk: DiskSpace = DISK_SPACE,
        lowest_rate: LowestRate = LOWEST_RATE,
    ) -> None:
        self._retry_policy = retry_policy
        self._max_bytes = max_bytes
        self._request_file = functools.partial(
            request_file, client, allow_insecure=allow_insecure, service_is_local=service_is_local
        )
        self._disk = disk
        self._lowest_rate = lowest_rate

    def limited_to(self, max_bytes: int) -> Downloader:
        """Return the same downloader with another maximum size of a file."""
        limited = copy.copy(self)
        limited._max_bytes = max_bytes  # noqa: SLF001 - of the same class
        return limited

    async def fetch(
        self,
        url: str,
        renew: Callable[[], Awaitable[str]],
        path: Path,
        *,
        max_bytes: int | None = None,
        codings: Collection[str] = (),
        on_bytes: Callable[[int, int | None], None] = lambda _done, _total: None,
    ) -> Fetched:
        """Download a file, unless it exists already.

        Args:
            url: URL of the file.
            renew: Returns a new URL when the current one has expired.
            path: Path of the file. The file has this name only when it is complete; until then its name is
                `<name>.partial`.
            max_bytes: Maximum size of this file, at most that of the downloader; None for that one.
            codings: Content codings in which the server may send the file although none is asked for. The
                file is stored as it was sent, so that sizes, checksums and ETags fit; the caller decodes it.
            on_bytes: Called with the number of bytes received, and the total, or None when it is unknown.

        Raises:
            EpisodeError: The file is not available, has a wrong size or checksum, or does not fit on the
                disk.
        """
        limit = self._max_bytes if max_bytes is None else min(max_bytes, self._max_bytes)
        try:
            if not await asyncio.to_thread(path.exists):
                await self._fetch_new(url, renew, PartialFile(path), limit, frozenset(codings), on_bytes)
            return await asyncio.to_thread(_describe, path)
        except OSError as error:
            raise disk_error(error, path.name) from error

    async def _fetch_new(
        self,
        url: str,
        renew: Callable[[], Awaitable[str]],
        partial: PartialFile,
        max_bytes: int,
        codings: frozenset[str],
        on_bytes: Callable[[int, int | None], None],
    ) -> None:
        waits = self._retry_policy.waits()
        while True:
            before = partial.size()
            arrivals = Arrivals()
            attempt = _Attempt(partial, max_bytes, codings, self._disk, arrivals, on_bytes)
            slow = False
            try:
                await keep_rate(attempt.run(self._request_file, url), arrivals, self._lowest_rate)
            except _ExpiredError as error:
                failure: EpisodeError = error
                url = await renew()
            except _ChangedError as error:
                failure = error
                await asyncio.to_thread(partial.discard)
            except EpisodeError as error:
                if not error.retryable:
                    raise
                failure, slow = error, isinstance(error, SlowDownloadError)
            else:
                await asyncio.to_thread(partial.complete, has_length=attempt.has_length)
                return
            if partial.size() - before >= _PROGRESS and not slow:
                waits = self._retry_policy.waits()
            wait_s = next(waits, None)
            if wait_s is None:
                raise failure
            self._retry_policy.on_retry(
                f"{partial.path.name}: {failure.message}; trying again in {wait_s:.0f} s"
            )
            await self._retry_policy.sleep(wait_s)


class _Attempt:
    """One request of a file, or of the rest of it.

    Attributes:
        has_length: Whether the response announced its length.
    """

    def __init__(
        self,
        partial: PartialFile,
        max_bytes: int,
        codings: frozenset[str],
        disk: DiskSpace,
        arrivals: Arrivals,
        on_bytes: Callable[[int, int | None], None],
    ) -> None:
        self._partial = partial
        self._max_bytes = max_bytes
        self._codings = codings
        self.has_length = True
        self._disk = disk
        self._arrivals = arrivals
        self._on_bytes = on_bytes

    async def run(
        self,
        request: Callable[[str, Mapping[str, str]], AbstractAsyncContextManager[httpx.Response]],
        url: str,
    ) -> None:
        """Receive the file; its bytes are on the disk at the end."""
        known = self._partial.version()
        start = self._partial.size() if known.etag else 0
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": known.etag}
        async with request(url, headers) as response:
            start, version = self._checked(response, start, known)
            await self._receive(response, start, version)

    def _checked(self, response: httpx.Response, start: int, known: Version) -> tuple[int, Version]:
        """Return the offset of the first byte of the response, and the version of the file."""
        status = response.status_code
        if status in _EXPIRED:
            raise _ExpiredError(f"the URL has expired or is refused (status {status})")
        if status == 416:
            # The partial file is longer than the server's file, so the server's file has changed.
            raise _ChangedError
        if status not in {200, 206}:
            passing = status == 429 or status >= 500
            raise EpisodeError(
                ErrorCode.DOWNLOAD_FAILED, f"the server responded with status {status}", retryable=passing
            )
        self._check_codings(response.headers.get("content-encoding", ""))
        total: int | None = None
        if status == 206:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if match is None or int(match[1]) != start:
                raise _ChangedError
            total = None if match[3] == "*" else int(match[3])
        else:
            start = 0
            length = response.headers.get("content-length", "")
            total = int(length) if _CONTENT_LENGTH.fullmatch(length) else None
        etag = _validator(response.headers, "etag")
        version = Version(
            "" if etag.startswith("W/") else etag, _validator(response.headers, "last-modified"), total
        )
        if start and not version.may_be(known):
            raise _ChangedError
        if total is not None and total > self._max_bytes:
            raise _too_large(total)
        chunked = "chunked" in response.headers.get("transfer-encoding", "").lower()
        self.has_length = total is not None or chunked
        return start, version

    def _check_codings(self, header: str) -> None:
        names = {name.strip().lower() for name in header.split(",")} - {"", "identity"}
        if not names <= self._codings:
            raise EpisodeError(
                ErrorCode.INVALID_RESPONSE,
                f"the server sends the file compressed ({header.strip()[:40]!r}), although that is not "
                f"accepted: store the file uncompressed{' or with gzip' if self._codings else ''}",
            )

    async def _receive(self, response: httpx.Response, start: int, version: Version) -> None:
        total = version.total
        try:
            await self._check_disk(0 if total is None else max(0, total - start))
            async with opened(functools.partial(self._partial.open, start, version)) as file:
                size = await self._write(response, file, start, total)
                self._arrivals.complete = True
                await asyncio.to_thread(sync, file)
        except EpisodeError as error:
            if error.code is ErrorCode.WRONG_SIZE or (
                error.code is ErrorCode.DISK_FULL and not self._partial.version().etag
            ):
                await asyncio.to_thread(self._partial.discard)  # it is never continued
            raise
        if total is not None and size != total:
            raise EpisodeError(
                ErrorCode.WRONG_SIZE, f"only {size} of {total} bytes were received", retryable=True
            )
        wanted = _announced_digests(response.headers)
        if wanted and not await asyncio.to_thread(self._matches, wanted):
            await asyncio.to_thread(self._partial.discard)
            raise EpisodeError(
                ErrorCode.WRONG_CHECKSUM,
                "the file does not match the server's checksum",
                retryable=True,
            )

    async def _write(self, response: httpx.Response, file: BinaryIO, start: int, total: int | None) -> int:
        size, blocks = start, 0
        waiting = bytearray()
        try:
            async for part in response.aiter_raw():
                size += len(part)
                if size > self._max_bytes:
                    raise _too_large(size)
                self._arrivals.received += len(part)
                waiting += part
                if len(waiting) >= _BLOCK:
                    block = bytes(waiting)
                    waiting.clear()
                    await asyncio.to_thread(file.write, block)
                    blocks += 1
                    if blocks % _BLOCKS_PER_CHECK == 0:
                        await self._check_disk(0)
                self._on_bytes(size, total)
        finally:
            # Less than a block: what has arrived of a broken or slow download is continued later.
            file.write(waiting)
        return size

    async def _check_disk(self, needed: int) -> None:
        path = self._partial.path
        await asyncio.to_thread(self._disk.check, path.parent, needed, path.name)

    def _matches(self, wanted: Mapping[str, bytes]) -> bool:
        for name, digest in wanted.items():
            with self._partial.read() as file:
                if _digest(file, name).digest() != digest:
                    return False
        return True


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


def _validator(headers: httpx.Headers, name: str) -> str:
    """Return a header that identifies a version; empty when it cannot be sent back and stored."""
    value = headers.get(name, "")
    return value if value.isascii() and value.isprintable() and len(value) <= _MAX_VALIDATOR else ""


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
    with path.open("rb") as file:
        size, digest = path.stat().st_size, _digest(file, "sha256").hexdigest()
    return Fetched(path, size, digest, PartialFile(path).has_length())


def _digest(file: BinaryIO, name: str) -> hashlib._Hash:
    digest = hashlib.new(name, usedforsecurity=False)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest


def _too_large(size: int) -> EpisodeError:
    return EpisodeError(ErrorCode.WRONG_SIZE, f"the file is too large: it has {size} bytes or more")
