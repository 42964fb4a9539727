"""The peer connection: closing, dead relays, and errors while connecting."""

from __future__ import annotations

import asyncio
import logging

import psutil
import pytest
from aioice import stun
from aiortc import RTCPeerConnection

from misleading_candidates import connect_after_a_failed_check
from odyssey_ros.client import OdysseyConnectionError
from odyssey_ros.client.ice import parse_ice_servers
from odyssey_ros.client.json_object import JsonObject
from odyssey_ros.client.peer_connection import PeerConnection, _expect_further_candidates


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
    await eventually(lambda: not sockets_to(relay))


def sockets_to(relay):
    """Return the connected UDP sockets of this process whose peer is the relay."""
    port = relay.transport.get_extra_info("sockname")[1]
    connections = psutil.Process().net_connections("udp4")
    return [one for one in connections if one.raddr and one.raddr.port == port]


async def test_a_close_that_hangs_in_aiortc_is_completed(nothing_left_behind, monkeypatch, caplog):
    async def endless(_self) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("odyssey_ros.client.peer_connection._CLOSE_TIMEOUT_S", 0.1)
    connection = PeerConnection((), loopback_only=True)
    connection.createDataChannel("channel")
    await connection.setLocalDescription(await connection.createOffer())
    monkeypatch.setattr(RTCPeerConnection, "close", endless)
    caplog.set_level(logging.DEBUG, logger="odyssey_ros.client.peer_connection")
    await connection.close()
    assert "Closing the transports one by one" in caplog.text


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


async def test_aiortc_accepts_all_parsed_servers(nothing_left_behind):
    servers = parse_ice_servers(
        JsonObject(
            {"iceServers": [{"urls": ["turns:t.example", "turn:t:1?transport=tcp", "stuns:s", "stun:s:9"]}]}
        )
    )
    peer = PeerConnection(servers, loopback_only=True)
    peer.addTransceiver("video")
    await peer.close()


async def test_a_failed_check_does_not_end_the_wait_for_further_candidates(eventually):
    await connect_after_a_failed_check(_expect_further_candidates, eventually)
