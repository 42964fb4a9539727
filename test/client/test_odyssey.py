"""The public class, against a real service on loopback."""

from __future__ import annotations

import asyncio
import base64
import io

import pytest
from PIL import Image

from odyssey_ros.client import ConnectionStatus, OdysseyConnectionError, OdysseyImageError, OdysseyStreamError


async def test_a_complete_session(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks(frames=True))
    assert client.is_connected
    assert client.current_session_id == "session-1"
    assert client.capabilities.image_to_video is True
    stream_id = await client.start_stream("a cat", portrait=False)
    assert stream_id == "stream-session-1-1"
    assert client.last_applied_prompt == "[a cat]"
    await eventually(lambda: len(recorder.frames) > 3)
    assert await client.interact("a dog") == "[a dog]"
    assert client.last_applied_prompt == "[a dog]"
    seen = len(recorder.decoded)
    await eventually(lambda: len(recorder.decoded) > seen + 2)
    assert recorder.decoded[-1].prompt == "[a dog]"
    assert recorder.decoded[-1].stream_id == stream_id
    await client.end_stream()
    await client.disconnect()
    assert client.current_status is ConnectionStatus.DISCONNECTED
    assert recorder.statuses() == ["authenticating", "connecting", "connected", "disconnected"]
    assert [event[0] for event in recorder.events if event[0] != "on_status_change"] == [
        "on_connected",
        "on_stream_started",
        "on_interact_acknowledged",
        "on_stream_ended",
        "on_disconnected",
    ]
    frame = recorder.frames[-1]
    assert frame.data.shape == (48, 64, 3)
    assert (frame.width, frame.height) == (64, 48)
    indices = [decoded.index for decoded in recorder.decoded if decoded.stream_id == stream_id]
    assert indices == list(range(len(indices)))
    statistics = client.statistics
    assert statistics.frames_decoded == len(recorder.decoded)
    assert statistics.frames_converted == len(recorder.frames)
    assert statistics.streams_started == 1


async def test_calls_without_a_connection_are_refused(client):
    with pytest.raises(OdysseyStreamError, match="Cannot start stream: client is disconnected"):
        await client.start_stream("x")
    with pytest.raises(OdysseyStreamError, match="Cannot interact with stream: client is disconnected"):
        await client.interact("x")
    with pytest.raises(OdysseyStreamError, match="Cannot end stream: client is disconnected"):
        await client.end_stream()
    await client.disconnect()


async def test_a_second_connect_is_refused_without_effect(client):
    connecting = asyncio.create_task(client.connect())
    await asyncio.sleep(0)
    with pytest.raises(OdysseyConnectionError, match="Already connecting"):
        await client.connect()
    await connecting
    with pytest.raises(OdysseyConnectionError, match="Already connected"):
        await client.connect()
    assert client.is_connected


async def test_defect_41_images_are_rotated_scaled_and_limited_in_size(service, client):
    photo = Image.new("RGB", (640, 480), "blue")
    photo.paste("red", (0, 0, 640, 240))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate a quarter clockwise: the top moves to the right
    data = io.BytesIO()
    photo.save(data, "JPEG", exif=exif, quality=95)
    await client.connect()
    await client.start_stream("a beach", portrait=True, image=data.getvalue())
    streamer = await service.streamer()
    sent = next(m for m in streamer.received if m["type"] == "interactive_stream_start")["input_image_base64"]
    received = Image.open(io.BytesIO(base64.b64decode(sent.partition(",")[2])))
    assert received.size == (704, 1280)
    assert received.getpixel((20, 640))[2] > 200
    assert received.getpixel((684, 640))[0] > 200
    too_large = "data:image/png;base64," + base64.b64encode(bytes(26 * 1024 * 1024)).decode()
    with pytest.raises(OdysseyImageError, match="25 MB"):
        await client.start_stream("a beach", image=too_large)
