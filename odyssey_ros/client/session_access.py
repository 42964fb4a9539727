"""Where sessions come from: requested with an API key, or minted by somebody who has one."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import (
    NoStreamerError,
    OdysseyArgumentError,
    OdysseyConnectionError,
    OdysseyNotFoundError,
)
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.signaling import SignalingEndpoint
from odyssey_ros.client.types import ClientCredentials, StreamerCapabilities

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.client.config import AdvancedConfig
    from odyssey_ros.client.http_api import HttpApi
    from odyssey_ros.client.regions import RegionLatencies
    from odyssey_ros.client.responses import SessionGrant, SessionToken

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SessionAccess:
    """All that it takes to open a session's socket.

    Attributes:
        session_id: The session.
        endpoint: Where its signaling is.
        token: What opens the socket; a secret.
        capabilities: What its streamer can do.
        is_new: Whether it was provisioned for this attempt, so that another one is no remedy when it is
            refused.
    """

    session_id: str
    endpoint: SignalingEndpoint
    token: str = field(repr=False)
    capabilities: StreamerCapabilities
    is_new: bool


class SessionSource(Protocol):
    """Gives sessions to connect to.

    Attributes:
        authenticates: Whether it asks the service, with a key.
        has_others: Whether it can give another session when one is over.
    """

    authenticates: bool
    has_others: bool

    async def acquire(self, previous: SessionAccess | None) -> SessionAccess:
        """Give a session: the previous one with a fresh token while the service knows it, else a new one."""
        ...


class RequestedSessions:
    """Sessions requested with an API key; waits in the queue for a streamer.

    Args:
        api: The HTTP API.
        regions: Latencies, measured at the first request.
        config: Timeouts.
        on_waiting: Called with a text for people while all streamers are busy.
        sleep: Waits some seconds.
        clock: Seconds, monotonic.
        uniform: Draws a number between two.
    """

    authenticates = True
    has_others = True

    def __init__(
        self,
        api: HttpApi,
        regions: RegionLatencies,
        config: AdvancedConfig,
        *,
        on_waiting: Callable[[str], None],
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
        uniform: Callable[[float, float], float],
    ) -> None:
        self._api = api
        self._regions = regions
        self._config = config
        self._on_waiting = on_waiting
        self._sleep = sleep
        self._clock = clock
        self._uniform = uniform

    async def acquire(self, previous: SessionAccess | None) -> SessionAccess:
        """See `SessionSource`."""
        if previous is not None:
            try:
                token = await self._api.session_token(previous.session_id)
            except OdysseyNotFoundError:
                logger.info("The service no longer knows the session; asking for a new one")
            else:
                return SessionAccess(
                    previous.session_id, previous.endpoint, token.token, previous.capabilities, is_new=False
                )
        grant = await self._request()
        token = await self._token_of(grant)
        return SessionAccess(grant.session_id, grant.endpoint, token.token, grant.capabilities, is_new=True)

    async def mint(self) -> ClientCredentials:
        """Provision a session for a client that has no API key."""
        grant = await self._request()
        token = await self._token_of(grant)
        try:
            return ClientCredentials(
                signaling_url=grant.signaling_url,
                session_token=token.token,
                expires_in=token.expires_in_s,
                capabilities=grant.capabilities,
            )
        except OdysseyArgumentError as error:
            raise OdysseyConnectionError(
                f"Invalid API response: {error}", code=ErrorCode.INVALID_RESPONSE
            ) from None

    async def _token_of(self, grant: SessionGrant) -> SessionToken:
        try:
            return await self._api.session_token(grant.session_id)
        except OdysseyNotFoundError as error:
            # Provisioned a moment ago: the service is inconsistent, which passes.
            raise OdysseyConnectionError(str(error), code=ErrorCode.SESSION_NOT_FOUND) from None

    async def _request(self) -> SessionGrant:
        # What ends in a refusal ends here, before anything is measured.
        await self._api.authenticate()
        latencies_ms = {}
        if self._config.region_timeout_s is not None:
            latencies_ms = dict(await self._regions.measure(self._api, self._config.region_timeout_s))
        deadline = self._clock() + self._config.queue_timeout_s
        while True:
            try:
                return await self._api.request_session(latencies_ms)
            except NoStreamerError as error:
                busy = error
            remaining_s = deadline - self._clock()
            if self._config.queue_timeout_s == 0:
                raise busy
            if remaining_s <= 0:
                raise NoStreamerError(
                    f"Timed out waiting for a streamer ({self._config.queue_timeout_s:g}s)",
                    code=ErrorCode.NO_STREAMER,
                    details=busy.details,
                    status_code=busy.status_code,
                )
            self._on_waiting("Waiting for a streamer")
            jitter = self._config.retry_jitter
            interval_s = self._config.queue_poll_interval_s * self._uniform(1 - jitter, 1 + jitter)
            await self._sleep(min(remaining_s, busy.retry_after_s or interval_s))


class MintedSession:
    """The one session that credentials are for."""

    authenticates = False
    has_others = False

    def __init__(self, credentials: ClientCredentials) -> None:
        try:
            endpoint = SignalingEndpoint.parse(credentials.signaling_url)
        except MalformedError as error:
            raise OdysseyArgumentError(f"The credentials cannot be used: {error}") from None
        self._session = SessionAccess(
            session_id=credentials.session_id,
            endpoint=endpoint,
            token=credentials.session_token,
            capabilities=credentials.capabilities or StreamerCapabilities(),
            is_new=True,
        )

    async def acquire(self, previous: SessionAccess | None) -> SessionAccess:  # noqa: ARG002
        """See `SessionSource`: there is no other session."""
        return self._session
