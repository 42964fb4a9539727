"""One connection to one session, against a real service."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.client import (
    ConnectionStatus,
    ErrorCode,
    OdysseyConnectionError,
    OdysseyError,
    connection_attempt,
)
from odyssey_ros.client.config import AdvancedConfig
from odyssey_ros.client.connection_attempt import ConnectionAttempt
from odyssey_ros.client.ice import PUBLIC_STUN
from odyssey_ros.client.peer import Peer
from odyssey_ros.client.session_access import SessionAccess
from odyssey_ros.client.signaling import Signaling, SignalingEndpoint
from odyssey_ros.client.types import StreamerCapabilities


async def reconnected(client, recorder, service, eventually):
    await service.streamer(2)
    await eventually(lambda: len(recorder.named("on_connected")) == 2)


class SlowApi:
    """An HTTP API that never returns the ICE configuration."""

    async def ice_servers(self, _http_base):
        await asyncio.get_running_loop().create_future()


def make_attempt(**changes):
    session = SessionAccess(
        "s", SignalingEndpoint.parse("ws://127.0.0.1:9"), "token", StreamerCapabilities(), is_new=True
    )
    return ConnectionAttempt(session, SlowApi(), None, None, AdvancedConfig(**changes))


async def test_an_unopened_attempt_has_no_transport(nothing_left_behind):
    attempt = make_attempt()
    assert not attempt.can_send("text")
    attempt.send("text")
    await attempt.send_by_signaling("text")
    assert attempt.packets == (0, 0, 0.0)
    await attempt.close()
    await attempt.close()
    assert attempt.lost.result().code is ErrorCode.CLOSED


async def test_a_timeout_names_the_stage(nothing_left_behind):
    attempt = make_attempt(connect_timeout_s=0.05)
    with pytest.raises(
        OdysseyConnectionError, match=r"within 0\.05 s: still waiting for the ICE config"
    ) as caught:
        await attempt.open()
    assert caught.value.code is ErrorCode.TIMEOUT
    await attempt.close()


async def test_a_remote_service_without_ice_configuration_uses_public_stun(service, make_client, monkeypatch):
    created = []

    class RecordedPeer(Peer):
        def __init__(self, servers, **options):
            created.append((servers, options["loopback_only"]))
            super().__init__((), **{**options, "loopback_only": True})

    monkeypatch.setattr(connection_attempt, "Peer", RecordedPeer)
    monkeypatch.setattr(SignalingEndpoint, "is_loopback", False)
    service.script("GET /signal/config", 500, {})
    client = make_client()
    await client.connect()
    assert created == [(PUBLIC_STUN, False)]


async def test_an_unexpected_error_in_a_connection_task_counts_as_a_loss(
    service, client, recorder, eventually, monkeypatch
):
    receive, calls = Signaling.receive, []

    async def broken(self):
        message = await receive(self)
        if recorder.named("on_connected") and not calls:
            calls.append(True)
            raise ZeroDivisionError
        return message

    monkeypatch.setattr(Signaling, "receive", broken)
    await client.connect(**recorder.callbacks())
    await (await service.streamer()).send({"type": "ice_candidate", "candidate": ""})
    await reconnected(client, recorder, service, eventually)
    assert "The connection failed (ZeroDivisionError)" in str(recorder.named("on_error")[0][0])


async def test_a_second_offer_while_connecting_is_answered(service, client, eventually):
    service.takes_answer = False
    connecting = asyncio.create_task(client.connect())
    streamer = await service.streamer()
    await eventually(lambda: "answer" in streamer.kinds())
    service.takes_answer = True
    await streamer.close_peer()
    await streamer.offer()
    await connecting
    assert client.is_connected
    assert streamer.kinds().count("answer") == 2


async def test_messages_on_a_lost_connection_are_ignored(service, client, recorder, eventually, monkeypatch):

    close = ConnectionAttempt.close

    async def close_after_message(self):
        await eventually(lambda: sent and first.to_client.bufferedAmount == 0)
        await close(self)

    await client.connect(**recorder.callbacks())
    first, sent = await service.streamer(), []
    monkeypatch.setattr(ConnectionAttempt, "close", close_after_message)
    await first.send({"type": "error", "reason": "streamer_disconnected"})
    await eventually(lambda: client.current_status is ConnectionStatus.RECONNECTING)
    first.send_on_channel({"type": "stream_started", "stream_id": "late"})
    sent.append(True)
    await reconnected(client, recorder, service, eventually)
    assert recorder.named("on_stream_started") == []
    with pytest.raises(OdysseyError, match="no stream is running"):
        await client.interact("a dog")
