"""Streams are made as a start request demands."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from odyssey_ros.emulator.config import Account, EmulatorConfig
from odyssey_ros.emulator.faults import VideoResize
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.media.recording import Artifact
from odyssey_ros.emulator.media.recordings import RecordingStore
from odyssey_ros.emulator.media.video_track import EncodedVideoTrack
from odyssey_ros.emulator.messages import StartStream
from odyssey_ros.emulator.running_stream import make_stream
from odyssey_ros.emulator.sessions import Session

SESSION = Session(Account(api_key="ody_local"), "local", 0.0)


@pytest.fixture
def make(tmp_path):
    def made(*, portrait=False, bypass_expansion=False, codec="h264", faults=(), **settings):
        context = SimpleNamespace(
            config=EmulatorConfig(**settings),
            recordings=RecordingStore(tmp_path),
            faults=FaultRegistry(time.monotonic),
            now=time.time,
            monotonic=time.monotonic,
        )
        for fault in faults:
            context.faults.arm(fault)
        request = StartStream("a fox", portrait, False, None, bypass_expansion)
        running = make_stream(context, SESSION, request, codec=codec, media_time=lambda: 0.0, seed_image=None)
        return context, running

    return made


async def run(running):
    """Run the stream until its first frame; return the frame's track."""
    track = EncodedVideoTrack(lambda: None)
    running.stream.video.attach(track)
    await running.stream.start()
    await running.stream.end("client", datetime.now(timezone.utc))
    return track


@pytest.mark.parametrize(("portrait", "size"), [(False, (1280, 704)), (True, (704, 1280))])
async def test_a_stream_is_recorded_in_its_size(make, portrait, size):
    context, running = make(portrait=portrait)
    assert running.portrait is portrait
    await run(running)
    recording = context.recordings.get(running.stream_id)
    assert (recording.width, recording.height) == size
    assert recording.owner == "local"


@pytest.mark.parametrize("bypass", [False, True])
async def test_the_recording_has_the_applied_prompt(make, bypass):
    context, running = make(bypass_expansion=bypass)
    await run(running)
    lines = context.recordings.path(running.stream_id, Artifact.EVENTS).read_text().split("\n")[:-1]
    start, end = map(json.loads, lines)
    assert (start["type"], start["prompt"], start["image"]) == ("start", "a fox", False)
    assert (start["applied_prompt"] == "a fox") is bypass
    assert (end["type"], end["reason"]) == ("end", "client")


async def test_nothing_is_recorded_when_recording_is_off(make):
    context, running = make(record=False)
    await run(running)
    assert context.recordings.get(running.stream_id) is None


async def test_the_faults_of_the_service_apply(make):
    context, running = make(faults=[VideoResize()])
    track = await run(running)
    assert bytes(await track.recv())
    # Frames of another size are sent and recorded.
    assert context.recordings.get(running.stream_id).frame_count >= 1
