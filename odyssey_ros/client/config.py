"""How a client behaves: every duration and bound that it knows."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from odyssey_ros.client.errors import OdysseyArgumentError

DEFAULT_API_URL = "https://api.odyssey.ml"


@dataclass(frozen=True, slots=True)
class AdvancedConfig:
    """Retries, timeouts and intervals. The first five fields are those of the SDK.

    Attributes:
        max_retries: How often a failed or lost connection is tried again before the client gives up.
            None: for ever.
        initial_retry_delay_ms: Milliseconds before the first retry.
        max_retry_delay_ms: Milliseconds that no delay between retries exceeds, but for waits that the service
            asks for.
        retry_backoff_multiplier: What each delay is multiplied by to give the next; at least 1.
        queue_timeout_s: Seconds to wait for a free streamer. 0: fail at once when none is free.
        retry_jitter: Share of a delay, 0 to 1, that is left to chance, so that many clients do not return
            together.
        connect_timeout_s: Seconds that one attempt may take from opening the socket until video and the
            channel to the streamer are up; also seconds that the channel from the streamer may be missing
            once something was sent that is answered on it.
        request_timeout_s: Seconds that one HTTP request may take.
        operation_timeout_s: Seconds that the streamer may take to answer start, interact or end.
            None disables the bound; the call then ends with the connection at the latest.
        frame_timeout_s: Seconds without a frame while a stream runs after which the connection counts as
            lost. None disables the watch.
        stable_after_s: Seconds that a connection must last for the count of retries to begin anew.
        region_timeout_s: Seconds to spend on measuring the way to each region before asking for a session.
            None disables the measurement; the service then chooses.
        queue_poll_interval_s: Seconds between two requests while waiting for a streamer.
        keepalive_interval_s: Seconds between two keepalives on the signaling socket.
        close_timeout_s: Seconds that a polite goodbye may take.
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
    """What a client is made with. The key does not show in its `repr`.

    Attributes:
        api_key: API key (`ody_...`); empty for a client that only connects with credentials.
        api_url: Base of the HTTP API.
        advanced: Retries, timeouts and intervals.
        debug: Whether the client's loggers emit DEBUG records.
    """

    api_key: str = field(default="", repr=False)
    api_url: str = DEFAULT_API_URL
    advanced: AdvancedConfig = field(default_factory=AdvancedConfig)
    debug: bool = False

    @classmethod
    def resolve(
        cls,
        api_key: str = "",
        api_url: str | None = None,
        advanced: AdvancedConfig | None = None,
        *,
        debug: bool = False,
    ) -> ClientConfig:
        """Fill what was not given from `ODYSSEY_API_KEY` and `ODYSSEY_API_URL`.

        Raises:
            OdysseyArgumentError: The URL is no http or https URL.
        """
        url = (api_url or os.environ.get("ODYSSEY_API_URL") or DEFAULT_API_URL).rstrip("/")
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
            raise OdysseyArgumentError("The API URL must be an http:// or https:// URL")
        return cls(
            api_key=api_key or os.environ.get("ODYSSEY_API_KEY", ""),
            api_url=url,
            advanced=advanced or AdvancedConfig(),
            debug=debug,
        )


def _check(
    name: str, value: float, *, least: float = -math.inf, above: float = -math.inf, most: float = math.inf
) -> None:
    if not (value >= least and value > above and value <= most and math.isfinite(value)):
        bound = f"more than {above:g}" if above > -math.inf else f"at least {least:g}"
        limit = f" and at most {most:g}" if most < math.inf else ""
        raise OdysseyArgumentError(f"{name} must be {bound}{limit}, not {value!r}")
