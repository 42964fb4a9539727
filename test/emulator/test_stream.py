"""The stream's thread: pace, commands, and failures."""

from __future__ import annotations

import asyncio
import itertools
import time
from datetime import datetime, timezone

import pytest

from odyssey_ros.emulator.encoding import VideoEncoder
from odyssey_ros.emulator.scenes import make_scene
from odyssey_ros.emulator.stream import Stream, StreamEndedError
from odyssey_ros.emulator.video_track import EncodedVideoTrack


def make_stream(make=lambda: make_scene("a fox", 704, 288), fps=20.0, **options):
    return Stream(make, VideoEncoder("h264", fps, 1_000_000), fps, media_time=time.monotonic, **options)


async def end(stream):
    await stream.end("client", datetime.now(timezone.utc))


async def test_a_scene_that_cannot_be_made_fails_the_start():
    def broken():
        raise ValueError("no scene")

    with pytest.raises(ValueError, match="no scene"):
        await make_stream(broken).start()


async def test_a_scene_that_breaks_later_is_told_to_whoever_watches():
    class Breaking:
        def render(self, stream_time_ms, counter):
            if counter == 3:
                raise RuntimeError("out of paint")
            return make_scene("x", 704, 288).render(stream_time_ms, counter)

    stream = make_stream(Breaking)
    await stream.start()
    stopped = asyncio.Event()
    stream.watch(stopped.set)
    await asyncio.wait_for(stopped.wait(), 20)
    with pytest.raises(RuntimeError, match="out of paint"):
        await stream.finished()
    with pytest.raises(StreamEndedError):
        await stream.interact("x", "x")
    assert stream.frames_made == 3


async def test_an_end_is_an_end_however_often():
    stream = make_stream()
    await stream.start()
    await asyncio.gather(end(stream), end(stream))
    await end(stream)
    with pytest.raises(StreamEndedError):
        await stream.interact("x", "x")


async def test_a_prompt_at_a_slow_rate_is_answered_at_once():
    stream = make_stream(fps=0.2)
    await stream.start()
    began = time.monotonic()
    assert await stream.interact("snow", "snow") == 5000
    await end(stream)
    assert time.monotonic() - began < 4


async def test_frames_whose_time_has_passed_are_skipped_and_timestamps_stay_true():
    class Slow:
        def __init__(self):
            self.scene = make_scene("x", 704, 288)

        def render(self, stream_time_ms, counter):
            if counter == 2:
                time.sleep(0.3)
            return self.scene.render(stream_time_ms, counter)

    stream = make_stream(Slow)
    track = EncodedVideoTrack(lambda: None)
    stream.video.attach(track)
    await stream.start()
    stamps = [(await track.recv()).pts for _ in range(6)]
    await end(stream)
    steps = [(later - earlier) / 4500 for earlier, later in itertools.pairwise(stamps)]
    assert stream.frames_skipped >= 4
    assert steps[0] == pytest.approx(1, abs=0.01)
    assert steps[2] >= 5
