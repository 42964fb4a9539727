"""Sources of sessions: requested with an API key, or given by client credentials."""

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
from odyssey_ros.client.redaction import KNOWN_SECRETS
from odyssey_ros.client.retry_after import spread_wait_s
from odyssey_ros.client.service_address import require_encryption
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
    """The data that opens a session's socket.

    Attributes:
        session_id: The session.
        endpoint: Address of its signaling server.
        token: Token that opens the socket; a secret.
        capabilities: Capabilities of its streamer.
        is_new: Whether the session was provisioned for this attempt. When a new session is refused, another
            one would be refused too.
    """

    session_id: str
    endpoint: SignalingEndpoint
    token: str = field(repr=False)
    capabilities: StreamerCapabilities
    is_new: bool


class SessionSource(Protocol):
    """Provides sessions to connect to.

    Attributes:
        authenticates: Whether the source requests sessions with an API key.
        has_others: Whether the source can provide another session when one has ended.
    """

    authenticates: bool
    has_others: bool

    async def acquire(self, previous: SessionAccess | None) -> SessionAccess:
        """Return the previous session with a fresh token while the service knows it, else a new session."""
        ...


class RequestedSessions:
    """Requests sessions with an API key; waits in the queue for a streamer.

    Args:
        api: The HTTP API.
        regions: Latencies of the regions, measured before a request.
        config: Timeouts.
        on_waiting: Called with a text for users while all streamers are busy.
        sleep: Waits for a number of seconds.
        clock: Returns monotonic seconds.
        uniform: Returns a random number between its two arguments.
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
                logger.info("The session has ended; requesting a new one")
            else:
                return SessionAccess(
                    previous.session_id, previous.endpoint, token.token, previous.capabilities, is_new=False
                )
        grant = await self._request()
        token = await self._token_of(grant)
        return SessionAccess(grant.session_id, grant.endpoint, token.token, grant.capabilities, is_new=True)

    async def mint(self) -> ClientCredentials:
        """Provision a session and return credentials for a client without an API key."""
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
            # The session was provisioned a moment ago: the inconsistency of the service is transient.
            raise OdysseyConnectionError(str(error), code=ErrorCode.SESSION_NOT_FOUND) from None

    async def _request(self) -> SessionGrant:
        # Authenticate first, so that a refused key costs no measurement.
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
            if self._config.queue_timeout_s == 0:
                raise busy
            jitter = self._config.retry_jitter
            wait_s = self._config.queue_poll_interval_s * self._uniform(1 - jitter, 1 + jitter)
            remaining_s = deadline - self._clock()
            asked_s = busy.retry_after_s or 0.0
            if remaining_s <= 0 or asked_s > remaining_s:
                # A request before the time that the service asks for would be refused.
                advice = f"; the service asks to wait {asked_s:g} s" if asked_s > remaining_s else ""
                raise NoStreamerError(
                    f"Timed out waiting for a streamer ({self._config.queue_timeout_s:g}s){advice}",
                    code=ErrorCode.NO_STREAMER,
                    details=busy.details,
                    status_code=busy.status_code,
                )
            self._on_waiting("Waiting for a streamer")
            if asked_s > 0:
                wait_s = spread_wait_s(asked_s, jitter, self._uniform)
            await self._sleep(max(asked_s, min(remaining_s, wait_s)))


class MintedSession:
    """Provides the one session of client credentials.

    Raises:
        OdysseyArgumentError: The signaling URL is malformed, or insecure and not allowed.
    """

    authenticates = False
    has_others = False

    def __init__(self, credentials: ClientCredentials, *, allow_insecure: bool = False) -> None:
        try:
            endpoint = SignalingEndpoint.parse(credentials.signaling_url)
        except MalformedError as error:
            raise OdysseyArgumentError(f"The credentials are invalid: {error}") from None
        require_encryption(
            endpoint.address,
            "The signaling server of the credentials",
            allow_insecure=allow_insecure,
            error=OdysseyArgumentError,
        )
        self._session = SessionAccess(
            session_id=credentials.session_id,
            endpoint=endpoint,
            token=credentials.session_token,
            capabilities=credentials.capabilities or StreamerCapabilities(),
            is_new=True,
        )

    async def acquire(self, previous: SessionAccess | None) -> SessionAccess:  # noqa: ARG002
        """Return the session; see `SessionSource`."""
        KNOWN_SECRETS.add(self._session.token, issued=True)
        return self._session
