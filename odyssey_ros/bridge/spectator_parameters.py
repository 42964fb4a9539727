"""The parameters of the spectator node; those that it shares with the bridge mean the same."""

from __future__ import annotations

from dataclasses import dataclass

from odyssey_ros.bridge import bridge_parameters
from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

SHARED = frozenset(
    (
        "autostart",
        "max_retries",
        "frame_timeout",
        "frame_id",
        "encoding",
        "stamp_source",
        "camera_info_url",
        "jpeg_quality",
        "expected_frame_rate",
    )
)

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "webrtc_url",
        "",
        "Address of the broadcast: webrtc_url of what ~/get_broadcast of a bridge answers.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "spectator_token_file",
        "",
        "File (chmod 600) that holds the spectator token; empty takes the environment's "
        "ODYSSEY_SPECTATOR_TOKEN.",
        Change.UNCONFIGURED,
    ),
    *(setting for setting in bridge_parameters.SETTINGS if setting.name in SHARED),
)


@dataclass(frozen=True, slots=True)
class SpectatorParameters:
    """The parameters at one moment; see ``SETTINGS`` for what they mean."""

    webrtc_url: str
    spectator_token_file: str
    autostart: bool
    max_retries: int
    frame_timeout: float
    frame_id: str
    encoding: str
    stamp_source: str
    camera_info_url: str
    jpeg_quality: int
    expected_frame_rate: float
