"""The parameters of the bridge node: defaults, meanings, bounds, and when each can change."""

from __future__ import annotations

from dataclasses import dataclass

from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

ENCODINGS = ("rgb8", "bgr8", "mono8")
STAMP_SOURCES = ("media", "arrival")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "prompt",
        "",
        "The prompt that a stream starts with when the node is activated; empty waits for ~/prompt. "
        "Setting it on an active node does what a message on ~/prompt does.",
        Change.ALWAYS,
    ),
    Setting(
        "portrait",
        False,
        "Pictures of 704x1280 (portrait) instead of 1280x704 (landscape).",
        Change.NEXT_STREAM,
    ),
    Setting(
        "broadcast",
        False,
        "Let spectators watch the streams; ~/get_broadcast tells them how.",
        Change.NEXT_STREAM,
    ),
    Setting(
        "api_url",
        "",
        "Address of the service; empty takes ODYSSEY_API_URL, else the public service.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "api_key_file",
        "",
        "File (chmod 600) that holds the API key; empty takes the environment's ODYSSEY_API_KEY.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "credentials_file",
        "",
        "File (chmod 600) with minted client credentials as JSON, for a robot that holds no key.",
        Change.UNCONFIGURED,
    ),
    Setting(
        "autostart",
        True,
        "Configure and activate the node by itself when it starts.",
        Change.NEVER,
    ),
    Setting(
        "resume_stream",
        True,
        "Start the stream again, with the last prompt, after a lost connection or when the service ended it.",
        Change.ALWAYS,
    ),
    Setting(
        "max_retries",
        -1,
        "Attempts to get or regain a connection before the node gives up; -1 never gives up. Fatal "
        "errors, such as a wrong key, are never retried.",
        Change.UNCONFIGURED,
        bounds=(-1, 1_000_000),
    ),
    Setting(
        "queue_timeout",
        30.0,
        "Seconds that one attempt waits in the queue for a free streamer.",
        Change.UNCONFIGURED,
        bounds=(0.0, 86400.0),
    ),
    Setting(
        "frame_timeout",
        10.0,
        "Seconds without a frame, while a stream runs, after which the connection counts as lost.",
        Change.UNCONFIGURED,
        bounds=(0.5, 3600.0),
    ),
    Setting(
        "frame_id",
        "odyssey_optical_frame",
        "frame_id of all headers: an optical frame (REP-103).",
        Change.ALWAYS,
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
        "What header.stamp tells: media is the capture time, by the stream's own clock; arrival is when "
        "the frame arrived.",
        Change.ALWAYS,
        choices=STAMP_SOURCES,
    ),
    Setting(
        "camera_info_url",
        "",
        "Calibration YAML (file:// or package://) for ~/camera_info; empty publishes the size only, which "
        "means uncalibrated.",
        Change.ALWAYS,
    ),
    Setting(
        "jpeg_quality",
        85,
        "Quality of ~/image_raw/compressed.",
        Change.ALWAYS,
        bounds=(1, 100),
    ),
    Setting(
        "expected_frame_rate",
        20.0,
        "Frames per second below which (by a quarter) /diagnostics warns.",
        Change.ALWAYS,
        bounds=(0.1, 240.0),
    ),
    Setting(
        "simulation_poll_period",
        2.0,
        "Seconds between two looks at a simulation job that ~/run_simulation follows.",
        Change.ALWAYS,
        bounds=(0.1, 300.0),
    ),
    Setting(
        "allow_credential_minting",
        False,
        "Let ~/create_client_credentials answer with a secret, in clear on the graph.",
        Change.NEVER,
    ),
)


@dataclass(frozen=True, slots=True)
class BridgeParameters:
    """The parameters at one moment; see ``SETTINGS`` for what they mean."""

    prompt: str
    portrait: bool
    broadcast: bool
    api_url: str
    api_key_file: str
    credentials_file: str
    autostart: bool
    resume_stream: bool
    max_retries: int
    queue_timeout: float
    frame_timeout: float
    frame_id: str
    encoding: str
    stamp_source: str
    camera_info_url: str
    jpeg_quality: int
    expected_frame_rate: float
    simulation_poll_period: float
    allow_credential_minting: bool
