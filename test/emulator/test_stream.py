"""The thread of a stream: its pace, commands and failures."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
import time
from datetime import datetime, timezone

import pytest

from odyssey_ros.emulator.media.encoding import VideoEncoder
from odyssey_ros.emulator.media.recorder import Recorder
from odyssey_ros.emulator.media.video_track import EncodedVideoTrack
from odyssey_ros.emulator.scene.scenes import make_scene
from odyssey_ros.emulator.stream import Disturbance, Stream, StreamEndedError, _End
from recorded_streams import group_seconds, metadata
from waiting import eventually, wait_until


def make_stream(make=lambda: make_scene("a fox", 704, 288), fps=20.0, media_time=time.monotonic, **options):
    return Stream(make, VideoEncoder("h264", fps, 1_000_000), fps, media_time=media_time, **options)


async def end(stream):
    await stream.end("client", datetime.now(timezone.utc))


async def test_a_scene_that_cannot_be_made_fails_the_start():
    def broken():
        raise ValueError("no scene")

    with pytest.raises(ValueError, match="no scene"):
        await make_stream(broken).start()


async def test_a_failure_of_the_scene_is_reported_to_the_watcher():
    class BreakingScene:
        def render(self, stream_time_ms, counter):
            if counter == 3:
                raise RuntimeError("no more frames")
            return make_scene("x", 704, 288).render(stream_time_ms, counter)

    stream = make_stream(BreakingScene)
    await stream.start()
    stopped = asyncio.Event()
    stream.watch(stopped.set)
    await asyncio.wait_for(stopped.wait(), 60)
    with pytest.raises(RuntimeError, match="no more frames"):
        await stream.finished()
    with pytest.raises(StreamEndedError):
        await stream.interact("x", "x")
    assert stream.frames_made == 3


async def test_a_stream_can_be_ended_more_than_once():
    stream = make_stream()
    await stream.start()
    await asyncio.gather(end(stream), end(stream))
    await end(stream)
    with pytest.raises(StreamEndedError):
        await stream.interact("x", "x")


async def test_a_prompt_at_a_low_frame_rate_is_applied_at_once():
    stream = make_stream(fps=0.001)
    await stream.start()
    assert await asyncio.wait_for(stream.interact("snow", "snow"), 60) == 1_000_000
    await asyncio.wait_for(end(stream), 60)


async def test_the_start_is_announced_once_and_before_the_first_frame():
    stream, order = make_stream(), []
    push = stream.video.push
    stream.video.push = lambda frame: (order.append("frame"), push(frame))
    await stream.start(lambda: order.append("start"))
    assert order[:2] == ["start", "frame"]
    await eventually(lambda: len(order) > 3)
    await end(stream)
    assert order.count("start") == 1


async def test_a_prompt_is_shown_recorded_and_acknowledged_at_one_frame():
    """The world of the prompt is ready long before the command is run; frames go on as before until then."""

    class Recorder:
        def __init__(self):
            self.events = []

        def add_event(self, event):
            self.events.append(event)

        def add_packet(self, data, stream_time_ms, *, keyframe):
            pass

        def finish(self, ended_at):
            pass

    class Scene:
        def __init__(self):
            self.scene = make_scene("a fox", 704, 288)
            self.shown = []

        def prepare(self, prompt):
            world = self.scene.prepare(prompt)
            # Frames are rendered between the end of the preparation and the command.
            before = len(self.shown)
            wait_until(lambda: len(self.shown) > before + 2, "frames in between")
            return world

        def show(self, world):
            self.scene.show(world)

        def render(self, stream_time_ms, counter):
            self.shown.append((stream_time_ms, self.scene.prompt))
            return self.scene.render(stream_time_ms, counter)

    scene, recorder = Scene(), Recorder()
    stream = make_stream(lambda: scene, recorder=recorder)
    delivered, order = stream._deliver, []
    stream._deliver = lambda frame: (order.append("frame"), delivered(frame))
    await stream.start()
    times = []
    for prompt in ("snow", "night"):
        times.append(await stream.interact(prompt, prompt, lambda prompt=prompt: order.append(prompt)))
        await eventually(lambda prompt=prompt: scene.shown[-1][1] == prompt)
    await end(stream)
    first = [
        next(time_ms for time_ms, prompt in scene.shown if prompt == wanted) for wanted in ("snow", "night")
    ]
    assert [event.timestamp_ms for event in recorder.events[:2]] == times == first
    # Each prompt is acknowledged before the first frame that shows it is published, and after the one before.
    shown = [prompt for _, prompt in scene.shown]
    assert [order[: order.index(prompt)].count("frame") for prompt in ("snow", "night")] == [
        shown.index("snow"),
        shown.index("night"),
    ]


@pytest.mark.parametrize("fps", [20, 30, 29.97, 7])
async def test_the_time_of_a_frame_is_not_before_the_event_that_it_shows(fps):
    stream = make_stream(fps=fps)
    for slot in range(5000):
        exact_ms = stream._stream_ticks(slot) * 1000 / 90_000
        assert exact_ms - 1 < stream._stream_time(slot) <= exact_ms


async def test_late_frames_are_skipped_and_timestamps_stay_correct():
    period, now, rendered = 1 / 16, [100.0], threading.Semaphore(0)

    class SlowScene:
        # Rendering takes one frame period, and six periods for the third frame.
        def __init__(self):
            self.scene = make_scene("x", 704, 288)

        def render(self, stream_time_ms, counter):
            rendered.acquire(timeout=60)
            now[0] += 6 * period if counter == 2 else period
            return self.scene.render(stream_time_ms, counter)

    stream = make_stream(SlowScene, fps=16, media_time=lambda: now[0], monotonic=lambda: now[0])
    track = EncodedVideoTrack(lambda: None)
    stream.video.attach(track)
    rendered.release(6)
    await stream.start()
    stamps = [(await track.recv()).pts for _ in range(6)]
    ending = asyncio.create_task(end(stream))
    rendered.release(100)
    await ending
    steps = [(later - earlier) * 16 / 90_000 for earlier, later in itertools.pairwise(stamps)]
    assert steps == [1, 1, 6, 1, 1]
    assert stream.frames_skipped == 5


class Commands(queue.SimpleQueue):
    """A command queue that advances a clock instead of waiting."""

    def __init__(self, now):
        self.now = now

    def get(self, timeout):
        self.now[0] += timeout
        return self.get_nowait()


@pytest.mark.parametrize("codec", ["h264", "vp8"])
@pytest.mark.parametrize(("fps", "interval"), [(20, 0), (7, 3600), (0.7, 0), (20, 0.5)])
async def test_recordings_can_be_decoded_from_a_key_frame_at_most_two_seconds_back(
    tmp_path, codec, fps, interval
):
    """An H.264 recording has the packets of the stream; VP8 frames are encoded again, some are dropped."""
    now = [100.0]
    frames = max(round(5 * fps), 5)

    class Scene:
        def __init__(self):
            self.scene = make_scene("x", 704, 288)

        def render(self, stream_time_ms, counter):
            if counter == frames // 2:
                now[0] += 1.5  # frames are left out
            if counter == frames - 1:
                stream._commands.put(_End("client", datetime.now(timezone.utc)))
            return self.scene.render(stream_time_ms, counter)

    recorder = Recorder(tmp_path / "r", metadata("r", size=(704, 288)), fps)
    stream = Stream(
        Scene,
        VideoEncoder(codec, fps, 1_000_000),
        fps,
        media_time=lambda: now[0],
        key_frame_interval=interval,
        recorder=recorder,
        monotonic=lambda: now[0],
    )
    stream._commands = Commands(now)
    await stream.start()
    await stream.finished()
    since_key_frame = group_seconds(tmp_path / "r" / "video.mp4")
    assert len(since_key_frame) == frames - recorder.dropped
    assert max(since_key_frame) < 2
    assert since_key_frame.count(0) < frames or fps < 1
    if codec == "h264" and interval == 0.5:
        assert max(since_key_frame) < 0.5


async def test_a_frozen_vp8_frame_is_recorded_as_another_frame():
    """Two encoders set the time of their frames on two threads."""

    class Recorder:
        def __init__(self):
            self.frames = []

        def add_frame(self, frame, stream_time_ms):
            self.frames.append(frame)

        def add_event(self, event):
            pass

        def finish(self, ended_at):
            pass

    recorder = Recorder()
    stream = Stream(
        lambda: make_scene("x", 704, 288),
        VideoEncoder("vp8", 20, 1_000_000),
        20,
        media_time=time.monotonic,
        recorder=recorder,
        disturbance=lambda: Disturbance(frozen=True),
    )
    await stream.start()
    await eventually(lambda: len(recorder.frames) > 3)
    await end(stream)
    first, *others = recorder.frames
    assert all(frame is not stream._last_frame for frame in others)
    assert {frame.to_ndarray().tobytes() for frame in others} == {first.to_ndarray().tobytes()}


async def test_frames_are_paced_by_deadlines_that_do_not_drift():
    now, times = [100.0], []
    picture = make_scene("x", 704, 288).render(0, 0)

    class Scene:
        def render(self, stream_time_ms, counter):
            times.append(now[0] - 100.0)
            now[0] += 0.01
            if counter == 9:
                stream._commands.put(_End("client", datetime.now(timezone.utc)))
            return picture

    stream = make_stream(Scene, fps=8, media_time=lambda: now[0], monotonic=lambda: now[0])
    stream._commands = Commands(now)
    await stream.start()
    await stream.finished()
    assert times == pytest.approx([counter / 8 for counter in range(10)])
    assert stream.frames_skipped == 0
