"""A spectator of a broadcast over WHEP, with a real peer on loopback."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPsfbPacket

from odyssey_ros.client import (
    AdvancedConfig,
    ErrorCode,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyNotFoundError,
    connect_to_stream,
    service_address,
    spectator,
)
from odyssey_ros.client.frames import FramePipeline
from odyssey_ros.client.ice import PUBLIC_STUN
from odyssey_ros.client.whep import WhepClient

TOKEN = "spectator_abc/def=="


class Broadcast:
    """A WHEP server. Its attributes set how it responds."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 201
        self.retry_after: str | None = None
        self.answer: str | None = None
        self.location: str | None = "/live/session/1?x=y"
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.peers: list[RTCPeerConnection] = []
        self.rtcp: list[object] = []
        self.config: object = {"iceServers": []}
        self.accepts_media = True
        self.audio = False
        self.delay_s = 0.0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        self.headers.append(dict(request.headers))
        if request.path == "/config":
            if self.config is None:
                return web.Response(status=500)
            return web.json_response(self.config)
        if request.method == "DELETE":
            return web.Response(status=200)
        await asyncio.sleep(self.delay_s)
        headers = {"Location": self.location} if self.location else {}
        if self.retry_after is not None:
            headers["Retry-After"] = self.retry_after
        if self.status != 201:
            return web.Response(status=self.status, headers=headers)
        if request.query.get("token") != TOKEN:
            return web.Response(status=401)
        sdp = self.answer if self.answer is not None else await self.accept(await request.text())
        return web.Response(status=201, text=sdp, content_type="application/sdp", headers=headers)

    async def accept(self, offer: str) -> str:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peers.append(peer)
        peer.addTrack(self.track)
        if self.audio:
            peer.addTrack(AudioStreamTrack())
        await peer.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
        self.on_loopback(peer)
        for sender in peer.getSenders():
            self.record_rtcp(sender)
        await peer.setLocalDescription(await peer.createAnswer())
        sdp = peer.localDescription.sdp
        return sdp if self.accepts_media else sdp.replace("a=ice-pwd:", "a=ice-pwd:wrong")

    def record_rtcp(self, sender) -> None:
        handle = sender._handle_rtcp_packet

        async def record(packet) -> None:
            self.rtcp.append((sender._ssrc, packet))
            await handle(packet)

        sender._handle_rtcp_packet = record


@pytest.fixture
async def broadcast(nothing_left_behind, service):
    import importlib.util
    import pathlib

    spec = importlib.util.spec_from_file_location(
        "conftest_of_client", pathlib.Path(__file__).parent / "conftest.py"
    )
    shared = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shared)
    served = Broadcast()
    served.track = shared.PictureTrack(30)
    served.on_loopback = shared.on_loopback
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/live/stream-1"
    yield served
    for peer in served.peers:
        await peer.close()
    await runner.cleanup()


FAST = AdvancedConfig(connect_timeout_s=90, request_timeout_s=90, close_timeout_s=1)


async def test_a_spectator_receives_frames_and_deletes_its_session(broadcast, eventually):
    frames, decoded, ended = [], [], []
    connection = await connect_to_stream(
        broadcast.url + "/",
        TOKEN,
        frames.append,
        lambda: ended.append(True),
        on_decoded_frame=decoded.append,
        advanced=FAST,
    )
    assert connection.is_connected
    await eventually(lambda: len(frames) > 3)
    assert frames[0].data.shape == (48, 64, 3)
    assert decoded
    assert connection.peer_connection.connectionState == "connected"
    await connection.close()
    await connection.close()
    assert not connection.is_connected
    assert ("DELETE", "/live/session/1?x=y") in broadcast.requests
    posted = [method for method, _path in broadcast.requests].index("POST")
    assert broadcast.requests[posted][1].startswith("/live/stream-1/whep?token=spectator_abc")
    assert broadcast.headers[posted]["Content-Type"] == "application/sdp"


async def test_audio_is_not_decoded(broadcast, eventually):
    broadcast.audio = True
    decoded = []
    async with await connect_to_stream(broadcast.url, TOKEN, on_decoded_frame=decoded.append, advanced=FAST):
        await eventually(lambda: len(decoded) > 5)
        # The answering peer of the test decodes nothing.
        threads = [thread.name for thread in threading.enumerate() if "decoder" in thread.name]
        assert threads == ["video-decoder"]


async def test_a_server_without_video_is_refused(broadcast):
    broadcast.track = AudioStreamTrack()
    broadcast.accepts_media = False  # the refusal needs no media connection, which aiortc may leave open
    with pytest.raises(OdysseyConnectionError, match="The server sends no video"):
        await connect_to_stream(broadcast.url, TOKEN, advanced=FAST)


async def test_an_answer_above_the_limits_is_refused(broadcast):
    broadcast.answer = "v=0\r\n" + "a=x\r\n" * 2000
    with pytest.raises(OdysseyConnectionError, match="more than 1000 lines") as caught:
        await connect_to_stream(broadcast.url, TOKEN, advanced=FAST)
    assert caught.value.code is ErrorCode.INVALID_RESPONSE


async def test_defect_38_on_disconnected_is_called_once_for_a_loss_and_not_when_leaving(
    broadcast, eventually
):
    ended = []
    async with await connect_to_stream(broadcast.url, TOKEN, None, lambda: ended.append(True), advanced=FAST):
        pass
    assert ended == []
    frames = []
    connection = await connect_to_stream(
        broadcast.url, TOKEN, None, lambda: ended.append(True), on_decoded_frame=frames.append, advanced=FAST
    )
    await eventually(lambda: frames)
    await broadcast.peers[-1].close()
    await eventually(lambda: ended)
    await connection.close()
    assert ended == [True]
    # Only the first spectator, which left by itself, deleted its session.
    assert [method for method, _path in broadcast.requests].count("DELETE") == 1


async def test_defect_39_the_key_frame_request_names_its_media_source(broadcast, eventually, monkeypatch):
    # A spectator that has frames requests none.
    monkeypatch.setattr(FramePipeline, "_take", lambda *_arguments: None)
    connection = await connect_to_stream(broadcast.url, TOKEN, advanced=FAST)

    def requests() -> list[tuple[int, int]]:
        return [
            (ssrc, packet.media_ssrc)
            for ssrc, packet in broadcast.rtcp
            if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_PLI
        ]

    await eventually(requests)
    assert all(ssrc == media_ssrc for ssrc, media_ssrc in requests())
    await connection.close()


async def test_defect_40_the_whep_session_is_deleted_when_connecting_fails(broadcast):
    broadcast.accepts_media = False
    with pytest.raises(OdysseyConnectionError):
        await connect_to_stream(broadcast.url, TOKEN, advanced=AdvancedConfig(connect_timeout_s=4))
    assert ("DELETE", "/live/session/1?x=y") in broadcast.requests


async def test_defect_40_the_whep_session_is_deleted_when_the_caller_cancels(broadcast, monkeypatch):
    post, posted = WhepClient.post_offer, asyncio.Event()

    async def post_offer(self, sdp):
        answer = await post(self, sdp)
        posted.set()
        return answer

    monkeypatch.setattr(WhepClient, "post_offer", post_offer)
    broadcast.accepts_media = False
    connecting = asyncio.create_task(connect_to_stream(broadcast.url, TOKEN, advanced=FAST))
    await asyncio.wait_for(posted.wait(), 60)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    assert ("DELETE", "/live/session/1?x=y") in broadcast.requests


@pytest.mark.parametrize("url", ["", "h/live", "ws://h/live", "http://", "http://h:port/x"])
async def test_an_invalid_url_is_refused(url):
    with pytest.raises(OdysseyArgumentError, match="WebRTC URL"):
        await connect_to_stream(url, TOKEN)


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (401, OdysseyAuthError, "Invalid spectator token"),
        (403, OdysseyAuthError, "Invalid spectator token"),
        (404, OdysseyNotFoundError, "Stream not found"),
        (500, OdysseyConnectionError, "WHEP connection failed: 500"),
    ],
)
async def test_each_refusal_is_typed(broadcast, status, kind, text):
    broadcast.status = status
    with pytest.raises(kind, match=text):
        await connect_to_stream(broadcast.url, TOKEN, advanced=FAST)


@pytest.mark.parametrize(("header", "wait_s"), [("7", 7.0), ("soon", None), (None, None)])
async def test_a_refusal_has_the_wait_that_the_server_asks_for(broadcast, header, wait_s):
    broadcast.status, broadcast.retry_after = 503, header
    with pytest.raises(OdysseyConnectionError) as caught:
        await connect_to_stream(broadcast.url, TOKEN, advanced=FAST)
    assert caught.value.retry_after_s == wait_s


@pytest.mark.parametrize("answer", ["", "v=0\r\n", "this is not an answer"])
async def test_an_invalid_answer_raises_a_connection_error(broadcast, answer):
    broadcast.answer = answer
    with pytest.raises(OdysseyConnectionError, match="answer is invalid"):
        await connect_to_stream(broadcast.url, TOKEN, advanced=FAST)


async def test_a_server_that_does_not_answer_raises_a_connection_error(broadcast):
    broadcast.delay_s = 2
    with pytest.raises(OdysseyConnectionError, match="cannot be reached"):
        await connect_to_stream(broadcast.url, TOKEN, advanced=AdvancedConfig(request_timeout_s=0.2))


@pytest.mark.parametrize("config", [None, [], {"iceServers": 5}])
async def test_a_local_spectator_connects_without_an_ice_configuration(broadcast, config):
    broadcast.config = config
    connection = await connect_to_stream(broadcast.url, TOKEN, advanced=FAST)
    await connection.close()


async def test_a_remote_server_without_ice_configuration_uses_public_stun(broadcast, monkeypatch):
    created = []

    class RecordedPeer(spectator.PeerConnection):
        def __init__(self, servers, *, loopback_only):
            created.append((servers, loopback_only))
            super().__init__((), loopback_only=True)

    broadcast.config = None
    monkeypatch.setattr(service_address, "is_loopback_host", lambda _host: False)
    monkeypatch.setattr(spectator, "PeerConnection", RecordedPeer)
    connection = await connect_to_stream(broadcast.url, TOKEN, advanced=FAST, allow_insecure=True)
    await connection.close()
    assert created == [(PUBLIC_STUN, False)]


async def test_the_token_is_not_logged(broadcast, caplog):
    caplog.set_level(logging.DEBUG)
    connection = await connect_to_stream(broadcast.url, TOKEN, debug=True, advanced=FAST)
    await connection.close()
    logging.getLogger("odyssey_ros.client").setLevel(logging.NOTSET)
    logged = "\n".join(
        r.getMessage() for r in caplog.records if not r.name.startswith(("aiohttp", "asyncio"))
    )
    assert "receive_response_headers.complete" in logged
    assert "spectator_abc" not in logged


async def test_a_failing_frame_consumer_counts_as_a_loss(broadcast, eventually, monkeypatch):
    connected = asyncio.Event()

    async def broken(self, track):
        await connected.wait()
        raise ZeroDivisionError

    monkeypatch.setattr(FramePipeline, "consume", broken)
    ended = []
    connection = await connect_to_stream(
        broadcast.url, TOKEN, None, lambda: ended.append(True), advanced=FAST
    )
    connected.set()
    await eventually(lambda: ended)
    await connection.close()
    assert ended == [True]


async def test_missing_frames_count_as_a_loss(broadcast, eventually):
    ended, frames = [], []
    connection = await connect_to_stream(
        broadcast.url,
        TOKEN,
        None,
        lambda: ended.append(True),
        on_decoded_frame=frames.append,
        advanced=AdvancedConfig(frame_timeout_s=2),
    )
    await eventually(lambda: len(frames) > 3)
    broadcast.track.paused = True
    await eventually(lambda: ended)
    await connection.close()
