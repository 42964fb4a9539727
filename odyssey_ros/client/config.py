"""The configuration of a client: its address, retries, timeouts and intervals."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field

from odyssey_ros.client.errors import OdysseyArgumentError
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.service_address import parse_address, require_encryption

DEFAULT_API_URL = "https://api.odyssey.ml"


@dataclass(frozen=True, slots=True)
class AdvancedConfig:
    """Retries, timeouts and intervals. The first five fields are those of the SDK.

    Attributes:
        max_retries: Maximum number of retries after a failed attempt or a lost connection. None retries
            forever.
        initial_retry_delay_ms: Milliseconds before the first retry.
        max_retry_delay_ms: Maximum delay between retries in milliseconds. A wait that the service asks for
            may be longer.
        retry_backoff_multiplier: Factor from one delay to the next; at least 1.
        queue_timeout_s: Seconds to wait for a free streamer. 0 fails at once when none is free.
        retry_jitter: Random share of a delay, 0 to 1, which spreads the retries of many clients.
        connect_timeout_s: Maximum seconds of one attempt, from opening the socket until the video track and
            the channel to the streamer are up. Also the maximum seconds without a channel from the streamer
            after a message was sent whose answer comes on it.
        request_timeout_s: Maximum seconds of one HTTP request.
        operation_timeout_s: Maximum seconds until the streamer answers start, interact or end. None disables
            the bound; the call then ends with the connection at the latest.
        frame_timeout_s: Seconds without a frame, while a stream runs, after which the connection counts as
            lost. None disables the check.
        stable_after_s: Seconds after which a connection counts as stable, which resets the retry count.
        region_timeout_s: Maximum seconds to measure the latency of the regions before requesting a session.
            None disables the measurement; the service then chooses a region.
        queue_poll_interval_s: Seconds between two requests while waiting for a streamer.
        keepalive_interval_s: Seconds between two keepalive messages on the signaling socket.
        close_timeout_s: Maximum seconds for each step of an orderly close.
    """

    max_retries: int | None = 5
    initial_retry_delay_ms: int = 1000
    max_retry_delay_ms: int = 2000
    retry_backoff_multiplier: float = 2.0
    queue_timeout_s: float = 30
    retry_jitter: float = 0.2
    connect_timeout_s: float = 30.0
    request_timeout_s: float = 10.0
    operation_timeout_s: float | None = 60.0
    frame_timeout_s: float | None = 10.0
    stable_after_s: float = 10.0
    region_timeout_s: float | None = 1.0
    queue_poll_interval_s: float = 1.0
    keepalive_interval_s: float = 10.0
    close_timeout_s: float = 2.0

    def __post_init__(self) -> None:
        if self.max_retries is not None:
            _check("max_retries", self.max_retries, least=0)
        _check("initial_retry_delay_ms", self.initial_retry_delay_ms, least=0)
        _check("max_retry_delay_ms", self.max_retry_delay_ms, least=0)
        _check("retry_backoff_multiplier", self.retry_backoff_multiplier, least=1)
        _check("queue_timeout_s", self.queue_timeout_s, least=0)
        _check("retry_jitter", self.retry_jitter, least=0, most=1)
        _check("stable_after_s", self.stable_after_s, least=0)
        for name in (
            "connect_timeout_s",
            "request_timeout_s",
            "operation_timeout_s",
            "frame_timeout_s",
            "region_timeout_s",
            "queue_poll_interval_s",
            "keepalive_interval_s",
            "close_timeout_s",
        ):
            value: float | None = getattr(self, name)
            if value is not None:
                _check(name, value, above=0)


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """The configuration of a client, with the SDK's fields in the SDK's order. The `repr` omits the key.

    Attributes:
        api_key: API key (`ody_...`); empty for a client that only connects with credentials.
        api_url: Base URL of the HTTP API.
        debug: Whether the client's loggers emit DEBUG records.
        advanced: Retries, timeouts and intervals.
        allow_insecure: Whether keys and tokens may be sent over http and ws to other machines. There is no
            environment variable for it.
    """

    api_key: str = field(default="", repr=False)
    api_url: str = DEFAULT_API_URL
    debug: bool = False
    advanced: AdvancedConfig = field(default_factory=AdvancedConfig)
    allow_insecure: bool = False

    @classmethod
    def resolve(
        cls,
        api_key: str = "",
        api_url: str | None = None,
        advanced: AdvancedConfig | None = None,
        *,
        debug: bool = False,
        allow_insecure: bool = False,
    ) -> ClientConfig:
        """Return a configuration; missing values come from `ODYSSEY_API_KEY` and `ODYSSEY_API_URL`.

        Raises:
            OdysseyArgumentError: The URL is not an http or https URL, or it is an http URL of another machine
                and `allow_insecure` is not set (code `INSECURE_ADDRESS`).
        """
        url = (api_url or os.environ.get("ODYSSEY_API_URL") or DEFAULT_API_URL).rstrip("/")
        try:
            address = parse_address(url)
        except MalformedError:
            address = None
        if address is None or address.query:
            raise OdysseyArgumentError("The API URL must be an http:// or https:// URL")
        require_encryption(address, "The API", allow_insecure=allow_insecure, error=OdysseyArgumentError)
        return cls(
            api_key=api_key or os.environ.get("ODYSSEY_API_KEY", ""),
            api_url=url,
            debug=debug,
            advanced=advanced or AdvancedConfig(),
            allow_insecure=allow_insecure,
        )


def _check(
    name: str, value: float, *, least: float = -math.inf, above: float = -math.inf, most: float = math.inf
) -> None:
    if not (value >= least and value > above and value <= most and math.isfinite(value)):
        bound = f"more than {above:g}" if above > -math.inf else f"at least {least:g}"
        limit = f" and at most {most:g}" if most < math.inf else ""
        raise OdysseyArgumentError(f"{name} must be {bound}{limit}, not {value!r}")
