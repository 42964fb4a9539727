"""A small Odyssey service for the client's tests; a test can change each of its responses.

It is a real HTTP and WebSocket server with a real WebRTC streamer on loopback. It shares no code with the
client or the emulator.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fractions
import json
import os
import pathlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import av
import jwt
import numpy as np
import pytest
from aiohttp import WSMsgType, web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack

from odyssey_ros.client import AdvancedConfig, Odyssey, connection_attempt, frames
from waiting import eventually

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

ROOT = pathlib.Path(__file__).parents[2]
API_KEY = "ody_test_key_123"
# Short delays, and timeouts that never expire by chance; a test of a timeout sets its own.
FAST = AdvancedConfig(
    max_retries=3,
    initial_retry_delay_ms=10,
    max_retry_delay_ms=40,
    queue_timeout_s=90,
    queue_poll_interval_s=0.05,
    connect_timeout_s=90,
    request_timeout_s=90,
    operation_timeout_s=90,
    frame_timeout_s=None,
    stable_after_s=0.2,
    region_timeout_s=0.5,
    close_timeout_s=1,
)


class PictureTrack(MediaStreamTrack):
    """A video track of small frames whose brightness encodes their number."""

    kind = "video"

    def __init__(self, fps: float, first_pts: int = 0) -> None:
        super().__init__()
        self._fps = fps
        self._count = 0
        self._started: float | None = None
        self._first_pts = first_pts
        self.paused = False

    async def recv(self) -> av.VideoFrame:
        if self._started is None:
            self._started = time.monotonic()
        self._count += 1
        delay = self._started + self._count / self._fps - time.monotonic()
        await asyncio.sleep(max(0.0, delay))
        while self.paused:  # noqa: ASYNC110 - a test sets it at any time
            await asyncio.sleep(0.02)
        frame = av.VideoFrame(64, 48, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([(self._count * 8) % 200 + 20]) * (plane.line_size * plane.height))
        frame.pts = self._first_pts + int(self._count * 90000 / self._fps)
        frame.time_base = fractions.Fraction(1, 90000)
        return frame


def on_loopback(peer: RTCPeerConnection) -> None:
    transports = [transceiver.receiver.transport for transceiver in peer.getTransceivers()]
    if peer.sctp is not None:
        transports.append(peer.sctp.transport)
    for transport in transports:
        connection = transport.transport.iceGatherer._connection
        if "get_component_candidates" in vars(connection):
            continue
        gather = connection.get_component_candidates

        async def only_loopback(component, addresses, timeout=5, gather=gather):
            return await gather(component=component, addresses=["127.0.0.1"], timeout=timeout)

        connection.get_component_candidates = only_loopback


class Streamer:
    """The streamer on one signaling socket. It replies like the real one unless a test changes that."""

    def __init__(self, service: Service, socket: web.WebSocketResponse, session_id: str, token: str) -> None:
        self.service = service
        self.socket = socket
        self.session_id = session_id
        self.token = token
        self.received: list[dict[str, Any]] = []  # messages on the socket
        self.channel_messages: list[dict[str, Any]] = []  # messages on the data channel
        self.answered = asyncio.Event()
        self.track = PictureTrack(service.fps)
        self.peer: RTCPeerConnection | None = None
        self.from_client: Any = None
        self.to_client: Any = None
        self.streams = 0
        self.rtcp: list[Any] = []

    def kinds(self) -> list[str]:
        return [message["type"] for message in self.received]

    async def send(self, message: dict[str, Any] | str) -> None:
        await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))

    def send_on_channel(self, message: dict[str, Any] | str | bytes) -> None:
        """Send on the data channel to the client."""
        data = json.dumps(message) if isinstance(message, dict) else message
        if self.to_client.readyState == "connecting":
            self.to_client.once("open", lambda: self.to_client.send(data))
        else:
            self.to_client.send(data)

    async def offer(self, edit: Callable[[str], str] = lambda sdp: sdp) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.from_client = self.peer.createDataChannel("clientToStreamer")
        if self.service.opens_reply_channel:
            self.to_client = self.peer.createDataChannel("streamerToClient")
        self.peer.createDataChannel("somethingElse")
        self.peer.addTrack(self.track)
        if self.service.audio:
            self.peer.addTrack(AudioStreamTrack())
        on_loopback(self.peer)
        self.from_client.on("message", self._receive)
        await self.peer.setLocalDescription(await self.peer.createOffer())
        sdp = self.peer.localDescription.sdp
        candidates: list[dict[str, Any]] = []
        if self.service.trickle:
            lines = sdp.splitlines()
            section = -1
            kept = []
            for line in lines:
                section += line.startswith("m=")
                if line.startswith("a=candidate:"):
                    candidates.append(
                        {
                            "type": "ice_candidate",
                            "candidate": line[2:],
                            "sdpMLineIndex": section,
                            "sdpMid": str(section),
                        }
                    )
                elif not line.startswith("a=end-of-candidates"):
                    kept.append(line)
            sdp = "\r\n".join(kept) + "\r\n"
        if self.service.trickle == "early":
            for candidate in candidates:
                await self.send(candidate)
        await self.send({"type": "offer", "sdp": edit(sdp)})
        if self.service.trickle == "late":
            for candidate in candidates:
                await self.send(candidate)
            await self.send({"type": "ice_candidate", "candidate": "", "sdpMid": "0", "sdpMLineIndex": 0})
            await self.send({"type": "ice_candidate", "candidate": "no candidate at all", "sdpMid": "0"})

    async def serve(self) -> None:
        if self.service.offers:
            await self.offer(self.service.edit_offer)
        async for message in self.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            data = json.loads(message.data)
            self.received.append(data)
            if data["type"] == "answer" and self.peer is not None and self.service.takes_answer:
                await self.peer.setRemoteDescription(RTCSessionDescription(sdp=data["sdp"], type="answer"))
                self.answered.set()
            elif data["type"] == "interactive_stream_start":
                self._react(data)

    def _receive(self, text: str) -> None:
        message = json.loads(text)
        self.channel_messages.append(message)
        self._react(message)

    def _react(self, message: dict[str, Any]) -> None:
        reaction = self.service.reactions.get(message["type"])
        if reaction is not None:
            reaction(self, message)

    def start_stream(self, message: dict[str, Any]) -> None:
        self.streams += 1
        self.send_on_channel(
            {
                "type": "stream_started",
                "stream_id": f"stream-{self.session_id}-{self.streams}",
                "applied_prompt": f"[{message['prompt']}]",
            }
        )

    def acknowledge(self, message: dict[str, Any]) -> None:
        self.send_on_channel({"type": "update_acknowledged", "prompt": f"[{message['prompt']}]"})

    def end_stream(self, _message: dict[str, Any]) -> None:
        self.send_on_channel({"type": "stream_ended"})

    async def close_peer(self) -> None:
        if self.peer is None:
            return
        await self.peer.close()
        # The close of aiortc does not end the checks of a connection that was established during it.
        await asyncio.sleep(0.05)
        for transceiver in self.peer.getTransceivers():
            await transceiver.receiver.transport.transport.iceGatherer._connection.close()

    def vanish(self) -> None:
        """Stop answering on UDP, like a machine that lost its network."""
        for transceiver in self.peer.getTransceivers():
            connection = transceiver.receiver.transport.transport.iceGatherer._connection
            for protocol in connection._protocols:
                protocol.transport.close()


class Service:
    """The service. Its attributes and `script` set how it responds."""

    def __init__(self) -> None:
        self.url = ""
        self.fps = 30.0
        self.audio = False
        self.trickle: str | None = None
        self.offers = True
        self.takes_answer = True
        self.opens_reply_channel = True
        self.edit_offer: Callable[[str], str] = lambda sdp: sdp
        self.capabilities: dict[str, Any] | None = {"image_to_video": True}
        self.regions: list[dict[str, str]] = []
        self.ice_config: Any = {"iceServers": []}
        self.token_lifetime_s = 3600
        self.known_sessions: set[str] = set()
        self.requests: list[tuple[str, str, dict[str, Any] | None]] = []
        self.authorizations: list[str | None] = []
        self.streamers: list[Streamer] = []
        self.handshake_statuses: list[int] = []
        self.reactions: dict[str, Callable[[Streamer, dict[str, Any]], None] | None] = {
            "interactive_stream_start": Streamer.start_stream,
            "update": Streamer.acknowledge,
            "interactive_stream_end": Streamer.end_stream,
        }
        self._scripted: dict[str, list[Callable[[web.Request], Awaitable[web.StreamResponse]]]] = {}
        self._always: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}
        self._access_tokens = 0
        self._closing = asyncio.Event()
        self.valid_access_tokens: set[str] = set()

    # Control by tests

    def script(
        self,
        endpoint: str,
        status: int,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        text: str | None = None,
        delay_s: float = 0.0,
        always: bool = False,
    ) -> None:
        """Set the next response of the endpoint `"METHOD /path"`, or all responses with `always`."""

        async def answer(_request: web.Request) -> web.StreamResponse:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._closing.wait(), delay_s)
            if text is not None:
                return web.Response(status=status, text=text, headers=headers)
            return web.json_response(body, status=status, headers=headers)

        if always:
            self._always[endpoint] = answer
        else:
            self._scripted.setdefault(endpoint, []).append(answer)

    def unscript(self, endpoint: str) -> None:
        self._always.pop(endpoint, None)
        self._scripted.pop(endpoint, None)

    def count(self, endpoint: str) -> int:
        return sum(1 for method, path, _body in self.requests if f"{method} {path}" == endpoint)

    async def streamer(self, number: int = 1) -> Streamer:
        """Wait until `number` sockets have been opened; return the streamer of the last."""
        await eventually(lambda: len(self.streamers) >= number)
        return self.streamers[number - 1]

    def session_token(self, session_id: str) -> str:
        secret = "a secret of the service, long enough"
        return jwt.encode({"session_id": session_id, "nonce": len(self.requests)}, secret, "HS256")

    # HTTP and WebSocket handlers

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = None
        if request.can_read_body:
            with contextlib.suppress(ValueError):
                body = await request.json()
        self.requests.append((request.method, request.path_qs, body))
        self.authorizations.append(request.headers.get("Authorization"))
        endpoint = f"{request.method} {request.path}"
        if queue := self._scripted.get(endpoint):
            return await queue.pop(0)(request)
        if endpoint in self._always:
            return await self._always[endpoint](request)
        if request.path.startswith("/ping"):
            return web.Response(text="pong")
        if request.path.endswith("/config"):
            return web.json_response(self.ice_config)
        if endpoint == "POST /auth/token":
            if body != {"api_key": API_KEY}:
                return web.json_response({"detail": "Invalid API key"}, status=401)
            self._access_tokens += 1
            token = f"access-{self._access_tokens}"
            self.valid_access_tokens.add(token)
            return web.json_response({"access_token": token, "expires_in": self.token_lifetime_s})
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.valid_access_tokens:
            return web.json_response({"detail": "Token expired"}, status=401)
        return self._authorized(endpoint, body)

    def _authorized(self, endpoint: str, body: dict[str, Any] | None) -> web.StreamResponse:
        if endpoint == "GET /regions":
            return web.json_response({"regions": self.regions})
        if endpoint == "POST /sessions/request":
            session_id = f"session-{len(self.known_sessions) + 1}"
            self.known_sessions.add(session_id)
            answer = {"session_id": session_id, "signalling_url": self.url.replace("http", "ws") + "/signal/"}
            if self.capabilities is not None:
                answer["capabilities"] = self.capabilities
            return web.json_response(answer)
        if endpoint == "POST /sessions/token":
            if body is None or body["session_id"] not in self.known_sessions:
                return web.json_response({"detail": "nope"}, status=404)
            return web.json_response(
                {"session_token": self.session_token(body["session_id"]), "expires_in": 600}
            )
        return web.json_response({"detail": "Not Found"}, status=404)

    async def signal(self, request: web.Request) -> web.StreamResponse:
        session_id, token = request.match_info["session_id"], request.query.get("token", "")
        if self.handshake_statuses and (status := self.handshake_statuses.pop(0)) != 101:
            return web.json_response({"detail": "refused"}, status=status)
        claims = jwt.decode(token, options={"verify_signature": False})
        if claims["session_id"] != session_id:
            return web.json_response({"detail": "wrong token"}, status=401)
        socket = web.WebSocketResponse(max_msg_size=1 << 26)
        await socket.prepare(request)
        streamer = Streamer(self, socket, session_id, token)
        self.streamers.append(streamer)
        try:
            await streamer.serve()
        finally:
            await streamer.close_peer()
        return socket

    @contextlib.asynccontextmanager
    async def running(self, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Service]:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/signal/client/{session_id}", self.signal)
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self._closing.set()
            for streamer in self.streamers:
                await streamer.close_peer()
                await streamer.socket.close()
            await runner.cleanup()


class CallbackRecorder:
    """Records the calls of all callbacks, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.frames: list[Any] = []
        self.decoded: list[Any] = []

    def callbacks(self, *, frames: bool = False) -> dict[str, Any]:
        def record(name: str) -> Callable[..., None]:
            return lambda *arguments: self.events.append((name, *arguments))

        callbacks = {
            name: record(name)
            for name in (
                "on_connected",
                "on_disconnected",
                "on_stream_started",
                "on_stream_ended",
                "on_interact_acknowledged",
                "on_stream_error",
                "on_error",
                "on_status_change",
                "on_broadcast_ready",
            )
        }
        callbacks["on_decoded_frame"] = self.decoded.append
        if frames:
            callbacks["on_video_frame"] = self.frames.append
        return callbacks

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in self.events if event[0] == name]

    def statuses(self) -> list[str]:
        found: list[str] = []
        for status, _message in self.named("on_status_change"):
            if not found or found[-1] != status.value:
                found.append(status.value)
        return found


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets proxies and certificates, `environment(HTTPS_PROXY="...")`; the other variables are unset."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in {"SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"}:
            monkeypatch.delenv(name)

    def set_variables(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return set_variables


@pytest.fixture
async def nothing_left_behind() -> AsyncIterator[None]:
    """Fail a test that leaves a task, a media or conversion thread, or an unhandled error on the loop."""
    loop = asyncio.get_running_loop()
    unhandled: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: unhandled.append(context))
    before = asyncio.all_tasks()
    yield

    def leftovers() -> list[str]:
        tasks = [repr(task) for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
        threads = [
            t.name for t in threading.enumerate() if t.name.startswith(("odyssey", "video-", "audio-"))
        ]
        return tasks + threads

    await eventually(lambda: not leftovers(), lambda: f"the end of {leftovers()}")
    await asyncio.sleep(0)
    assert unhandled == []


@pytest.fixture
async def service(nothing_left_behind: None) -> AsyncIterator[Service]:
    async with Service().running() as service:
        yield service


@pytest.fixture
def recorder() -> CallbackRecorder:
    return CallbackRecorder()


@pytest.fixture
async def make_client(service: Service) -> AsyncIterator[Callable[..., Odyssey]]:
    """Return a function that creates clients of the service; disconnect them at the end."""
    clients: list[Odyssey] = []

    def make(api_key: str = API_KEY, **changes: Any) -> Odyssey:
        client = Odyssey(api_key, api_url=service.url, advanced=dataclasses.replace(FAST, **changes))
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.disconnect()


@pytest.fixture
def client(make_client: Callable[..., Odyssey]) -> Odyssey:
    return make_client()


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Awaitable[Any]]:
    return eventually


@pytest.fixture
def grey_image() -> np.ndarray:
    return np.full((48, 64, 3), 128, np.uint8)


@pytest.fixture
def frame_samples(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Record the samples of the frame timeout: None while no frame is expected."""
    samples: list[object] = []

    async def wait_for_standstill(timeout_s: float, sample: Callable[[], object]) -> None:
        def recorded() -> object:
            samples.append(sample())
            return samples[-1]

        await frames.wait_for_standstill(timeout_s, recorded)

    monkeypatch.setattr(connection_attempt, "wait_for_standstill", wait_for_standstill)
    return samples


class EmulatorProcess:
    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@pytest.fixture
async def start_emulator(nothing_left_behind):
    running: list[EmulatorProcess] = []

    async def start(*options: str, port: int = 0) -> EmulatorProcess:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "odyssey_ros.emulator",
            *("--host", "127.0.0.1", "--port", str(port), "--api-key", "ody_local", *options),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        emulator = EmulatorProcess(process, next(word for word in line.split() if word.startswith("http")))
        running.append(emulator)
        return emulator

    yield start
    for emulator in running:
        await emulator.kill()
        emulator.process._transport.close()
