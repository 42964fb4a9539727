"""The peer: offers, candidates, ICE servers; over real connections."""

from __future__ import annotations

import asyncio
import re

import pytest

from odyssey_ros.client import OdysseyConnectionError, OdysseyStreamError
from odyssey_ros.client.peer import Peer, max_message_size
from odyssey_ros.client.peer_connection import PeerConnection
from odyssey_ros.client.signaling import RemoteCandidate


@pytest.mark.parametrize("trickle", ["early", "late"])
async def test_defect_17_trickled_candidates_are_used_whenever_they_come(service, client, trickle):
    service.trickle = trickle
    await client.connect()
    assert client.is_connected


async def test_defect_15_turn_credentials_are_used(service, client, monkeypatch):
    service.ice_config = {
        "iceServers": [
            {"urls": ["turn:127.0.0.1:9?transport=tcp"], "username": "the-user", "credential": "the-password"}
        ]
    }
    asked = []
    from aioice import turn

    async def endpoint(*_arguments, username, password, **options):
        asked.append((username, password, options["server_addr"]))
        raise OSError("nobody there")

    monkeypatch.setattr(turn, "create_turn_endpoint", endpoint)
    await client.connect()
    assert ("the-user", "the-password", ("127.0.0.1", 9)) in asked


async def test_a_real_turn_server_is_asked_with_the_credentials(service, client, eventually):
    heard = []

    async def serve(reader, writer):
        heard.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    service.ice_config = {
        "iceServers": [{"urls": f"turn:127.0.0.1:{port}?transport=tcp", "username": "u", "credential": "c"}]
    }
    await client.connect()
    assert heard
    assert heard[0][:2] == b"\x00\x03"  # a TURN Allocate request (RFC 8656)
    server.close()
    await server.wait_closed()


class Relay(asyncio.DatagramProtocol):
    """A TURN server that gives one allocation, or none, and never answers anything else."""

    def __init__(self, *, allocates: bool) -> None:
        self.allocates = allocates
        self.asked = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        from aioice import stun

        request = stun.parse_message(data)
        self.asked += 1
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


async def test_leaving_a_relay_that_has_died_leaves_nothing(client, make_relay):
    relay = await make_relay(allocates=True)
    await client.connect()
    asked = relay.asked
    await client.disconnect()
    assert relay.asked > asked  # it was told, and did not answer


async def test_a_relay_that_has_died_does_not_keep_a_connection_from_being_regained(
    service, client, witness, make_relay, eventually
):
    await make_relay(allocates=True)
    await client.connect(**witness.callbacks())
    await (await service.streamer()).socket.close(code=1011)
    await service.streamer(2)
    await eventually(lambda: len(witness.named("on_connected")) == 2)


async def test_disconnecting_while_a_relay_is_asked_leaves_nothing(client, make_relay, eventually):
    relay = await make_relay(allocates=False)
    connecting = asyncio.create_task(client.connect())
    await eventually(lambda: relay.asked)
    await client.disconnect()
    with pytest.raises(OdysseyConnectionError, match="Disconnected while connecting"):
        await connecting


async def test_a_close_that_aiortc_does_not_end_is_ended(nothing_left_behind, monkeypatch, caplog):
    from aiortc import RTCPeerConnection

    async def endless(_self) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("odyssey_ros.client.peer_connection._CLOSE_TIMEOUT_S", 0.1)
    near, _events = peer()
    await near.answer(await offer_without(None))
    monkeypatch.setattr(RTCPeerConnection, "close", endless)
    await near.close()


@pytest.mark.parametrize(
    "answer", [(500, None), (404, None), (200, "not JSON"), (200, "[]"), (200, '{"iceServers": 5}')]
)
async def test_defect_16_an_ice_configuration_that_cannot_be_had_does_not_keep_a_local_client_away(
    service, client, answer, caplog
):
    status, text = answer
    service.script("GET /signal/config", status, {}, text=text)
    await client.connect()
    assert client.is_connected
    assert "public STUN" not in caplog.text


async def test_defect_16_the_ice_configuration_is_waited_for_only_so_long(service, make_client):
    service.script("GET /signal/config", 200, {}, delay_s=3600)
    client = make_client(request_timeout_s=3)
    await client.connect()
    assert client.is_connected


async def test_a_public_stun_server_is_used_only_when_a_service_elsewhere_cannot_be_asked(
    service, make_client, monkeypatch
):
    from odyssey_ros.client import connection_attempt as link_module
    from odyssey_ros.client.ice import PUBLIC_STUN

    found = []

    class Watched(Peer):
        def __init__(self, servers, **options):
            found.append((servers, options["loopback_only"]))
            super().__init__((), **{**options, "loopback_only": True})

    monkeypatch.setattr(link_module, "Peer", Watched)
    monkeypatch.setattr("odyssey_ros.client.signaling.is_loopback_host", lambda _host: False)
    service.script("GET /signal/config", 500, {})
    client = make_client()
    await client.connect()
    assert found == [(PUBLIC_STUN, False)]


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
def test_the_largest_message_is_what_the_description_says(sdp, size):
    assert max_message_size(sdp) == size


def peer(**changes):
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
    from aiortc import RTCPeerConnection

    far = RTCPeerConnection()
    far.createDataChannel("clientToStreamer")
    if pattern != "video":
        far.addTransceiver("video", direction="sendonly")
    await far.setLocalDescription(await far.createOffer())
    sdp = far.localDescription.sdp
    await far.close()
    return re.sub(r"m=application.*", "", sdp, flags=re.DOTALL) if pattern == "channels" else sdp


@pytest.mark.parametrize("missing", ["video", "channels"])
async def test_an_offer_that_lacks_something_is_refused(nothing_left_behind, missing):
    near, _events = peer()
    with pytest.raises(OdysseyConnectionError, match="offer cannot be used"):
        await near.answer(await offer_without(missing))
    await near.close()


async def test_candidates_that_cannot_be_used_are_left_out(nothing_left_behind, caplog):
    near, _events = peer()
    await near.add_candidate(RemoteCandidate("", "0", 0))
    await near.add_candidate(RemoteCandidate("nonsense", "0", 0))
    assert "malformed ICE candidate" in caplog.text
    await near.close()
    await near.close()


async def test_sending_without_a_channel_is_refused(nothing_left_behind):
    near, _events = peer()
    assert not near.can_send("x")
    with pytest.raises(OdysseyStreamError, match="closed"):
        near.send("x")
    await near.close()


async def test_a_consumer_that_fails_is_a_loss(service, make_client, witness, eventually, monkeypatch):
    from odyssey_ros.client.frames import FramePipeline

    consume, calls = FramePipeline.consume, []

    async def broken(self, track):
        calls.append(track)
        if len(calls) == 1:
            await eventually(lambda: witness.named("on_connected"))
            raise ZeroDivisionError
        await consume(self, track)

    monkeypatch.setattr(FramePipeline, "consume", broken)
    await make_client().connect(**witness.callbacks())
    await service.streamer(2)
    await eventually(lambda: len(witness.named("on_connected")) == 2)
    assert "Receiving failed (ZeroDivisionError)" in str(witness.named("on_error")[0][0])


async def test_a_failure_while_connecting_is_told(nothing_left_behind, monkeypatch):
    connection = PeerConnection((), loopback_only=True)
    told = []
    connection.on("connectfailed", told.append)

    async def broken() -> None:
        raise ZeroDivisionError

    connection._connect = broken
    await connection._connect_owned()
    await asyncio.sleep(0)
    assert isinstance(told[0], ZeroDivisionError)
    await connection.close()


@pytest.mark.parametrize("loss", [0.1, 0.3])
async def test_frames_come_over_a_path_that_loses_delays_and_reorders(
    service, client, witness, eventually, loss
):
    import random

    chance = random.Random(7)
    await client.connect(**witness.callbacks())
    streamer = await service.streamer()
    transport = streamer.peer.getTransceivers()[0].receiver.transport.transport
    loop = asyncio.get_running_loop()
    send = transport._send

    async def lossy(data: bytes) -> None:
        if chance.random() < loss:
            return
        if chance.random() < 0.2:
            loop.call_later(chance.uniform(0.001, 0.03), lambda: asyncio.ensure_future(deliver(data)))
        else:
            await send(data)

    async def deliver(data: bytes) -> None:
        try:
            await send(data)
        except ConnectionError:
            return

    transport._send = lossy
    stream_id = await client.start_stream("a cat")
    await eventually(lambda: sum(f.stream_id == stream_id for f in witness.decoded) > 15)
    assert await client.interact("a dog") == "[a dog]"
    indices = [frame.index for frame in witness.decoded if frame.stream_id == stream_id]
    assert indices == list(range(len(indices)))
    await client.disconnect()
    await asyncio.sleep(0.05)
