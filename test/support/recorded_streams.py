"""Streams to record, and the markers of recorded videos, for tests of the emulator's recordings."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

import av

from odyssey_ros.emulator.media.encoding import RTP_CLOCK, EncodedFrame, VideoEncoder
from odyssey_ros.emulator.media.recording import Recording, StreamEvent
from odyssey_ros.emulator.scene.marker import Marker, read_marker
from odyssey_ros.emulator.scene.scenes import make_scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BytesIO
    from pathlib import Path

    from odyssey_ros.emulator.media.recorder import Recorder

STARTED: Final = datetime(2026, 11, 23, 12, 0, 0, tzinfo=timezone.utc)
FPS: Final = 20
BITRATE: Final = 1_500_000


def metadata(
    stream_id: str = "stream_1",
    owner: str = "local",
    minutes: int = 0,
    size: tuple[int, int] = (1280, 704),
) -> Recording:
    """Return the metadata of a running stream that started `minutes` after `STARTED`."""
    return Recording(
        stream_id=stream_id,
        owner=owner,
        width=size[0],
        height=size[1],
        started_at=STARTED + timedelta(minutes=minutes),
    )


def encoded_frames(
    times_ms: Sequence[int],
    *,
    keyframes: Sequence[int] = (0,),
    sizes: Sequence[tuple[int, int]] = ((1280, 704),),
) -> Iterator[EncodedFrame]:
    """Yield an H.264 frame for each stream time.

    Args:
        times_ms: Stream times in milliseconds, for the marker.
        keyframes: Numbers of the frames that must be keyframes.
        sizes: Sizes of the frames by number, repeated from the start when exhausted.
    """
    encoder = VideoEncoder("h264", FPS, BITRATE)
    scenes = {size: make_scene("a desert", *size) for size in sizes}
    for number, time_ms in enumerate(times_ms):
        frame = scenes[sizes[number % len(sizes)]].render(time_ms, number)
        encoded = encoder.encode(frame, number * RTP_CLOCK // FPS, keyframe=number in keyframes)
        assert encoded is not None
        yield encoded


def stream_into(recorder: Recorder, frames: int = 30, *, encoded: bool = True) -> None:
    """Record a stream whose prompt changes in the middle, as packets or as frames."""
    scene = make_scene("a forest", recorder.recording.width, recorder.recording.height)
    encoder = VideoEncoder("h264", FPS, BITRATE)
    recorder.add_event(
        StreamEvent(0, "start", prompt="a forest", applied_prompt="a forest, lush", image=False)
    )
    for number in range(frames):
        time_ms = round(number * 1000 / FPS)
        if number == frames // 2:
            scene.interact("it is night \ud800")
            recorder.add_event(StreamEvent(time_ms, "interact", prompt="it is night \ud800"))
        frame = scene.render(time_ms, number)
        if encoded:
            packet = encoder.encode(frame, time_ms * RTP_CLOCK // 1000, keyframe=number == 0)
            assert packet is not None
            recorder.add_packet(packet.data, time_ms, keyframe=packet.keyframe)
        else:
            recorder.add_frame(frame, time_ms)
    recorder.add_event(StreamEvent(round(frames * 1000 / FPS), "end", reason="client"))


def markers(path: Path | BytesIO) -> list[tuple[int, Marker | None]]:
    """Return the time in milliseconds and the marker of every frame of a video file."""
    with av.open(path) as video:
        return [
            (round(frame.time * 1000), read_marker(frame.to_ndarray(format="rgb24")))
            for frame in video.decode(video=0)
        ]


def counters(path: Path | BytesIO) -> list[int]:
    """Return the frame counter of every frame of a video file, all of which must be readable."""
    return [marker.counter for _, marker in markers(path)]


def group_seconds(path: Path | BytesIO) -> list[float]:
    """Return the time of each packet of a video file since the key frame before it, in seconds, in order."""
    times: list[float] = []
    key_time = None
    with av.open(path) as video:
        [track] = video.streams
        for packet in video.demux(track):
            if packet.size == 0:  # the end
                continue
            assert packet.pts is not None
            time = float(packet.pts * track.time_base)
            key_time = time if packet.is_keyframe else key_time
            assert key_time is not None
            times.append(time - key_time)
    return times
