"""Stream faults, as a client of the running service sees them."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator import Schedule
from odyssey_ros.emulator.faults import (
    ReplyDelay,
    ReplyDrop,
    RequestClose,
    StreamEnd,
    StreamFail,
    StreamRefusal,
)
from waiting import eventually

REPLIES = {"start": "stream_started", "update": "update_acknowledged", "end": "stream_ended"}
MESSAGES = {
    "start": {"type": "interactive_stream_start", "prompt": "one"},
    "update": {"type": "update", "prompt": "two"},
    "end": {"type": "interactive_stream_end"},
}


async def test_the_stream_ends_without_a_request(service):
    emulator, caller = service
    connection = await caller.connect()
    await connection.start()
    emulator.faults.arm(StreamEnd())
    await connection.reply("stream_ended")
    assert (await connection.start())["type"] == "stream_started"


async def test_every_stream_of_a_session_ends_after_a_time(service):
    emulator, caller = service
    emulator.faults.arm(StreamEnd(), Schedule(since="started", after=0.1, count=0))
    connection = await caller.connect()
    for _ in range(2):
        await connection.start()
        await connection.reply("stream_ended")


@pytest.mark.parametrize(
    "reason", ["quota_exceeded", "concurrent_limit_exceeded", "lease_denied", "session_timeout", "anything"]
)
async def test_requests_are_refused_and_streams_fail_with_a_reason(service, reason):
    emulator, caller = service
    connection = await caller.connect()
    emulator.faults.arm(StreamRefusal(request="start", reason=reason, message="injected message"))
    assert await connection.start() == {
        "type": "interactive_stream_error",
        "reason": reason,
        "message": "injected message",
    }
    assert (await connection.start())["type"] == "stream_started"
    emulator.faults.arm(StreamRefusal(request="update", reason=reason))
    assert (await connection.interact("x"))["reason"] == reason
    emulator.faults.arm(StreamRefusal(request="end", reason=reason))
    connection.send(type="interactive_stream_end")
    assert (await connection.reply("interactive_stream_error", "stream_ended"))["reason"] == reason
    emulator.faults.arm(StreamFail(reason=reason))
    assert (await connection.reply("interactive_stream_error"))["reason"] == reason
    await connection.reply("stream_ended")


@pytest.mark.parametrize("request_name", REPLIES)
async def test_a_request_is_carried_out_and_not_answered(service, request_name):
    emulator, caller = service
    connection = await caller.connect()
    if request_name != "start":
        await connection.start()
    dropped = emulator.faults.arm(ReplyDrop(request=request_name))
    connection.send(**MESSAGES[request_name])
    await eventually(lambda: dropped.spent)
    if request_name == "start":
        await connection.end()
    connection.send(**MESSAGES[request_name])
    await connection.reply(REPLIES[request_name])
    # The channel is ordered: a reply to the first request would have arrived before.
    assert [message["type"] for message in connection.messages].count(REPLIES[request_name]) == 1


@pytest.mark.parametrize("request_name", REPLIES)
async def test_a_reply_is_delayed(service, request_name):
    emulator, caller = service
    connection = await caller.connect()
    if request_name != "start":
        await connection.start()
    delayed = emulator.faults.arm(ReplyDelay(request=request_name, delay_seconds=3600))
    connection.send(**MESSAGES[request_name])
    await eventually(lambda: delayed.spent)
    assert REPLIES[request_name] not in [message["type"] for message in connection.messages]
    # The request itself is carried out.
    if request_name == "start":
        await connection.next_frame()
    if request_name == "end":
        assert emulator.counters["streams_ended"] == 1


async def test_a_reply_arrives_after_its_delay(service):
    emulator, caller = service
    connection = await caller.connect()
    delayed = emulator.faults.arm(ReplyDelay(request="start", delay_seconds=0.01))
    assert (await connection.start())["type"] == "stream_started"
    assert delayed.spent


@pytest.mark.parametrize("request_name", REPLIES)
async def test_the_socket_closes_when_a_request_arrives(service, request_name):
    emulator, caller = service
    connection = await caller.connect()
    if request_name != "start":
        await connection.start()
    emulator.faults.arm(RequestClose(request=request_name, code=1009, reason="too big"))
    connection.send(**MESSAGES[request_name])
    assert await eventually(lambda: connection.closed) == (1009, "too big")
    assert REPLIES[request_name] not in [message["type"] for message in connection.messages]
