"""The peer: offers, candidates and ICE servers, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re

import pytest
from aioice import stun, turn
from aiortc import RTCPeerConnection

from odyssey_ros.client import OdysseyConnectionError, OdysseyStreamError, connection_attempt
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.ice import PUBLIC_STUN
from odyssey_ros.client.peer import Peer, max_message_size
from odyssey_ros.client.peer_connection import PeerConnection
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


class Relay(asyncio.DatagramProtocol):
    """A TURN server that answers at most an Allocate request."""

    def __init__(self, *, allocates: bool) -> None:
        self.allocates = allocates
        self.requests = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        request = stun.parse_message(data)
        self.requests += 1
        if self.allocates and request.message_method == stun.Method.ALLOCATE:
            answer = stun.Message(
                message_method=stun.Method.ALLOCATE,
                message_class=stun.Class.RESPONSE,
                transaction_id=request.transaction_id,
            )
            answer.attributes["LIFETIME"] = 600
            answer.attributes["XOR-RELAYED-ADDRESS"] = ("127.0.0.1", 9)
            answer.attributes["XOR-MAPPED-ADDRESS"] = addr
            self.transport.sendto(bytes(answer), addr)


@pytest.fixture
async def make_relay(service):
    relays = []

    async def make(*, allocates: bool) -> Relay:
        loop = asyncio.get_running_loop()
        transport, relay = await loop.create_datagram_endpoint(
            lambda: Relay(allocates=allocates), local_addr=("127.0.0.1", 0)
        )
        relays.append(transport)
        port = transport.get_extra_info("sockname")[1]
        service.ice_config = {
            "iceServers": [{"urls": f"turn:127.0.0.1:{port}", "username": "u", "credential": "c"}]
        }
        return relay

    yield make
    for transport in relays:
        transport.close()


async def test_disconnecting_from_a_dead_relay_leaves_nothing_behind(client, make_relay):
    relay = await make_relay(allocates=True)
    await client.connect()
    requests = relay.requests
    await client.disconnect()
    assert relay.requests > requests  # the client asked to delete the allocation


async def test_a_dead_relay_does_not_prevent_a_reconnection(
    service, client, recorder, make_relay, eventually
):
    await make_relay(allocates=True)
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).socket.close(code=1011)
    await service.streamer(2)
    await eventually(lambda: len(recorder.named("on_connected")) == 2)


async def test_disconnecting_during_a_relay_allocation_leaves_nothing_behind(client, make_relay, eventually):
    relay = await make_relay(allocates=False)
    connecting = asyncio.create_task(client.connect())
    await eventually(lambda: relay.requests)
    await client.disconnect()
    with pytest.raises(OdysseyConnectionError, match="Disconnected while connecting"):
        await connecting


async def test_a_close_that_hangs_in_aiortc_is_completed(nothing_left_behind, monkeypatch, caplog):
    async def endless(_self) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("odyssey_ros.client.peer_connection._CLOSE_TIMEOUT_S", 0.1)
    local, _events = make_peer()
    await local.answer(await offer_without(None))
    monkeypatch.setattr(RTCPeerConnection, "close", endless)
    caplog.set_level(logging.DEBUG, logger="odyssey_ros.client.peer_connection")
    await local.close()
    assert "Closing the transports one by one" in caplog.text


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


async def test_a_remote_service_without_ice_configuration_uses_public_stun(service, make_client, monkeypatch):
    created = []

    class RecordedPeer(Peer):
        def __init__(self, servers, **options):
            created.append((servers, options["loopback_only"]))
            super().__init__((), **{**options, "loopback_only": True})

    monkeypatch.setattr(connection_attempt, "Peer", RecordedPeer)
    monkeypatch.setattr("odyssey_ros.client.signaling.is_loopback_host", lambda _host: False)
    service.script("GET /signal/config", 500, {})
    client = make_client()
    await client.connect()
    assert created == [(PUBLIC_STUN, False)]


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

    async def consume(_track):
        await asyncio.sleep(60)

    options = {
        "loopback_only": True,
        "consume_video": consume,
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


async def test_a_failure_while_connecting_is_reported(nothing_left_behind, monkeypatch):
    connection = PeerConnection((), loopback_only=True)
    errors = []
    connection.on("connectfailed", errors.append)

    async def broken() -> None:
        raise ZeroDivisionError

    connection._connect = broken
    await connection._connect_owned()
    await asyncio.sleep(0)
    assert isinstance(errors[0], ZeroDivisionError)
    await connection.close()


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
    assert indices == list(range(len(indices)))
    await client.disconnect()
    await asyncio.wait(delayed)
