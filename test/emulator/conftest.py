"""A separate client for tests, on httpx, websockets and aiortc; it uses nothing of `odyssey_ros.client`."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import websockets
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from odyssey_ros.emulator import Emulator, EmulatorConfig
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import av

WAIT = 50.0
API_KEY = "ody_local"


def on_loopback(peer: RTCPeerConnection) -> None:
    """Make `peer` gather 127.0.0.1, which aioice leaves out."""
    transports = {t.receiver.transport for t in peer.getTransceivers()}
    if peer.sctp is not None:
        transports.add(peer.sctp.transport)
    for transport in transports:
        connection = transport.transport.iceGatherer._connection
        gather = connection.get_component_candidates

        async def gather_loopback(component, addresses, timeout=5, gather=gather):
            return await gather(component=component, addresses=["127.0.0.1"], timeout=timeout)

        connection.get_component_candidates = gather_loopback


class ShiftedClock:
    """The monotonic clock plus `shift` seconds, which a test may increase."""

    def __init__(self) -> None:
        self.shift = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.shift


@dataclass
class Connection:
    """The client's end of one connected session."""

    session_id: str
    socket: websockets.ClientConnection
    peer: RTCPeerConnection
    messages: list[dict[str, Any]] = field(default_factory=list)
    socket_messages: list[dict[str, Any]] = field(default_factory=list)
    frames: list[av.VideoFrame] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    keep_frames: int = 400
    channels: dict[str, Any] = field(default_factory=dict)
    track: Any = None
    track_ended: bool = False
    closed: tuple[int, str] | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    seen: int = 0

    def send(self, **message: Any) -> None:
        self.channels["clientToStreamer"].send(json.dumps(message))

    async def reply(self, *kinds: str, timeout: float = WAIT) -> dict[str, Any]:
        """Return the next message of one of these types on the data channel; skip other messages."""

        def find() -> dict[str, Any] | None:
            for index in range(self.seen, len(self.messages)):
                if self.messages[index]["type"] in kinds:
                    self.seen = index + 1
                    return self.messages[index]
            return None

        return await eventually(find, f"a message of {kinds}", timeout)

    async def start(self, prompt: str = "a red fox", **fields: Any) -> dict[str, Any]:
        self.send(type="interactive_stream_start", prompt=prompt, **{"portrait": False, **fields})
        return await self.reply("stream_started", "interactive_stream_error")

    async def interact(self, prompt: str) -> dict[str, Any]:
        self.send(type="update", prompt=prompt)
        return await self.reply("update_acknowledged", "interactive_stream_error")

    async def end(self) -> dict[str, Any]:
        self.send(type="interactive_stream_end")
        return await self.reply("stream_ended")

    async def next_frame(self, timeout: float = WAIT) -> av.VideoFrame:
        seen = len(self.arrivals)
        await eventually(lambda: len(self.arrivals) > seen, "a frame", timeout)
        return self.frames[-1]

    async def close(self) -> None:
        await self.peer.close()
        if self.closed is None:
            await self.socket.send(json.dumps({"type": "client_disconnecting"}))
        await self.socket.close(1000, "Client disconnect")
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def read_socket(self) -> None:
        try:
            async for text in self.socket:
                self.socket_messages.append(json.loads(text))
        except websockets.ConnectionClosed:
            pass
        self.closed = (self.socket.close_code or 1006, self.socket.close_reason or "")

    async def read_track(self) -> None:
        try:
            while True:
                frame = await self.track.recv()
                self.arrivals.append(time.monotonic())
                self.frames.append(frame)
                del self.frames[: -self.keep_frames]
        except MediaStreamError:
            self.track_ended = True


class Caller:
    """A user of the service at `url`."""

    def __init__(self, url: str, api_key: str = API_KEY) -> None:
        self.url = url
        self.api_key = api_key
        self.http = httpx.AsyncClient(base_url=url, timeout=WAIT, trust_env=False)
        self.token = ""
        self.open: list[Connection] = []
        self.spectators: list[Spectator] = []

    async def authenticate(self) -> None:
        answer = await self.http.post("/auth/token", json={"api_key": self.api_key})
        answer.raise_for_status()
        self.token = answer.json()["access_token"]

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        if not self.token:
            await self.authenticate()
        return await self.http.request(
            method, path, headers={"Authorization": f"Bearer {self.token}"}, **options
        )

    async def new_session(self) -> tuple[str, str, str]:
        """Return the id, the signaling URL and a token of a new session."""
        session = (await self.request("POST", "/sessions/request", json={})).raise_for_status().json()
        grant = await self.request("POST", "/sessions/token", json={"session_id": session["session_id"]})
        return (
            session["session_id"],
            session["signalling_url"],
            grant.raise_for_status().json()["session_token"],
        )

    async def open_socket(self) -> tuple[str, websockets.ClientConnection]:
        session_id, base, token = await self.new_session()
        url = f"{base}/client/{session_id}?token={token}"
        return session_id, await websockets.connect(url, max_size=2**26, proxy=None)

    async def connect(self, *, ready: bool = True, hide_addresses: bool = False) -> Connection:
        """Open a session and answer its offer.

        Args:
            ready: wait for the track and the channels.
            hide_addresses: replace the addresses by mDNS names, as browsers do.
        """
        session_id, socket = await self.open_socket()
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connection = Connection(session_id, socket, peer)
        self.open.append(connection)
        connection.tasks.append(asyncio.create_task(connection.read_socket()))
        await eventually(lambda: any(m["type"] == "offer" for m in connection.socket_messages))
        offer = next(m for m in connection.socket_messages if m["type"] == "offer")

        @peer.on("track")
        def _(track: Any) -> None:
            connection.track = track
            connection.tasks.append(asyncio.create_task(connection.read_track()))

        @peer.on("datachannel")
        def _(channel: Any) -> None:
            connection.channels[channel.label] = channel
            if channel.label == "streamerToClient":
                channel.on("message", lambda text: connection.messages.append(json.loads(text)))

        await peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        on_loopback(peer)
        await peer.setLocalDescription(await peer.createAnswer())
        sdp = peer.localDescription.sdp
        if hide_addresses:
            sdp = re.sub(r"(a=candidate:\S+ \d udp \d+) \S+", r"\1 0123abcd.local", sdp)
        await socket.send(json.dumps({"type": "answer", "sdp": sdp}))
        if ready:
            await eventually(lambda: len(connection.channels) == 2 and connection.track is not None)
        return connection

    def new_spectator(self) -> Spectator:
        """Return a spectator that has not joined a broadcast yet."""
        self.spectators.append(Spectator(self))
        return self.spectators[-1]

    async def close(self) -> None:
        for spectator in self.spectators:
            await spectator.close()
        for connection in self.open:
            await connection.close()
        await self.http.aclose()


class Spectator:
    """A spectator of a broadcast, and the frames that it received."""

    def __init__(self, caller: Caller) -> None:
        self.http = caller.http
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.frames: list[av.VideoFrame] = []
        self.ended = False
        self.tasks: list[asyncio.Task[None]] = []
        self.peer.on("track", self.on_track)

    def on_track(self, track: Any) -> None:
        if track.kind == "video":
            self.tasks.append(asyncio.create_task(self.read(track)))

    async def read(self, track: Any) -> None:
        try:
            while True:
                self.frames.append(await track.recv())
        except MediaStreamError:
            self.ended = True

    async def join(self, ready: dict[str, Any]) -> str:
        self.peer.addTransceiver("video", direction="recvonly")
        self.peer.addTransceiver("audio", direction="recvonly")
        on_loopback(self.peer)
        await self.peer.setLocalDescription(await self.peer.createOffer())
        answer = await self.http.post(
            f"{ready['webrtc_url']}/whep",
            params={"token": ready["spectator_token"]},
            content=self.peer.localDescription.sdp,
            headers={"Content-Type": "application/sdp"},
        )
        assert answer.status_code == 201, answer.text
        assert answer.headers["content-type"].startswith("application/sdp")
        await self.peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        return answer.headers["location"]

    async def close(self) -> None:
        await self.peer.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@asynccontextmanager
async def _running(config: EmulatorConfig, **clocks: Any) -> AsyncIterator[tuple[Emulator, Caller]]:
    async with Emulator(config, **clocks) as emulator:
        caller = Caller(emulator.url, config.accounts[0].api_key)
        try:
            yield emulator, caller
        finally:
            await caller.close()


@pytest.fixture
def running() -> Any:
    """`async with running(config) as (emulator, caller):` runs a service and creates a user of it."""
    return _running


@pytest.fixture
def new_caller() -> type[Caller]:
    """Creates another user of a service: `new_caller(url, api_key)`."""
    return Caller


@pytest.fixture
def loopback() -> Callable[[RTCPeerConnection], None]:
    """Makes a peer gather 127.0.0.1: `loopback(peer)`."""
    return on_loopback


@pytest.fixture
def clock() -> ShiftedClock:
    """A clock for `running(config, monotonic=clock)`; `clock.shift += 60` advances it by a minute."""
    return ShiftedClock()


@pytest.fixture(name="until")
def _until() -> Any:
    """`await until(condition)` waits until the condition is true."""
    return eventually


@pytest.fixture
async def service() -> AsyncIterator[tuple[Emulator, Caller]]:
    """A service with default settings, and a user of it."""
    async with _running(EmulatorConfig()) as pair:
        yield pair
