"""A client starts streams, sends prompts, and ends streams."""

from __future__ import annotations

import base64
import io
import itertools
import json

import pytest
from PIL import Image

from odyssey_ros.emulator import Account, EmulatorConfig, Limits
from odyssey_ros.emulator.faults import ReplyDelay
from odyssey_ros.emulator.scene.marker import Marker, prompt_digest, read_marker


def marker_of(frame) -> Marker:
    return read_marker(frame.to_ndarray(format="rgb24"))


def shows(frame, prompt) -> bool:
    marker = marker_of(frame)
    return marker is not None and marker.prompt_id == prompt_digest(prompt)


def data_url(colour=(250, 40, 30), kind="JPEG", size=(640, 480)):
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"


async def test_a_stream_shows_the_prompts_of_the_client(service, until):
    _, caller = service
    connection = await caller.connect()
    assert not connection.frames

    started = await connection.start("a red fox")
    assert started["type"] == "stream_started"
    assert started["applied_prompt"].startswith("a red fox, ")
    await until(lambda: len(connection.frames) > 10)
    assert (connection.frames[0].width, connection.frames[0].height) == (1280, 704)
    assert shows(connection.frames[0], "a red fox")

    acknowledged = await connection.interact("it begins to snow")
    assert acknowledged["prompt"].startswith("it begins to snow, ")
    await until(lambda: shows(connection.frames[-1], "it begins to snow"))

    assert (await connection.end())["type"] == "stream_ended"
    seen = len(connection.frames)
    await until(lambda: connection.peer.connectionState == "connected")
    assert len(connection.frames) <= seen + 2


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_frames_arrive_without_loss_and_with_correct_timestamps(running, until, codec):
    # A rate that a busy machine can keep.
    async with running(EmulatorConfig(fps=4, codec=codec)) as (_, caller):
        connection = await caller.connect()
        await connection.start()
        await until(lambda: len(connection.frames) >= 12)
        frames = connection.frames[:12]
        markers = [marker_of(frame) for frame in frames]
        assert [marker.counter for marker in markers] == list(range(12))
        for (before, earlier), (after, later) in itertools.pairwise(zip(frames, markers, strict=True)):
            step = later.stream_time_ms - earlier.stream_time_ms
            assert after.pts - before.pts == step * 90
            assert step % 250 == 0


async def test_a_second_stream_starts_at_zero_and_media_time_continues(service, until):
    _, caller = service
    connection = await caller.connect()
    first = await connection.start(portrait=True)
    await until(lambda: len(connection.frames) > 5)
    await connection.end()
    before = connection.frames[-1]
    assert (before.width, before.height) == (704, 1280)
    second = await connection.start(portrait=False)
    assert second["stream_id"] != first["stream_id"]
    await until(lambda: connection.frames[-1].width == 1280)
    after = next(frame for frame in connection.frames if frame.width == 1280)
    assert marker_of(after).counter == 0
    assert marker_of(after).stream_time_ms == 0
    assert after.pts > before.pts


async def test_a_start_message_on_the_socket_may_have_an_image(service, until):
    _, caller = service
    connection = await caller.connect()
    start = {"type": "interactive_stream_start", "prompt": "", "portrait": False}
    await connection.socket.send(json.dumps({**start, "input_image_base64": data_url()}))
    assert (await connection.reply("stream_started", "interactive_stream_error"))["type"] == "stream_started"
    frame = await connection.next_frame()
    red, green, blue = frame.to_ndarray(format="rgb24")[:500].mean(axis=(0, 1))
    assert red > 180
    assert max(green, blue) < 100


async def test_an_image_of_25_mb_is_accepted(service):
    _, caller = service
    connection = await caller.connect()
    content = io.BytesIO()
    Image.new("RGB", (64, 64), (0, 200, 0)).save(content, "BMP")
    body = content.getvalue() + bytes(25 * 1024 * 1024 - len(content.getvalue()))
    url = f"data:image/bmp;base64,{base64.b64encode(body).decode()}"
    start = {"type": "interactive_stream_start", "prompt": "", "input_image_base64": url}
    await connection.socket.send(json.dumps(start))
    assert (await connection.reply("stream_started", "interactive_stream_error"))["type"] == "stream_started"


@pytest.mark.parametrize(
    "image",
    [
        "no data URL",
        "data:image/png;base64,!!!",
        "data:text/plain;base64,AAAA",
        "data:image/png;base64,AAAA",
        "data:image/png,AAAA",
        data_url(size=(2000, 2000), kind="BMP"),
    ],
)
async def test_a_bad_image_is_refused(running, image):
    async with running(EmulatorConfig(limits=Limits(image_bytes=1_000_000))) as (_, caller):
        connection = await caller.connect()
        refused = await connection.start(input_image_base64=image) if len(image) < 60_000 else None
        if refused is None:
            await connection.socket.send(
                json.dumps({"type": "interactive_stream_start", "input_image_base64": image})
            )
            refused = await connection.reply("interactive_stream_error", "stream_started")
        assert refused["reason"] == "invalid_image"
        assert "base64," not in refused["message"]


async def test_an_image_is_refused_without_the_capability(running):
    async with running(EmulatorConfig(image_to_video=False)) as (_, caller):
        connection = await caller.connect()
        refused = await connection.start(input_image_base64=data_url(size=(16, 16)))
        assert refused["reason"] == "image_to_video_not_supported"


async def test_invalid_requests_are_answered_with_their_reasons(service):
    _, caller = service
    connection = await caller.connect()
    assert (await connection.interact("nothing runs"))["reason"] == "no_active_stream"
    assert (await connection.end())["type"] == "stream_ended"
    await connection.start()
    assert (await connection.start())["reason"] == "stream_already_active"
    assert (await connection.interact("  "))["reason"] == "invalid_request"
    assert (await connection.interact("still runs"))["type"] == "update_acknowledged"
    connection.channels["clientToStreamer"].send("{not json")
    assert (await connection.reply("interactive_stream_error"))["reason"] == "invalid_request"
    connection.send(type="update", prompt=7)
    assert (await connection.reply("interactive_stream_error"))["reason"] == "invalid_request"
    connection.send(type="unknown to the service")
    assert (await connection.interact("continues"))["type"] == "update_acknowledged"


async def test_bypassing_the_expansion_needs_the_privilege(running):
    async with running(EmulatorConfig()) as (_, caller):
        connection = await caller.connect()
        assert (await connection.start(bypass_vlm_expansion=True))["reason"] == "bypass_not_allowed"
        assert (await connection.start(bypass_vlm_expansion=False))["type"] == "stream_started"
    account = Account(api_key="ody_local", may_bypass_expansion=True)
    async with running(EmulatorConfig(accounts=(account,))) as (_, caller):
        connection = await caller.connect()
        assert (await connection.start("a cat.", bypass_vlm_expansion=True))["applied_prompt"] == "a cat."
        assert (await connection.interact("a dog."))["prompt"] == "a dog."


async def test_simultaneous_requests_are_answered_in_order(service):
    _, caller = service
    connection = await caller.connect()
    connection.send(type="interactive_stream_start", prompt="one")
    connection.send(type="update", prompt="two")
    connection.send(type="interactive_stream_end")
    await connection.reply("stream_ended")
    assert [m["type"] for m in connection.messages] == [
        "stream_started",
        "update_acknowledged",
        "stream_ended",
    ]


async def test_a_receiver_gets_a_keyframe_on_request(service, until):
    _, caller = service
    connection = await caller.connect()
    await connection.start()
    await until(lambda: len(connection.frames) > 5)
    [receiver] = connection.peer.getReceivers()
    [ssrc] = receiver._RTCRtpReceiver__active_ssrc
    seen = len(connection.frames)
    await receiver._send_rtcp_pli(ssrc)
    await until(lambda: any(frame.key_frame for frame in connection.frames[seen:]))


async def test_requests_that_a_client_does_not_wait_for_are_bounded(service, until):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(ReplyDelay(request="start", delay_seconds=3))
    connection.send(type="interactive_stream_start", prompt="a fox", portrait=False)
    for _ in range(60):
        connection.send(type="update", prompt="snow")
    refusal = await connection.reply("interactive_stream_error")
    assert refusal["reason"] == "too_many_requests"
    await until(lambda: len(connection.messages) >= 61)  # each request has an answer
    assert (await connection.end())["type"] == "stream_ended"


async def test_only_one_image_waits(service):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(ReplyDelay(request="start", delay_seconds=3))
    connection.send(type="interactive_stream_start", prompt="a fox", portrait=False)
    for _ in range(3):
        connection.send(type="interactive_stream_start", prompt="x", input_image_base64="data:,")
    reasons = [(await connection.reply("interactive_stream_error"))["reason"] for _ in range(3)]
    assert sorted(reasons) == ["stream_already_active", "too_many_requests", "too_many_requests"]
