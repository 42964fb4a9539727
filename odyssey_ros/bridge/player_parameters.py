"""The parameters of the player node. Those of the bridge have the same meaning here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from odyssey_ros.bridge import bridge_parameters
from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

_BRIDGE_PARAMETERS: Final = frozenset(
    (
        "api_url",
        "api_key_file",
        "allow_insecure",
        "autostart",
        "frame_id",
        "parent_frame",
        "parent_xyz",
        "parent_rpy",
        "encoding",
        "camera_info_url",
        "calibration_folders",
        "jpeg_quality",
    )
)

SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "stream_id",
        "",
        "The recording to play. Set exactly one of stream_id, job_id, video_file and dataset.",
        Change.UNCONFIGURED,
    ),
    Setting("job_id", "", "The completed simulation job to play.", Change.UNCONFIGURED),
    Setting(
        "script_index",
        -1,
        "Index of the script whose stream is played, from 0; -1 plays the streams of all scripts in order.",
        Change.UNCONFIGURED,
        bounds=(-1, 1_000_000),
    ),
    Setting("video_file", "", "The video file to play.", Change.NEVER, is_path=True),
    Setting(
        "events_file",
        "",
        "The events log of video_file; empty uses <video_file without suffix>.events.jsonl if it exists.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "dataset",
        "",
        "The folder of the exported dataset (LeRobotDataset v3.0) to play.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "dataset_episode",
        -1,
        "Index of the episode of the dataset that is played, from 0; -1 plays all episodes in order.",
        Change.UNCONFIGURED,
        bounds=(-1, 1_000_000),
    ),
    Setting(
        "rate",
        1.0,
        "Media seconds per second; 0 plays as fast as every reliable subscriber processes the frames, and "
        "loses none.",
        Change.ALWAYS,
        bounds=(0.0, 1000.0),
    ),
    Setting("loop", False, "Play the first episode again after the last one.", Change.ALWAYS),
    Setting(
        "start_paused",
        False,
        "Wait for ~/resume or ~/step before the first frame.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "wait_for",
        "",
        "Comma-separated topics (image_raw,frame_info) that each need a subscriber before playback starts; "
        "if empty, playback waits only at rate 0, for a subscriber of any image topic.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "publish_clock",
        False,
        "Publish /clock, which runs in media time and stands still while paused; stamps have this time.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "cache_dir",
        "",
        "Folder that keeps downloaded videos for later; empty uses a temporary folder.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "exit_when_finished",
        False,
        "End the process after the last frame, or when nothing can be played. The exit status is 0 if every "
        "episode was played to its end, else 1.",
        Change.NEVER,
    ),
    *(setting for setting in bridge_parameters.SETTINGS if setting.name in _BRIDGE_PARAMETERS),
)


@dataclass(frozen=True, slots=True)
class PlayerParameters:
    """The values of the parameters; `SETTINGS` has their meanings."""

    stream_id: str
    job_id: str
    script_index: int
    video_file: str
    events_file: str
    dataset: str
    dataset_episode: int
    rate: float
    loop: bool
    start_paused: bool
    wait_for: str
    publish_clock: bool
    cache_dir: str
    exit_when_finished: bool
    api_url: str
    api_key_file: str
    allow_insecure: bool
    autostart: bool
    frame_id: str
    parent_frame: str
    parent_xyz: str
    parent_rpy: str
    encoding: str
    camera_info_url: str
    calibration_folders: tuple[str, ...]
    jpeg_quality: int
