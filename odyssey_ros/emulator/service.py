"""The running service: its parts put together, its start and its end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

from aiohttp import web

from .accounts import AccountBook
from .config import EmulatorConfig
from .http_service import HttpService
from .sessions import Ending, SessionRegistry
from .signaling import SignalingServer
from .tokens import TokenAuthority

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_CLOSE_SECONDS = 3.0


class Emulator:
    """A local Odyssey service, as an async context manager.

    Belongs to one event loop; rendering and encoding happen on threads of their own.

    Example:
        async with Emulator(EmulatorConfig(fps=30)) as emulator:
            connect_to(emulator.url)

    Args:
        config: settings.
        now: seconds since the epoch.
        monotonic: seconds on a clock that never goes back.
    """

    def __init__(
        self,
        config: EmulatorConfig | None = None,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config or EmulatorConfig()
        self.counters: Counter[str] = Counter()
        self._tokens = TokenAuthority(now)
        self._accounts = AccountBook(self.config.accounts, self.config.limits, now)
        self.sessions = SessionRegistry(
            accounts=self._accounts,
            regions=self.config.regions,
            streamers=self.config.streamers,
            claim_seconds=self.config.limits.session_token_seconds,
            monotonic=monotonic,
        )
        signaling = SignalingServer(self.config, self._accounts, self.counters, monotonic)
        self._http = HttpService(
            config=self.config,
            tokens=self._tokens,
            accounts=self._accounts,
            sessions=self.sessions,
            signaling=signaling,
            counters=self.counters,
        )
        self._runner: web.AppRunner | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Base URL of the service, for `api_url` or `ODYSSEY_API_URL`.

        Raises:
            RuntimeError: the service does not run.
        """
        if self._url is None:
            raise RuntimeError("the emulator is not running")
        return self._url

    async def start(self) -> None:
        """Bind the port and serve.

        Raises:
            OSError: the address cannot be bound.
        """
        runner = web.AppRunner(self._http.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.config.host, self.config.port)
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        port = runner.addresses[0][1]
        host = self.config.host
        if host in {"0.0.0.0", "::"}:
            host = "127.0.0.1"
        self._url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def close(self) -> None:
        """End every connection, tell the clients, and free the port; takes less than 5 seconds."""
        if self._runner is None:
            return
        runner, self._runner, self._url = self._runner, None, None
        for session in self.sessions.live():
            session.end(Ending(1001, "the service is shutting down"))
        deadline = asyncio.get_running_loop().time() + _CLOSE_SECONDS
        while any(s.streamer is not None for s in self.sessions.live()):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(0.01)
        await runner.cleanup()

    async def __aenter__(self) -> Emulator:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
