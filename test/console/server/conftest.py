"""Servers of files, and consoles that forward them."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from forwarding_console import SECRET, FileStorage, forwarding_console
from hostile_service import HostileService, Request
from served_application import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from forwarding_console import ForwardingConsole


@pytest.fixture
async def start_console(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Callable[..., Any]]:
    """Starts consoles, which log no secret: `await start_console(addresses, private_origins)`."""
    caplog.set_level(logging.INFO)
    async with contextlib.AsyncExitStack() as stack:

        async def start(addresses: list[str], private_origins: Collection[str] = ()) -> ForwardingConsole:
            return await stack.enter_async_context(forwarding_console(addresses, private_origins))

        yield start
    assert SECRET not in caplog.text


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[FileStorage]:
    """A server of a file of 1 MiB."""
    one = FileStorage(tmp_path / "video.mp4")
    one.path.write_bytes(bytes(range(256)) * 4096)
    application = web.Application()
    application.router.add_get("/file", one.serve)
    async with served(application) as one.url:
        yield one


@pytest.fixture
def hostile() -> Iterator[Callable[..., HostileService]]:
    """Starts servers that answer with raw bytes."""
    with contextlib.ExitStack() as stack:

        def start(answer: Callable[[Request], Iterable[bytes]]) -> HostileService:
            return stack.enter_context(HostileService(answer).running())

        yield start
