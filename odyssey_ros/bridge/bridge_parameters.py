"""The parameters of the bridge: defaults, meanings, bounds, and when a change takes effect."""

from __future__ import annotations

from dataclasses import dataclass

from odyssey_ros.bridge.frames.static_transform import OPTICAL_RPY, triple_fault
from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

ENCODINGS = ("rgb8", "bgr8", "mono8")
STAMP_SOURCES = ("media", "arrival")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "prompt",
        "",
        "Prompt of the stream that starts when the node is activated; empty waits for ~/prompt. "
        "Setting it on an active node has the effect of a message on ~/prompt.",
        Change.ALWAYS,
        repeatable=True,
        max_length=None,
    ),
    Setting(
        "portrait",
        False,
        "Images of 704x1280 (portrait) instead of 1280x704 (landscape).",
        Change.NEXT_STREAM,
    ),
    Setting(
        "broadcast",
        False,
        "Let spectators watch the streams; ~/get_broadcast returns the addresses.",
        Change.NEXT_STREAM,
    ),
    Setting(
        "api_url",
        "",
        "URL of the service; empty uses ODYSSEY_API_URL, else the public service.",
        Change.NEVER,
    ),
    Setting(
        "api_key_file",
        "",
        "File (chmod 600) with the API key; empty uses the environment variable ODYSSEY_API_KEY.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "credentials_file",
        "",
        "File (chmod 600) with client credentials as JSON, for a robot without an API key.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "allow_insecure",
        False,
        "Allow http:// and ws:// addresses of other machines, which receive keys and tokens in clear text.",
        Change.NEVER,
    ),
    Setting(
        "autostart",
        True,
        "Configure and activate the node when it starts, without a lifecycle manager.",
        Change.NEVER,
    ),
    Setting(
        "resume_stream",
        True,
        "Start the stream again, with the last prompt, after a lost connection or an end by the service.",
        Change.ALWAYS,
    ),
    Setting(
        "max_retries",
        -1,
        "Failed attempts to connect or reconnect after which the node gives up; -1 never gives up. Fatal "
        "errors, such as a wrong key, are never retried.",
        Change.UNCONFIGURED,
        bounds=(-1, 1_000_000),
    ),
    Setting(
        "queue_timeout",
        30.0,
        "Time in s that one attempt waits in the queue for a free streamer.",
        Change.UNCONFIGURED,
        bounds=(0.0, 86400.0),
    ),
    Setting(
        "frame_timeout",
        10.0,
        "Time in s without a frame, while a stream is running, after which the connection counts as lost.",
        Change.UNCONFIGURED,
        bounds=(0.5, 3600.0),
    ),
    Setting(
        "frame_id",
        "odyssey_optical_frame",
        "Frame id of all headers: an optical frame (REP-103).",
        Change.ALWAYS,
    ),
    Setting(
        "parent_frame",
        "",
        "Frame of the robot that has frame_id as a child on /tf_static; empty publishes no transform.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "parent_xyz",
        "0.0 0.0 0.0",
        "Origin of frame_id in parent_frame: x, y and z in m, separated by spaces.",
        Change.UNCONFIGURED,
        fault=triple_fault,
    ),
    Setting(
        "parent_rpy",
        OPTICAL_RPY,
        "Rotation of frame_id in parent_frame: roll, pitch and yaw in rad, as in URDF. The default is that "
        "of an optical frame in a body frame (REP-103).",
        Change.UNCONFIGURED,
        fault=triple_fault,
    ),
    Setting(
        "encoding",
        "rgb8",
        "Encoding of ~/image_raw.",
        Change.ALWAYS,
        choices=ENCODINGS,
    ),
    Setting(
        "stamp_source",
        "media",
        "Meaning of header.stamp: media follows the media time of the frames, without network jitter; "
        "arrival is the arrival time of the frame.",
        Change.ALWAYS,
        choices=STAMP_SOURCES,
    ),
    Setting(
        "camera_info_url",
        "",
        "URL (file:// or package://) of a calibration file for ~/camera_info, to which ~/set_camera_info "
        "saves; empty publishes only the size, which means uncalibrated. At run time it can be set to an "
        "empty text, the value with which the node started, or the URL of a file in calibration_folders.",
        Change.ALWAYS,
        repeatable=True,
    ),
    Setting(
        "calibration_folders",
        (),
        "Folders with calibration files that camera_info_url may name at run time, and to which "
        "~/set_camera_info may then save.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "image_folders",
        (),
        "Folders with the pictures that requests may name in image_path; if empty, pictures can only be sent "
        "in the requests themselves and on ~/image_prompt.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "jpeg_quality",
        85,
        "JPEG quality of ~/image_raw/compressed.",
        Change.ALWAYS,
        bounds=(1, 100),
    ),
    Setting(
        "key_frame_interval",
        0.0,
        "Age in s of the last key frame at which another one is requested while an encoded topic has a "
        "subscriber; 0 requests key frames only on demand.",
        Change.ALWAYS,
        bounds=(0.0, 3600.0),
    ),
    Setting(
        "expected_frame_rate",
        20.0,
        "Expected frames per second; /diagnostics warns when more than a quarter is missing.",
        Change.ALWAYS,
        bounds=(0.1, 240.0),
    ),
    Setting(
        "simulation_poll_period",
        2.0,
        "Time in s between two polls of a simulation job of ~/run_simulation.",
        Change.ALWAYS,
        bounds=(0.1, 300.0),
    ),
    Setting(
        "max_prompt_length",
        4096,
        "Maximum length of a prompt in characters; longer prompts are refused with PROMPT_TOO_LONG.",
        Change.NEVER,
        bounds=(1, 100_000),
    ),
    Setting(
        "max_calls",
        16,
        "Maximum number of calls of each service that are under way at once; more are refused with "
        "TOO_MANY_CALLS.",
        Change.NEVER,
        bounds=(1, 1000),
    ),
    Setting(
        "max_simulations",
        10,
        "Maximum number of goals of ~/run_simulation that are under way at once; more are aborted with "
        "TOO_MANY_CALLS.",
        Change.NEVER,
        bounds=(1, 1000),
    ),
    Setting(
        "allow_credential_minting",
        False,
        "Allow ~/create_client_credentials, whose response contains a secret in clear text on the graph.",
        Change.NEVER,
    ),
)


@dataclass(frozen=True, slots=True)
class BridgeParameters:
    """A snapshot of the parameters; `SETTINGS` has their meanings."""

    prompt: str
    portrait: bool
    broadcast: bool
    api_url: str
    api_key_file: str
    credentials_file: str
    allow_insecure: bool
    autostart: bool
    resume_stream: bool
    max_retries: int
    queue_timeout: float
    frame_timeout: float
    frame_id: str
    parent_frame: str
    parent_xyz: str
    parent_rpy: str
    encoding: str
    stamp_source: str
    camera_info_url: str
    calibration_folders: tuple[str, ...]
    image_folders: tuple[str, ...]
    jpeg_quality: int
    key_frame_interval: float
    expected_frame_rate: float
    simulation_poll_period: float
    max_prompt_length: int
    max_calls: int
    max_simulations: int
    allow_credential_minting: bool
