"""Limits of data channels, over a real connection; attacks of another process are in test_hostile_peer.py."""

from __future__ import annotations

import pytest

from odyssey_ros.client.channel_limits import MAX_CHANNELS, MAX_MESSAGE_BYTES


@pytest.fixture
async def connected(service, client, recorder, eventually):
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    await eventually(lambda: streamer.to_client.readyState == "open")
    return streamer


async def test_a_message_above_the_maximum_size_ends_the_connection(connected, recorder, eventually):
    connected.peer.sctp._remote_max_message_size = None  # as a sender that ignores the announced limit
    connected.to_client.send("x" * (MAX_MESSAGE_BYTES + 1))
    await eventually(lambda: recorder.named("on_error"))
    assert f"a message of more than {MAX_MESSAGE_BYTES} bytes" in str(recorder.named("on_error")[0][0])


async def test_a_message_of_the_maximum_size_arrives(connected, recorder, eventually, caplog):
    connected.peer.sctp._remote_max_message_size = None
    connected.to_client.send("x" * MAX_MESSAGE_BYTES)
    await eventually(lambda: "malformed message from the streamer" in caplog.text)
    assert recorder.named("on_error") == []


async def test_channels_opened_later_are_counted(connected, recorder, eventually):
    for number in range(MAX_CHANNELS):
        connected.peer.createDataChannel(f"later {number}")
    await eventually(lambda: recorder.named("on_error"))
    assert f"more than {MAX_CHANNELS} data channels" in str(recorder.named("on_error")[0][0])
