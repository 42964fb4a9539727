"""The service: creates its parts, starts them and closes them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from odyssey_ros.emulator.accounts import AccountBook
from odyssey_ros.emulator.broadcast import BroadcastRegistry
from odyssey_ros.emulator.config import EmulatorConfig
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.http.http_service import HttpService
from odyssey_ros.emulator.jobs.armed_faults import ArmedJobFaults
from odyssey_ros.emulator.jobs.job_service import JobService
from odyssey_ros.emulator.media.recordings import RecordingStore
from odyssey_ros.emulator.service_context import ServiceContext
from odyssey_ros.emulator.sessions import Ending, SessionRegistry
from odyssey_ros.emulator.tokens import TokenAuthority
from odyssey_ros.web.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_KEEPALIVE_SECONDS = 75.0
"""Longest time of a connection without a request."""

_CLOSE_SECONDS = 3.0
"""Longest wait for the ends of the connections."""


class Emulator:
    """A local Odyssey service, as an async context manager.

    Belongs to one event loop; rendering and encoding run on separate threads and processes.

    Example:
        async with Emulator(EmulatorConfig(fps=30)) as emulator:
            connect_to(emulator.url)

    Args:
        config: the settings; None for the default settings.
        now: the wall clock, in seconds since the epoch.
        monotonic: a clock that never goes back, in seconds.
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
        self.faults = FaultRegistry(monotonic)
        self._now = now
        self._monotonic = monotonic
        self._accounts = AccountBook(self.config.accounts, self.config.limits, now)
        self.sessions = SessionRegistry(
            accounts=self._accounts,
            regions=self.config.regions,
            streamers=self.config.streamers,
            claim_seconds=self.config.limits.session_token_seconds,
            monotonic=monotonic,
        )
        self._temporary_directory: tempfile.TemporaryDirectory[str] | None = None
        self._connections = Connections()
        self._runner: web.AppRunner | None = None
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Base URL of the service, for `api_url` or `ODYSSEY_API_URL`.

        Raises:
            RuntimeError: the service is not running.
        """
        if self._url is None:
            raise RuntimeError("the emulator is not running")
        return self._url

    async def start(self) -> None:
        """Bind the port and serve.

        Raises:
            OSError: the address cannot be bound, or the data directory cannot be used.
        """
        for fault, schedule in self.config.faults:
            self.faults.arm(fault, schedule)
        http = HttpService(await self._make_context(), self.sessions)
        runner = web.AppRunner(
            http.application(self._connections.middleware()),
            access_log=None,
            shutdown_timeout=1.0,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            auto_decompress=False,
        )
        await runner.setup()
        self._runner = runner
        try:
            if runner.server is not None:
                await self._connections.listen(runner.server, self.config.host, self.config.port)
        except OSError:
            await self.close()
            raise
        await self._jobs.start()
        port = self._connections.port
        host = self.config.host
        if host == "::" and not socket.has_dualstack_ipv6():
            host = "::1"
        elif host in {"0.0.0.0", "::"}:
            host = "127.0.0.1"
        self._url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def _make_context(self) -> ServiceContext:
        directory = self._data_directory()
        megabytes = self.config.limits.recording_megabytes
        recordings = await asyncio.to_thread(
            RecordingStore,
            directory / "recordings",
            max_bytes=None if megabytes is None else round(megabytes * 1e6),
        )
        self._jobs = self._open_jobs(directory / "jobs", recordings)
        return ServiceContext(
            config=self.config,
            tokens=TokenAuthority(self._now),
            accounts=self._accounts,
            recordings=recordings,
            jobs=self._jobs,
            broadcasts=BroadcastRegistry(self.config.ice_servers, self.config.media_addresses),
            faults=self.faults,
            counters=self.counters,
            now=self._now,
            monotonic=self._monotonic,
        )

    def _open_jobs(self, directory: Path, recordings: RecordingStore) -> JobService:
        return JobService(
            directory,
            recordings,
            fps=self.config.fps,
            bitrate=self.config.bitrate,
            workers=self.config.render_workers,
            region=self.config.regions[0],
            queue_limit=self.config.limits.queued_jobs,
            max_image_bytes=self.config.limits.image_bytes,
            allow_private_urls=self.config.allow_private_script_urls,
            faults=ArmedJobFaults(self.faults),
            now=lambda: datetime.fromtimestamp(self._now(), timezone.utc),
        )

    def _data_directory(self) -> Path:
        if self.config.data_dir is not None:
            return self.config.data_dir
        if self._temporary_directory is None:
            self._temporary_directory = tempfile.TemporaryDirectory(prefix="odyssey-emulator-")
        return Path(self._temporary_directory.name)

    async def close(self) -> None:
        """Close every connection and free the port; the clients get close code 1001; takes less than 5 s."""
        if self._runner is None:
            return
        runner, self._runner, self._url = self._runner, None, None
        await self._connections.close()
        sessions = self.sessions.live()
        for session in sessions:
            session.end(Ending(1001, "the service is shutting down"))
        with contextlib.suppress(asyncio.TimeoutError):
            closed = asyncio.gather(*(session.wait_closed() for session in sessions))
            await asyncio.wait_for(closed, _CLOSE_SECONDS)
        await asyncio.gather(runner.cleanup(), self._jobs.close())
        if self._temporary_directory is not None:
            await asyncio.to_thread(self._temporary_directory.cleanup)
            self._temporary_directory = None

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
