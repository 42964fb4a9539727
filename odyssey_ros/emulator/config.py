"""The settings of the service."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from odyssey_ros.emulator.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from odyssey_ros.emulator.faults import Fault
    from odyssey_ros.emulator.faults.schedule import Schedule

Codec = Literal["h264", "vp8"]
CODECS: tuple[Codec, ...] = ("h264", "vp8")

DEFAULT_API_KEY = "ody_local"

_HOST_NAME = re.compile(r"\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:]+|[A-Za-z0-9._-]+")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")


class ConfigurationError(ValueError):
    """A setting has an invalid value; the text gives the setting and the rule."""


@dataclass(frozen=True, kw_only=True)
class IceServer:
    """A STUN or TURN server that `/config` returns to clients.

    Attributes:
        url: for example `turn:turn.example.org:3478?transport=udp`.
        username: TURN user, or None.
        credential: TURN password, or None.
    """

    url: str
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account of the service.

    Attributes:
        api_key: the account's key, `ody_...`.
        name: the account's name in the control state and in the data directory; keep it over restarts.
        suspended: the reason for a suspension (HTTP 429 for session requests), or None.
        disabled: the reason why the key cannot be exchanged for a token (HTTP 403), or None.
        may_bypass_expansion: whether `bypass_vlm_expansion` is allowed.
    """

    api_key: str = field(repr=False)
    name: str = "local"
    suspended: str | None = None
    disabled: str | None = None
    may_bypass_expansion: bool = False


@dataclass(frozen=True, kw_only=True)
class EmulatorConfig:
    """Settings of one service.

    Attributes:
        host: address to bind, without brackets. With a loopback address, media stays on loopback too. `::`
            binds all IPv6 and IPv4 addresses.
        port: TCP port; 0 selects a free one.
        accounts: all accounts; each needs its own API key and name.
        fps: frames per second of streams, above 0 and at most 60.
        codec: preferred video codec; clients that cannot decode it get the other codec.
        bitrate: video bits per second.
        key_frame_interval: longest time between two key frames of a stream, in seconds; 0: only when a viewer
            requests one. The recorded frames of an H.264 stream have a key frame at least every 2 s.
        regions: names of the simulated regions; this service serves all of them.
        streamers: number of sessions that can be served at once; None for no bound. When no streamer is free,
            session requests get 503.
        image_to_video: whether sessions announce this capability and input images are accepted.
        ice_servers: the answer of `/config`; the service itself uses these servers too.
        trickle: send the offer without candidates, then the candidates one by one.
        close_at_stream_limit: whether reaching `limits.stream_seconds` closes the connection as well.
        record: whether streams are recorded.
        data_dir: folder of recordings and jobs; None for a temporary folder, removed when the service closes.
        render_workers: number of simulations rendered at once.
        broadcast_seconds: time from `stream_started` to `broadcast_ready`.
        control: whether the control endpoint is served.
        allow_hosts: host names under which the service answers, besides addresses and names of this machine.
        cors_origins: origins whose web pages may use the service, such as `https://app.example.org`, or `*`
            for all; pages of this machine always may.
        allow_private_script_urls: whether a `script_url` may lead to a private address, such as one of this
            machine or its network.
        faults: faults to arm at the start.
        limits: see `Limits`.

    Raises:
        ConfigurationError: a value is invalid.
    """

    host: str = "127.0.0.1"
    port: int = 0
    accounts: tuple[Account, ...] = (Account(api_key=DEFAULT_API_KEY),)
    fps: float = 20.0
    codec: Codec = "h264"
    bitrate: int = 2_500_000
    key_frame_interval: float = 2.0
    regions: tuple[str, ...] = ("local",)
    streamers: int | None = None
    image_to_video: bool = True
    ice_servers: tuple[IceServer, ...] = ()
    trickle: bool = False
    close_at_stream_limit: bool = False
    record: bool = True
    data_dir: Path | None = None
    render_workers: int = 1
    broadcast_seconds: float = 1.0
    control: bool = True
    allow_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    allow_private_script_urls: bool = False
    faults: tuple[tuple[Fault, Schedule], ...] = ()
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 < self.fps <= 60:
            raise ConfigurationError(f"fps must be above 0 and at most 60, not {self.fps:g}")
        if not 100_000 <= self.bitrate <= 50_000_000:
            raise ConfigurationError("bitrate must be between 100000 and 50000000 bits per second")
        if not 0 <= self.key_frame_interval <= 3600:
            raise ConfigurationError(
                "key_frame_interval must be between 0 (key frames on request only) and 3600 seconds, "
                f"not {self.key_frame_interval:g}"
            )
        if self.codec not in CODECS:
            raise ConfigurationError(f"codec must be one of {', '.join(CODECS)}")
        if self.render_workers < 1:
            raise ConfigurationError("at least one render worker is needed")
        if self.streamers is not None and self.streamers < 0:
            raise ConfigurationError("the number of streamers must not be negative")
        if not 0 <= self.port <= 65535:
            raise ConfigurationError(f"port must be between 0 and 65535, not {self.port}")
        self._check_web_access()
        if not self.accounts:
            raise ConfigurationError("at least one API key is needed")
        keys = [account.api_key for account in self.accounts]
        if len(set(keys)) != len(keys) or len({account.name for account in self.accounts}) != len(keys):
            raise ConfigurationError("every account needs its own API key and its own name")
        if any(not key.startswith("ody_") or len(key) < 8 for key in keys):
            raise ConfigurationError("an API key starts with ody_ and has at least 8 characters")

    def _check_web_access(self) -> None:
        for name in self.allow_hosts:
            if not _HOST_NAME.fullmatch(name):
                raise ConfigurationError(f"an allowed host is a name without a port, not {name!r}")
        for origin in self.cors_origins:
            if origin not in {"*", "null"} and not _ORIGIN.fullmatch(origin):
                raise ConfigurationError(
                    f"an allowed origin has the form https://app.example.org[:port], not {origin!r}"
                )

    def media_addresses(self, found: list[str]) -> list[str]:
        """Return the addresses to use for media.

        Args:
            found: the machine's addresses, without loopback.

        Returns:
            Only loopback addresses when the service is bound to loopback; `found` and loopback when the
            service is bound to all addresses; otherwise `found`. aioice leaves out an address that the
            machine does not have, such as ::1 without IPv6.
        """
        if self.host == "localhost":
            return ["127.0.0.1", "::1"]
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return found
        if address.is_loopback:
            return [str(address)]
        if not address.is_unspecified:
            return found
        return [*found, "127.0.0.1"] if address.version == 4 else [*found, "127.0.0.1", "::1"]
