"""Sessions: the claim of a client on a streamer, from the request to the end of the connection."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from odyssey_ros.emulator.faults.schedule import SessionMoments

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.emulator.accounts import AccountBook
    from odyssey_ros.emulator.config import Account
    from odyssey_ros.emulator.limits import UsageError
    from odyssey_ros.emulator.session_status import StreamerStatus

SessionState = Literal["provisioned", "connecting", "connected", "ended"]


class SessionStreamer(Protocol):
    """The part of a streamer that a session exposes to others."""

    def status(self) -> StreamerStatus:
        """Return a snapshot of the streamer."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the service ends a connection.

    Attributes:
        code: close code of the signaling socket.
        reason: close reason of the signaling socket.
        error: reason of an `error` message that is sent first; None to send no such message.
        abort: reset the TCP connection instead of closing the socket.
    """

    code: int = 1000
    reason: str = ""
    error: str | None = None
    abort: bool = False


class SessionRefusedError(Exception):
    """A limit forbids another session.

    Attributes:
        usage: the limit and its figures.
    """

    def __init__(self, usage: UsageError) -> None:
        super().__init__(usage.code)
        self.usage = usage


class NoStreamerError(Exception):
    """Every streamer is busy; the client may ask again later."""


class Session:
    """One session.

    Attributes:
        session_id: id of the session.
        account: the owner.
        region: where the session was placed.
        claimed_until: monotonic time until which a client may connect.
        state: `provisioned` until the socket opens, and again when the socket is lost before the peers have
            connected.
        moments: when the events of the open connection happened, for faults.
        base_url: the HTTP base URL under which the client reaches the service.
        streamer: serves the open connection; None without a connection.
        ending: result set by `end` and awaited by the signaling handler; None before the first connection.
    """

    def __init__(self, account: Account, region: str, claimed_until: float) -> None:
        self.session_id = str(uuid.uuid4())
        self.account = account
        self.region = region
        self.claimed_until = claimed_until
        self.state: SessionState = "provisioned"
        self.moments = SessionMoments(self.session_id, 0.0)
        self.base_url = ""
        self.streamer: SessionStreamer | None = None
        self.ending: asyncio.Future[Ending] | None = None
        self._vacant = asyncio.Event()
        self._vacant.set()

    def open_connection(self, now: float, base_url: str) -> asyncio.Future[Ending]:
        """Record that the signaling socket has opened.

        Args:
            now: monotonic time.
            base_url: the HTTP base URL under which the client reaches the service.

        Returns:
            A future that is set when the service ends the connection.
        """
        self.state = "connecting"
        self._vacant.clear()
        self.base_url = base_url
        self.moments = SessionMoments(self.session_id, now)
        self.ending = asyncio.get_running_loop().create_future()
        return self.ending

    def end(self, ending: Ending) -> None:
        """Make the signaling handler end the connection; only the first call has an effect."""
        if self.ending is not None and not self.ending.done():
            self.ending.set_result(ending)

    def close_connection(self) -> None:
        """Record that the connection is closed."""
        self.streamer = None
        self._vacant.set()

    async def wait_closed(self) -> None:
        """Wait until the session has no connection."""
        await self._vacant.wait()

    async def take_over(self) -> bool:
        """Make room for a new connection; return whether there is room.

        A client that lost its socket before the peers connected tries again, possibly before the service has
        noticed the loss. In that case the new connection replaces the old one.
        """
        if self.state == "connecting":
            self.end(Ending(1008, "replaced by another socket"))
            await self.wait_closed()
        return self.state == "provisioned"


class SessionRegistry:
    """All sessions of the service.

    Args:
        accounts: checks limits.
        regions: region names.
        streamers: the number of sessions that can be served at once; None for no bound.
        claim_seconds: how long a session waits for a client to connect.
        monotonic: the clock, in seconds.
    """

    def __init__(
        self,
        *,
        accounts: AccountBook,
        regions: tuple[str, ...],
        streamers: int | None,
        claim_seconds: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._accounts = accounts
        self._regions = regions
        self._streamers = streamers
        self._claim_seconds = claim_seconds
        self._monotonic = monotonic
        self._sessions: dict[str, Session] = {}

    def request(self, account: Account, latencies: dict[str, int]) -> Session:
        """Provision a session.

        Args:
            account: the requester.
            latencies: milliseconds by region, as the client measured them; may be empty.

        Raises:
            SessionRefusedError: a limit forbids it.
            NoStreamerError: every streamer is busy.
        """
        live = self.live()
        refusal = self._accounts.refusal(account, sum(s.account is account for s in live))
        if refusal is not None:
            raise SessionRefusedError(refusal)
        if self._streamers is not None and len(live) >= self._streamers:
            raise NoStreamerError
        region = min(self._regions, key=lambda name: latencies.get(name, 9999))
        session = Session(account, region, self._monotonic() + self._claim_seconds)
        self._sessions[session.session_id] = session
        return session

    def live(self) -> list[Session]:
        """Return the sessions that are provisioned or open, oldest first."""
        now = self._monotonic()
        for session in list(self._sessions.values()):
            if session.state == "provisioned" and now >= session.claimed_until:
                self.remove(session)
        return list(self._sessions.values())

    def find(self, session_id: str) -> Session | None:
        """Return the live session with this id, or None."""
        return next((session for session in self.live() if session.session_id == session_id), None)

    def remove(self, session: Session) -> None:
        """Remove a session that has ended."""
        session.state = "ended"
        self._sessions.pop(session.session_id, None)

    def release(self, session: Session) -> None:
        """Record that the signaling socket has closed.

        The session ends, unless the peers never connected; then the client may open another socket.
        """
        if session.state == "connecting":
            session.state = "provisioned"
        else:
            self.remove(session)
        session.close_connection()
