"""Frames: stamping, labels, and conversion of the newest frame off the loop."""

from __future__ import annotations

import asyncio
import fractions
import itertools
import threading

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from odyssey_ros.client import frames, images
from odyssey_ros.client.callbacks import CallbackObserver
from odyssey_ros.client.frame_arrivals import FrameArrival
from odyssey_ros.client.frame_labels import FrameLabel
from odyssey_ros.client.frames import FramePipeline, NewestFrameConverter, to_video_frame
from odyssey_ros.client.types import DecodedFrame
from odyssey_ros.client.video_receiver import ReceivedFrame, ReceivedUnit, UnitArrival


def make_frame(pts: int | None = 0, level: int = 128) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), format="rgb24").reformat(
        format="yuv420p"
    )
    frame.pts = pts
    frame.time_base = fractions.Fraction(1, 90000)
    return frame


def decoded(index: int = 0) -> DecodedFrame:
    return DecodedFrame(make_frame(), 0, index * 50_000_000, 0, index, None, None)


class Source:
    """A received track."""

    def __init__(self, received, skipped=0):
        self._received = list(received)
        self.skipped = self.key_frames_requested = skipped

    def set_decoding(self, *, enabled):
        assert enabled

    async def recv(self):
        if not self._received:
            raise MediaStreamError
        return self._received.pop(0)


async def test_every_frame_is_passed_on_stamped_and_labelled():
    received: list[DecodedFrame] = []
    clock = itertools.count(100)
    pipeline = FramePipeline(CallbackObserver({}, received.append))

    def arrived(label, index, media_ticks, stream_ticks):
        arrival = FrameArrival(label, index, media_ticks, stream_ticks, follows_loss=False)
        return ReceivedFrame(make_frame(media_ticks), UnitArrival(index + 20, next(clock), arrival))

    cat = FrameLabel(1, "s", "a cat")
    await pipeline.consume(
        Source(
            [arrived(FrameLabel(), 7, 9000, 4500), arrived(cat, 0, 13_501, 0), arrived(cat, 2, 22_500, 8999)]
        )
    )
    assert [(f.arrival_ns, f.index, f.stream_id, f.prompt) for f in received] == [
        (100, 7, None, None),
        (101, 0, "s", "a cat"),
        (102, 2, "s", "a cat"),
    ]
    assert [f.media_time_ns for f in received] == [100_000_000, 150_011_111, 250_000_000]
    assert [f.stream_time_ns for f in received] == [50_000_000, 0, 99_988_888]
    assert pipeline.decoded == 3
    assert [f.number for f in received] == [27, 20, 22]


async def test_skipped_frames_are_counted_across_tracks():
    pipeline = FramePipeline(CallbackObserver({}), decoding=True)
    assert (pipeline.skipped, pipeline.key_frames_requested) == (0, 0)
    await pipeline.consume(Source([], skipped=3))
    await pipeline.consume(Source([], skipped=4))
    assert (pipeline.skipped, pipeline.key_frames_requested) == (7, 7)


async def test_defect_30_frames_are_converted_off_the_loop_and_only_the_newest_waits(monkeypatch, eventually):
    seen: list[int] = []
    threads: set[str] = set()
    offered = threading.Event()

    def convert_when_offered(frame):
        threads.add(threading.current_thread().name)
        assert offered.wait(60)  # set by the loop, which must not be blocked
        return to_video_frame(frame)

    monkeypatch.setattr(frames, "to_video_frame", convert_when_offered)
    converter = NewestFrameConverter(
        CallbackObserver({"on_video_frame": lambda frame: seen.append(frame.timestamp_ms)})
    )
    running = asyncio.create_task(converter.run())
    converter.offer(decoded(0))
    await eventually(lambda: threads)
    for index in range(1, 50):
        converter.offer(decoded(index))
    offered.set()
    await eventually(lambda: len(seen) == 2)
    running.cancel()
    await asyncio.wait({running})
    assert seen == [0, 49 * 50]
    assert (converter.converted, converter.dropped) == (2, 48)
    assert all(name.startswith("odyssey-convert") for name in threads)


async def test_defect_31_a_frame_that_cannot_be_converted_does_not_end_the_delivery(monkeypatch, eventually):
    convert, seen, errors = frames.to_video_frame, asyncio.Event(), []

    def broken(frame):
        if frame.index == 0:
            raise ZeroDivisionError
        return convert(frame)

    monkeypatch.setattr(frames, "to_video_frame", broken)
    converter = NewestFrameConverter(
        CallbackObserver(
            {
                "on_video_frame": lambda _frame: seen.set(),
                "on_error": lambda *arguments: errors.append(arguments),
            }
        )
    )
    running = asyncio.create_task(converter.run())
    converter.offer(decoded(0))
    await eventually(lambda: errors)
    converter.offer(decoded(1))
    await asyncio.wait_for(seen.wait(), 60)
    running.cancel()
    await asyncio.wait({running})
    assert [(type(error), fatal) for error, fatal in errors] == [(ZeroDivisionError, False)]
    assert converter.converted == 1


async def test_conversion_and_image_preparation_do_not_block_the_loop(
    service, client, recorder, eventually, monkeypatch, grey_image
):
    started: set[str] = set()
    seen_by_loop = threading.Event()

    def when_seen(work):
        def wait_then_call(*arguments, **options):
            started.add(work.__name__)
            assert seen_by_loop.wait(60)  # set by the loop, which must not be blocked
            return work(*arguments, **options)

        return wait_then_call

    monkeypatch.setattr(frames, "to_video_frame", when_seen(frames.to_video_frame))
    monkeypatch.setattr(images, "prepare_image", when_seen(images.prepare_image))
    await client.connect(**recorder.callbacks(frames=True))
    starting = asyncio.create_task(client.start_stream("x", image=grey_image))
    await eventually(lambda: started == {"to_video_frame", "prepare_image"})
    seen_by_loop.set()
    assert await starting
    await eventually(lambda: recorder.frames)


async def test_defect_31_a_raising_callback_is_reported_and_frames_continue(
    service, client, recorder, eventually
):
    calls = []

    def broken(frame: object) -> None:
        calls.append(frame)
        raise RuntimeError("an error of the program")

    callbacks = recorder.callbacks()
    callbacks["on_video_frame"] = broken
    callbacks["on_decoded_frame"] = broken
    await client.connect(**callbacks)
    await eventually(lambda: len(calls) > 10)
    assert client.is_connected
    errors = recorder.named("on_error")
    assert all(isinstance(error, RuntimeError) and fatal is False for error, fatal in errors)
    assert len(errors) >= 10


async def test_defect_31_raising_callbacks_do_not_disturb_the_client(service, client, recorder, eventually):
    def broken(*_arguments: object) -> None:
        raise RuntimeError("an error of the program")

    await client.connect(**dict.fromkeys(recorder.callbacks(frames=True), broken))
    assert await client.start_stream("a cat")
    assert await client.interact("a dog")
    await (await service.streamer()).socket.close(code=1011)
    await service.streamer(2)
    await eventually(lambda: client.is_connected)
    await client.disconnect()


async def test_defect_32_audio_does_not_accumulate(service, client, recorder, eventually):
    service.audio = True
    await client.connect(**recorder.callbacks())
    await eventually(lambda: len(recorder.decoded) > 20)
    streamer = await service.streamer()
    answer = streamer.peer.remoteDescription.sdp
    assert "a=inactive" in answer[answer.index("m=audio") :]
    threads = [thread.name for thread in threading.enumerate() if "decoder" in thread.name]
    assert threads == ["video-decoder"]


async def test_frames_are_not_converted_without_a_video_callback(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    await eventually(lambda: len(recorder.decoded) > 5)
    assert client.statistics.frames_converted == 0
    assert client.statistics.frames_dropped == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("odyssey-convert")]


async def test_packet_statistics_are_reported(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    await eventually(lambda: client.statistics.packets_received > 10)
    assert client.statistics.packets_lost < client.statistics.packets_received
    assert client.statistics.jitter_s >= 0


def test_a_video_frame_is_rgb():
    frame = to_video_frame(decoded(3))
    assert frame.data.dtype == np.uint8
    assert frame.data.shape == (48, 64, 3)
    assert frame.data.flags.c_contiguous
    assert abs(int(frame.data.mean()) - 128) < 3
    assert frame.timestamp_ms == 150
    with pytest.raises(AttributeError):
        frame.width = 3


def test_a_frozen_connection_says_whether_only_a_key_frame_is_missing():
    pipeline = FramePipeline(CallbackObserver({}))
    assert "No frame for 10 s" in str(pipeline.frozen(10))
    pipeline.unit_withheld()
    assert "No key frame for 2.5 s" in str(pipeline.frozen(2.5))
    arrival = FrameArrival(FrameLabel(), 0, 0, 0, follows_loss=False)
    unit = UnitArrival(0, 1, arrival)
    pipeline.unit_passed(ReceivedUnit("vp8", b"\0", is_key_frame=True, size=(64, 48), arrival=unit))
    assert "No frame for 10 s" in str(pipeline.frozen(10))
