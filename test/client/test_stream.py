"""Start, interact, end and the streamer's messages, over real channels."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client import (
    BroadcastInfo,
    ConcurrentLimitReachedError,
    ErrorCode,
    MonthlyLimitReachedError,
    OdysseyArgumentError,
    OdysseyImageError,
    OdysseyStreamError,
    StreamDurationExceededError,
)
from odyssey_ros.client.connection_attempt import ConnectionAttempt
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.stream import (
    StartRequest,
    StreamFailed,
    StreamStarted,
    parse_streamer_message,
    stream_error_of,
)


@pytest.fixture
async def streamer(service, client, recorder):
    await client.connect(**recorder.callbacks())
    return await service.streamer()


# Calls


@pytest.mark.parametrize("call", ["start_stream", "interact", "end_stream"])
async def test_defect_01_every_call_has_a_timeout(service, make_client, call):
    client = make_client(operation_timeout_s=3)
    await client.connect()
    if call != "start_stream":
        await client.start_stream("a cat")
    service.reactions.clear()
    arguments = [] if call == "end_stream" else ["a dog"]
    with pytest.raises(OdysseyStreamError, match=r"no answer within 3 s") as caught:
        await getattr(client, call)(*arguments)
    assert caught.value.code is ErrorCode.TIMEOUT
    assert client.is_connected


async def test_a_start_without_a_reply_is_followed_by_an_end(service, make_client, eventually):
    client = make_client(operation_timeout_s=3)
    await client.connect()
    streamer = await service.streamer()
    reactions, service.reactions = service.reactions, {}
    with pytest.raises(OdysseyStreamError, match=r"no answer within 3 s"):
        await client.start_stream("a cat")
    await eventually(lambda: len(streamer.channel_messages) == 2)
    assert [message["type"] for message in streamer.channel_messages] == [
        "interactive_stream_start",
        "interactive_stream_end",
    ]
    service.reactions = reactions
    assert await client.start_stream("a dog")


async def test_defect_03_an_error_of_the_stream_fails_every_pending_call(
    service, client, streamer, recorder, eventually
):
    await client.start_stream("a cat")
    service.reactions.clear()
    pending = [
        asyncio.create_task(client.start_stream("again")),
        asyncio.create_task(client.interact("a dog")),
        asyncio.create_task(client.end_stream()),
    ]
    await eventually(lambda: len(streamer.channel_messages) == 4)
    streamer.send_on_channel(
        {"type": "interactive_stream_error", "reason": "moderation", "message": "no dogs"}
    )
    results = await asyncio.gather(*pending, return_exceptions=True)
    assert {str(result) for result in results} == {"moderation: no dogs"}
    assert {type(result) for result in results} == {OdysseyStreamError}
    assert recorder.named("on_stream_error") == [("moderation", "no dogs")]


async def test_defect_04_concurrent_interacts_each_get_their_own_reply(client, streamer):
    await client.start_stream("a cat")
    answers = await asyncio.gather(*(client.interact(f"prompt {number}") for number in range(5)))
    assert answers == [f"[prompt {number}]" for number in range(5)]


async def test_defect_05_a_reply_that_arrives_before_the_send_returns_is_not_lost(
    service, client, streamer, monkeypatch, eventually
):
    send = ConnectionAttempt.send_by_signaling

    async def send_slowly(self, text):
        await send(self, text)
        await eventually(lambda: client.statistics.streams_started)  # the reply has arrived

    monkeypatch.setattr(ConnectionAttempt, "send_by_signaling", send_slowly)
    service.reactions["interactive_stream_start"] = lambda s, _m: s.send_on_channel(
        {"type": "stream_started", "stream_id": "s"}
    )
    assert await client.start_stream("x" * 300_000) == "s"


async def test_defect_18_the_offer_limits_channel_messages_and_larger_ones_use_the_socket(service, client):
    service.edit_offer = lambda sdp: re.sub(r"a=max-message-size:\d+", "a=max-message-size:65536", sdp)
    await client.connect()
    streamer = await service.streamer()
    await client.start_stream("x" * 40_000)
    assert [message["type"] for message in streamer.channel_messages] == ["interactive_stream_start"]
    await client.start_stream("x" * 70_000)
    assert "interactive_stream_start" in streamer.kinds()
    with pytest.raises(OdysseyStreamError, match="limit of 65536 bytes"):
        await client.interact("x" * 70_000)


async def test_a_start_contains_its_arguments(service, client, streamer, grey_image):
    await client.start_stream("a cat", True, None, None, True, True)
    assert streamer.channel_messages[-1] == {
        "type": "interactive_stream_start",
        "prompt": "a cat",
        "portrait": True,
        "broadcast": True,
        "bypass_vlm_expansion": True,
    }
    await client.start_stream("a cat", portrait=False, image=grey_image)
    started = next(m for m in streamer.received if m["type"] == "interactive_stream_start")
    assert started["input_image_base64"].startswith("data:image/jpeg;base64,")
    assert "bypass_vlm_expansion" not in started
    assert started["portrait"] is False


async def test_image_and_image_path_exclude_each_other(client, streamer, grey_image):
    with pytest.raises(OdysseyArgumentError, match="not both"):
        await client.start_stream("a cat", image=grey_image, image_path="x.png")


async def test_an_unreadable_image_is_refused_before_anything_is_sent(client, streamer, tmp_path):
    with pytest.raises(OdysseyImageError):
        await client.start_stream("a cat", image_path=tmp_path / "missing.png")
    assert streamer.kinds() == ["answer"]


@pytest.mark.parametrize("capabilities", [None, {}, {"image_to_video": False}, {"image_to_video": "yes"}])
async def test_defect_42_an_image_is_refused_without_the_capability(
    service, client, recorder, grey_image, capabilities
):
    service.capabilities = capabilities
    await client.connect(**recorder.callbacks())
    assert client.capabilities.image_to_video is False
    with pytest.raises(OdysseyStreamError, match="cannot start from an image"):
        await client.start_stream("a cat", image=grey_image)
    assert (await service.streamer()).kinds() == ["answer"]


async def test_a_prompt_that_is_blank_or_has_no_stream_is_refused(client, streamer):
    with pytest.raises(OdysseyStreamError, match="no stream is running"):
        await client.interact("a dog")
    with pytest.raises(OdysseyArgumentError, match="empty"):
        await client.interact("  ")
    assert streamer.channel_messages == []


async def test_ending_without_a_stream_returns_at_once(client, streamer):
    await client.end_stream()
    assert streamer.channel_messages == []


async def test_a_cancelled_start_leaves_nothing_behind(service, client, streamer, eventually):
    service.reactions.clear()
    starting = asyncio.create_task(client.start_stream("a cat"))
    await eventually(lambda: streamer.channel_messages)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    streamer.send_on_channel({"type": "stream_started", "stream_id": "late"})
    await eventually(lambda: client.statistics.streams_started == 1)


async def test_a_start_that_is_ended_before_its_reply_fails_at_once(
    service, client, streamer, recorder, eventually
):
    service.reactions["interactive_stream_start"] = None
    starting = asyncio.create_task(client.start_stream("a cat"))
    await eventually(lambda: streamer.channel_messages)
    await client.end_stream()
    with pytest.raises(OdysseyStreamError, match="The stream ended"):
        await starting
    assert recorder.named("on_stream_ended") == []


async def test_an_ended_stream_ends_a_pending_interact(service, client, streamer, recorder, eventually):
    await client.start_stream("a cat")
    service.reactions.clear()
    interacting = asyncio.create_task(client.interact("a dog"))
    await eventually(lambda: len(streamer.channel_messages) == 2)
    streamer.send_on_channel({"type": "stream_ended"})
    with pytest.raises(OdysseyStreamError, match="The stream ended"):
        await interacting
    assert recorder.named("on_stream_ended") == [()]


async def test_a_stream_without_an_applied_prompt_has_the_requested_one(service, client, streamer):
    service.reactions["interactive_stream_start"] = lambda s, _m: s.send_on_channel(
        {"type": "stream_started", "stream_id": "s"}
    )
    assert await client.start_stream("a cat") == "s"
    assert client.last_applied_prompt == "a cat"


# Unsolicited messages


async def test_broadcast_details_are_passed_on(client, streamer, recorder, eventually):
    streamer.send_on_channel(
        {
            "type": "broadcast_ready",
            "webrtc_url": "http://h/live/x",
            "spectator_token": "t",
            "broadcast_url": None,
        }
    )
    streamer.send_on_channel({"type": "broadcast_ready", "webrtc_url": "http://h/live/x"})
    await eventually(lambda: recorder.named("on_stream_error"))
    assert recorder.named("on_broadcast_ready") == [(BroadcastInfo("http://h/live/x", "t"),)]
    assert recorder.named("on_stream_error")[0][0] == "broadcast_error"


async def test_malformed_channel_messages_are_ignored(client, streamer, recorder):
    for noise in (
        "not JSON",
        "[]",
        '{"type": 5}',
        '{"type": "stream_started"}',
        '{"type": "unknown"}',
        b"\x00",
    ):
        streamer.send_on_channel(noise)
    assert await client.start_stream("a cat")
    assert client.is_connected


async def test_an_unsolicited_error_stops_the_check_for_frames(
    service, make_client, recorder, eventually, frame_samples
):
    client = make_client(frame_timeout_s=1)
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    await client.start_stream("a cat")
    streamer.send_on_channel({"type": "interactive_stream_error", "reason": "model_crash", "message": "oops"})
    await eventually(lambda: recorder.named("on_stream_error"))
    streamer.track.paused = True
    frame_samples.clear()
    await eventually(lambda: len(frame_samples) > 8)
    assert set(frame_samples) == {None}
    assert client.is_connected


@pytest.mark.parametrize(
    ("reason", "kind", "code"),
    [
        ("quota_exceeded", MonthlyLimitReachedError, ErrorCode.MONTHLY_LIMIT_REACHED),
        ("concurrent_limit_exceeded", ConcurrentLimitReachedError, ErrorCode.CONCURRENT_LIMIT_REACHED),
        ("session_timeout", StreamDurationExceededError, ErrorCode.STREAM_DURATION_EXCEEDED),
        ("lease_denied", OdysseyStreamError, ErrorCode.LEASE_DENIED),
        ("moderation_failed", OdysseyStreamError, ErrorCode.MODERATION_FAILED),
        ("anything", OdysseyStreamError, ErrorCode.STREAM_FAILED),
    ],
)
def test_defect_25_the_streamers_reasons_map_to_the_codes_of_the_api(reason, kind, code):
    error = stream_error_of(StreamFailed(reason, "because", {"limit": 5}))
    assert type(error) is kind
    assert (error.code, error.reason) == (code, reason)
    assert error.details == {"limit": 5}
    assert error.action_url is None
    assert "because" in str(error)


# Parsing

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
kinds = st.sampled_from(
    [
        "stream_started",
        "update_acknowledged",
        "stream_ended",
        "broadcast_ready",
        "interactive_stream_error",
        "offer",
        "ice_candidate",
        "error",
        "",
    ]
)
names = st.sampled_from(
    [
        "stream_id",
        "applied_prompt",
        "prompt",
        "webrtc_url",
        "spectator_token",
        "broadcast_url",
        "reason",
        "message",
    ]
)


@given(
    st.text() | st.builds(lambda k, d: json.dumps({**d, "type": k}), kinds, st.dictionaries(names, anything))
)
def test_any_streamer_message_is_parsed_or_refused(text):
    try:
        message = parse_streamer_message(text)
    except MalformedError:
        return
    if isinstance(message, StreamStarted):
        assert message.stream_id


@given(
    prompt=st.text(),
    portrait=st.booleans(),
    bypass=st.none() | st.booleans(),
    broadcast=st.booleans(),
    image=st.none() | st.text(min_size=1),
)
def test_a_start_request_contains_all_arguments(prompt, portrait, bypass, broadcast, image):
    message = json.loads(StartRequest(prompt, portrait, image, bypass, broadcast).to_json())
    assert message["prompt"] == prompt
    assert message["portrait"] is portrait
    assert message["broadcast"] is broadcast
    assert message.get("bypass_vlm_expansion") is bypass
    assert message.get("input_image_base64") == image
