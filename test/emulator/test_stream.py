"""The stream's thread: pace, commands, and failures."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from datetime import datetime, timezone

import pytest

from odyssey_ros.emulator.media.encoding import VideoEncoder
from odyssey_ros.emulator.media.video_track import EncodedVideoTrack
from odyssey_ros.emulator.scene.scenes import make_scene
from odyssey_ros.emulator.stream import Stream, StreamEndedError


def make_stream(make=lambda: make_scene("a fox", 704, 288), fps=20.0, media_time=time.monotonic, **options):
    return Stream(make, VideoEncoder("h264", fps, 1_000_000), fps, media_time=media_time, **options)


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
    stream = make_stream(fps=0.001)
    await stream.start()
    assert await asyncio.wait_for(stream.interact("snow", "snow"), 60) == 1_000_000
    await asyncio.wait_for(end(stream), 60)


async def test_frames_whose_time_has_passed_are_skipped_and_timestamps_stay_true():
    period, now, painted = 1 / 16, [100.0], threading.Semaphore(0)

    class Painting:
        # Each picture takes as long as it is shown, but the third, which takes six times as long.
        def __init__(self):
            self.scene = make_scene("x", 704, 288)

        def render(self, stream_time_ms, counter):
            painted.acquire(timeout=60)
            now[0] += 6 * period if counter == 2 else period
            return self.scene.render(stream_time_ms, counter)

    stream = make_stream(Painting, fps=16, media_time=lambda: now[0], monotonic=lambda: now[0])
    track = EncodedVideoTrack(lambda: None)
    stream.video.attach(track)
    painted.release(6)
    await stream.start()
    stamps = [(await track.recv()).pts for _ in range(6)]
    ending = asyncio.create_task(end(stream))
    painted.release(100)
    await ending
    steps = [(later - earlier) * 16 / 90_000 for earlier, later in itertools.pairwise(stamps)]
    assert steps == [1, 1, 6, 1, 1]
    assert stream.frames_skipped == 5
