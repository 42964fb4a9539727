"""Makes the stream of a start request: scene, encoder and recorder."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults.video_disturbance import video_disturbance
from odyssey_ros.emulator.media.encoding import VideoEncoder
from odyssey_ros.emulator.media.recording import Recording, StreamEvent
from odyssey_ros.emulator.prompts import applied_prompt
from odyssey_ros.emulator.scene.scenes import make_scene
from odyssey_ros.emulator.stream import Stream

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from odyssey_ros.emulator.config import Codec
    from odyssey_ros.emulator.media.recorder import Recorder
    from odyssey_ros.emulator.messages import StartStream
    from odyssey_ros.emulator.service_context import ServiceContext
    from odyssey_ros.emulator.sessions import Session

LANDSCAPE = (1280, 704)
PORTRAIT = (704, 1280)


@dataclass(slots=True)
class RunningStream:
    """The stream that a streamer runs now.

    Attributes:
        stream_id: id of the stream and of its recording.
        stream: renders and encodes it.
        prompt: the last prompt, as the client sent it.
        portrait: 704 x 1280 rather than 1280 x 704.
        bypass_expansion: whether prompts are applied unchanged.
        started_at: monotonic time of the first frame.
        timers: cancelled when the stream ends.
    """

    stream_id: str
    stream: Stream
    prompt: str
    portrait: bool
    bypass_expansion: bool
    started_at: float
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


def make_stream(
    context: ServiceContext,
    session: Session,
    request: StartStream,
    *,
    codec: Codec,
    media_time: Callable[[], float],
    seed_image: NDArray[np.uint8] | None,
) -> RunningStream:
    """Make the stream that a client has requested; the stream is not yet started.

    Args:
        context: the parts of the service.
        session: the session of the stream.
        request: the client's request.
        codec: the negotiated codec.
        media_time: seconds on the session's media clock; called on the stream's thread.
        seed_image: the decoded input image, H x W x 3 RGB, or None.
    """
    config, moments = context.config, session.moments
    width, height = PORTRAIT if request.portrait else LANDSCAPE
    stream_id = str(uuid.uuid4())
    stream = Stream(
        partial(make_scene, request.prompt, width, height, seed_image=seed_image),
        VideoEncoder(codec, config.fps, config.bitrate),
        config.fps,
        media_time=media_time,
        key_frame_interval=config.key_frame_interval,
        recorder=_make_recorder(context, session, request, stream_id) if config.record else None,
        disturbance=lambda: video_disturbance(context.faults, moments),
        monotonic=context.monotonic,
    )
    return RunningStream(
        stream_id=stream_id,
        stream=stream,
        prompt=request.prompt,
        portrait=request.portrait,
        bypass_expansion=request.bypass_expansion,
        started_at=context.monotonic(),
    )


def _make_recorder(
    context: ServiceContext, session: Session, request: StartStream, stream_id: str
) -> Recorder:
    width, height = PORTRAIT if request.portrait else LANDSCAPE
    started_at = datetime.fromtimestamp(context.now(), timezone.utc)
    recorder = context.recordings.record(
        Recording(
            stream_id=stream_id,
            owner=session.account.name,
            width=width,
            height=height,
            started_at=started_at,
        ),
        context.config.fps,
        bitrate=context.config.bitrate,
    )
    recorder.add_event(
        StreamEvent(
            0,
            "start",
            prompt=request.prompt,
            applied_prompt=applied_prompt(request.prompt, bypass_expansion=request.bypass_expansion),
            image=request.image is not None,
        )
    )
    return recorder
