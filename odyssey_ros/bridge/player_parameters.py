"""The parameters of the player node; those that it shares with the bridge mean the same."""

from __future__ import annotations

from dataclasses import dataclass

from odyssey_ros.bridge import bridge_parameters
from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

SHARED = frozenset(
    (
        "api_url",
        "api_key_file",
        "autostart",
        "frame_id",
        "encoding",
        "camera_info_url",
        "jpeg_quality",
    )
)

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "stream_id",
        "",
        "The recording to play. Exactly one of stream_id, job_id and video_file is given.",
        Change.UNCONFIGURED,
    ),
    Setting("job_id", "", "The finished simulation job to play.", Change.UNCONFIGURED),
    Setting(
        "script_index",
        -1,
        "Which script's stream of the job to play, from 0; -1 plays all, one after the other.",
        Change.UNCONFIGURED,
        bounds=(-1, 1_000_000),
    ),
    Setting("video_file", "", "A video on this machine to play.", Change.UNCONFIGURED),
    Setting(
        "events_file",
        "",
        "The events log of video_file; empty takes <video_file without suffix>.events.jsonl where that is.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "rate",
        1.0,
        "Media seconds that are played in a second; 0 is as fast as every reliable subscriber takes the "
        "frames, losing none.",
        Change.ALWAYS,
        bounds=(0.0, 1000.0),
    ),
    Setting("loop", False, "Play again from the first episode after the last one.", Change.ALWAYS),
    Setting(
        "start_paused",
        False,
        "Wait for ~/resume, or ~/step, before the first frame.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "wait_for",
        "",
        "Topics, apart by commas (image_raw,frame_info), each of which needs a subscriber before playing "
        "begins; empty waits for nobody, but at rate 0 for somebody on a picture topic.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "publish_clock",
        False,
        "Publish /clock: it runs in media time, stands while paused, and is what the frames' stamps say.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "cache_dir",
        "",
        "Folder where fetched videos stay for the next time; empty fetches to a temporary one.",
        Change.UNCONFIGURED,
    ),
    *(setting for setting in bridge_parameters.SETTINGS if setting.name in SHARED),
)


@dataclass(frozen=True, slots=True)
class PlayerParameters:
    """The parameters at one moment; see ``SETTINGS`` for what they mean."""

    stream_id: str
    job_id: str
    script_index: int
    video_file: str
    events_file: str
    rate: float
    loop: bool
    start_paused: bool
    wait_for: str
    publish_clock: bool
    cache_dir: str
    api_url: str
    api_key_file: str
    autostart: bool
    frame_id: str
    encoding: str
    camera_info_url: str
    jpeg_quality: int
