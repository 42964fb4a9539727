"""The peer: offers, candidates and ICE servers, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re

import pytest
from aioice import turn
from aiortc import RTCPeerConnection

from odyssey_ros.client import OdysseyConnectionError, OdysseyStreamError
from odyssey_ros.client.callbacks import CallbackObserver
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.peer import Peer, max_message_size
from odyssey_ros.client.signaling import RemoteCandidate


@pytest.mark.parametrize("trickle", ["early", "late"])
async def test_defect_17_trickled_candidates_are_used_before_and_after_the_offer(service, client, trickle):
    service.trickle = trickle
    await client.connect()
    assert client.is_connected


async def test_defect_15_turn_credentials_are_used(service, client, monkeypatch):
    service.ice_config = {
        "iceServers": [
            {"urls": ["turn:127.0.0.1:9?transport=tcp"], "username": "the-user", "credential": "the-password"}
        ]
    }
    allocations = []

    async def endpoint(*_arguments, username, password, **options):
        allocations.append((username, password, options["server_addr"]))
        raise OSError("unreachable")

    monkeypatch.setattr(turn, "create_turn_endpoint", endpoint)
    await client.connect()
    assert ("the-user", "the-password", ("127.0.0.1", 9)) in allocations


async def test_a_turn_server_receives_an_allocate_request(service, client, eventually):
    received = []

    async def serve(reader, writer):
        received.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    service.ice_config = {
        "iceServers": [{"urls": f"turn:127.0.0.1:{port}?transport=tcp", "username": "u", "credential": "c"}]
    }
    await client.connect()
    assert received
    assert received[0][:2] == b"\x00\x03"  # a TURN Allocate request (RFC 8656)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "answer", [(500, None), (404, None), (200, "not JSON"), (200, "[]"), (200, '{"iceServers": 5}')]
)
async def test_defect_16_a_local_client_connects_without_an_ice_configuration(
    service, client, answer, caplog
):
    status, text = answer
    service.script("GET /signal/config", status, {}, text=text)
    await client.connect()
    assert client.is_connected
    assert "public STUN" not in caplog.text


async def test_defect_16_fetching_the_ice_configuration_has_a_timeout(service, make_client):
    service.script("GET /signal/config", 200, {}, delay_s=3600)
    client = make_client(request_timeout_s=3)
    await client.connect()
    assert client.is_connected


@pytest.mark.parametrize(
    ("sdp", "size"),
    [
        ("v=0\r\n", 65536),
        ("a=max-message-size:262144\r\n", 262144),
        ("x\na=max-message-size:5\n", 5),
        ("a=max-message-size:0\r\n", None),
        ("a=max-message-size:" + "9" * 40, 65536),
    ],
)
def test_the_description_sets_the_maximum_message_size(sdp, size):
    assert max_message_size(sdp) == size


def make_peer(**changes):
    events = []

    options = {
        "loopback_only": True,
        "frames": FramePipeline(CallbackObserver({})),
        "on_message": events.append,
        "on_ready": lambda: events.append("ready"),
        "on_lost": events.append,
        **changes,
    }
    return Peer((), **options), events


async def offer_without(pattern):
    remote = RTCPeerConnection()
    remote.createDataChannel("clientToStreamer")
    if pattern != "video":
        remote.addTransceiver("video", direction="sendonly")
    await remote.setLocalDescription(await remote.createOffer())
    sdp = remote.localDescription.sdp
    await remote.close()
    return re.sub(r"m=application.*", "", sdp, flags=re.DOTALL) if pattern == "channels" else sdp


@pytest.mark.parametrize("missing", ["video", "channels"])
async def test_an_offer_without_video_or_channels_is_refused(nothing_left_behind, missing):
    local, _events = make_peer()
    with pytest.raises(OdysseyConnectionError, match="offer cannot be used"):
        await local.answer(await offer_without(missing))
    await local.close()


async def test_invalid_candidates_are_ignored(nothing_left_behind, caplog):
    local, _events = make_peer()
    await local.add_candidate(RemoteCandidate("", "0", 0))
    await local.add_candidate(RemoteCandidate("nonsense", "0", 0))
    assert "malformed ICE candidate" in caplog.text
    await local.close()
    await local.close()


async def test_sending_without_a_channel_is_refused(nothing_left_behind):
    local, _events = make_peer()
    assert not local.can_send("x")
    with pytest.raises(OdysseyStreamError, match="closed"):
        local.send("x")
    await local.close()


async def test_a_failing_frame_consumer_counts_as_a_loss(
    service, make_client, recorder, eventually, monkeypatch
):
    consume, calls = FramePipeline.consume, []

    async def broken(self, track):
        calls.append(track)
        if len(calls) == 1:
            await eventually(lambda: recorder.named("on_connected"))
            raise ZeroDivisionError
        await consume(self, track)

    monkeypatch.setattr(FramePipeline, "consume", broken)
    await make_client().connect(**recorder.callbacks())
    await service.streamer(2)
    await eventually(lambda: len(recorder.named("on_connected")) == 2)
    assert "Receiving failed (ZeroDivisionError)" in str(recorder.named("on_error")[0][0])


@pytest.mark.parametrize("loss", [0.1, 0.3])
async def test_frames_arrive_over_a_path_with_loss_delay_and_reordering(
    service, client, recorder, eventually, loss
):
    chance = random.Random(7)
    await client.connect(**recorder.callbacks())
    streamer = await service.streamer()
    transport = streamer.peer.getTransceivers()[0].receiver.transport.transport
    send = transport._send
    delayed = set()

    async def lossy(data: bytes) -> None:
        if chance.random() < loss:
            return
        if chance.random() < 0.2:
            delayed.add(asyncio.ensure_future(deliver(data, chance.uniform(0.001, 0.03))))
        else:
            await send(data)

    async def deliver(data: bytes, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        with contextlib.suppress(ConnectionError):
            await send(data)

    transport._send = lossy
    stream_id = await client.start_stream("a cat")
    await eventually(lambda: sum(f.stream_id == stream_id for f in recorder.decoded) > 15)
    assert await client.interact("a dog") == "[a dog]"
    indices = [frame.index for frame in recorder.decoded if frame.stream_id == stream_id]
    assert indices == sorted(set(indices))  # frames that wait for a key frame after a loss are counted
    await client.disconnect()
    await asyncio.wait(delayed)


async def test_a_peer_whose_offer_was_refused_halfway_can_be_closed(nothing_left_behind):
    """aiortc then has channels without a transport, which its own `close` does not expect."""
    local, _events = make_peer()
    sdp = await offer_without("nothing")
    with pytest.raises(OdysseyConnectionError, match="offer cannot be used"):
        await local.answer(re.sub(r"(a=rtpmap:\d+) \w+/90000", r"\1 unknown/90000", sdp))
    await local.close()
