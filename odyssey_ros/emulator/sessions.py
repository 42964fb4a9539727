"""Sessions: who holds a streamer, from the request to the end of the connection."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from odyssey_ros.emulator.faults.fault_registry import SessionMoments

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.emulator.accounts import AccountBook
    from odyssey_ros.emulator.config import Account
    from odyssey_ros.emulator.limits import UsageError
    from odyssey_ros.emulator.streamer import Streamer

SessionState = Literal["provisioned", "connecting", "connected", "ended"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the service ends a session.

    Attributes:
        code: close code of the signaling socket.
        reason: close reason of the signaling socket.
        error: reason of an `error` message sent before, or None for none.
        abort: drop the TCP connection without a word.
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
    """Every streamer is busy; the client asks again."""


class Session:
    """One session.

    Attributes:
        session_id: names it.
        account: whose it is.
        region: where it was placed.
        claimed_until: monotonic time until which somebody may connect to it.
        state: `provisioned` until the socket opens, and again when it is lost before the peers met.
        moments: when what happened to the open connection, for faults.
        base_url: how the client reaches the service over HTTP.
        streamer: serves the open connection.
        ending: set by `end`; the signaling handler obeys it.
    """

    def __init__(self, account: Account, region: str, claimed_until: float) -> None:
        self.session_id = str(uuid.uuid4())
        self.account = account
        self.region = region
        self.claimed_until = claimed_until
        self.state: SessionState = "provisioned"
        self.moments = SessionMoments(self.session_id, 0.0)
        self.base_url = ""
        self.streamer: Streamer | None = None
        self.ending: asyncio.Future[Ending] | None = None
        self._vacant = asyncio.Event()
        self._vacant.set()

    def open_connection(self, now: float, base_url: str) -> asyncio.Future[Ending]:
        """The socket was opened.

        Args:
            now: monotonic time.
            base_url: how the client reaches the service over HTTP.

        Returns:
            The future that tells how the service ends the connection.
        """
        self.state = "connecting"
        self._vacant.clear()
        self.base_url = base_url
        self.moments = SessionMoments(self.session_id, now)
        self.ending = asyncio.get_running_loop().create_future()
        return self.ending

    def end(self, ending: Ending) -> None:
        """Have the signaling handler end the connection; only the first call counts."""
        if self.ending is not None and not self.ending.done():
            self.ending.set_result(ending)

    def vacate(self) -> None:
        """The connection is over."""
        self.streamer = None
        self._vacant.set()

    async def take_over(self) -> bool:
        """Make room for a new connection; whether there is room.

        A client that lost its socket before the peers met tries again, maybe before the service has noticed
        the loss. Its old connection gives way to the new one.
        """
        if self.state == "connecting":
            self.end(Ending(1008, "replaced by another socket"))
            await self._vacant.wait()
        return self.state == "provisioned"


class SessionRegistry:
    """All sessions of the service.

    Args:
        accounts: checks limits.
        regions: region names.
        streamers: how many sessions can be served at once; None for no bound.
        claim_seconds: how long a session waits for somebody to connect.
        monotonic: seconds.
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
            account: who asks.
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
        """The sessions that are provisioned or open, oldest first."""
        now = self._monotonic()
        for session in list(self._sessions.values()):
            if session.state == "provisioned" and now >= session.claimed_until:
                self.remove(session)
        return list(self._sessions.values())

    def find(self, session_id: str) -> Session | None:
        """The live session of that id."""
        return next((session for session in self.live() if session.session_id == session_id), None)

    def remove(self, session: Session) -> None:
        """The session is over."""
        session.state = "ended"
        self._sessions.pop(session.session_id, None)

    def release(self, session: Session) -> None:
        """The socket closed: over, unless the peers never met; then the client may try again."""
        if session.state == "connecting":
            session.state = "provisioned"
        else:
            self.remove(session)
        session.vacate()
