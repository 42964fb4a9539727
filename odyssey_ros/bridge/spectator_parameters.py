"""The parameters of the spectator; some are shared with the bridge."""

from __future__ import annotations

from dataclasses import dataclass

from odyssey_ros.bridge import bridge_parameters
from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

SHARED = frozenset(
    (
        "allow_insecure",
        "autostart",
        "max_retries",
        "frame_timeout",
        "frame_id",
        "parent_frame",
        "parent_xyz",
        "parent_rpy",
        "encoding",
        "stamp_source",
        "camera_info_url",
        "calibration_folders",
        "jpeg_quality",
        "key_frame_interval",
        "expected_frame_rate",
    )
)

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "webrtc_url",
        "",
        "URL of the broadcast: webrtc_url in the response of a bridge's ~/get_broadcast.",
        Change.NEVER,
    ),
    Setting(
        "spectator_token_file",
        "",
        "File (chmod 600) with the spectator token; empty uses the environment variable "
        "ODYSSEY_SPECTATOR_TOKEN.",
        Change.NEVER,
        is_path=True,
    ),
    *(setting for setting in bridge_parameters.SETTINGS if setting.name in SHARED),
)


@dataclass(frozen=True, slots=True)
class SpectatorParameters:
    """A snapshot of the parameters; `SETTINGS` has their meanings."""

    webrtc_url: str
    spectator_token_file: str
    allow_insecure: bool
    autostart: bool
    max_retries: int
    frame_timeout: float
    frame_id: str
    parent_frame: str
    parent_xyz: str
    parent_rpy: str
    encoding: str
    stamp_source: str
    camera_info_url: str
    calibration_folders: tuple[str, ...]
    jpeg_quality: int
    key_frame_interval: float
    expected_frame_rate: float
