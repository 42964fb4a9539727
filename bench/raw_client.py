"""A minimal client for benches, made of httpx, websockets and aiortc, without `odyssey_ros.client`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import websockets
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCDataChannel

WAIT = 60.0


def bind_to_loopback(peer: RTCPeerConnection) -> None:
    """Gather 127.0.0.1 only, which aioice leaves out of its host candidates."""
    transports = {transceiver.receiver.transport for transceiver in peer.getTransceivers()}
    if peer.sctp is not None:
        transports.add(peer.sctp.transport)
    for transport in transports:
        connection = transport.transport.iceGatherer._connection  # noqa: SLF001
        gather = connection.get_component_candidates

        async def on_loopback(component, addresses, timeout=5, gather=gather):  # noqa: ARG001
            return await gather(component=component, addresses=["127.0.0.1"], timeout=timeout)

        connection.get_component_candidates = on_loopback


def discard_media(peer: RTCPeerConnection) -> None:
    """Drop media packets on arrival, so that they cost the receiving process little."""
    for transceiver in peer.getTransceivers():
        transceiver.receiver._enabled = False  # noqa: SLF001


class RawClient:
    """One session with one stream, and any number of spectators.

    Args:
        url: Base URL of the service.
        decode: Whether to decode frames; otherwise media is dropped on arrival.
    """

    def __init__(self, url: str, *, decode: bool = False) -> None:
        self.http = httpx.AsyncClient(base_url=url, trust_env=False, timeout=WAIT)
        self.track: MediaStreamTrack | None = None
        self._decode = decode
        self._peers: list[RTCPeerConnection] = []
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._socket: websockets.ClientConnection | None = None
        self._to_streamer: asyncio.Future[RTCDataChannel] = asyncio.get_running_loop().create_future()

    async def connect(self) -> None:
        """Open a session and wait until the channel to the streamer is open."""
        token = (await self.http.post("/auth/token", json={"api_key": "ody_local"})).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        session = (await self.http.post("/sessions/request", json={}, headers=headers)).json()
        body = {"session_id": session["session_id"]}
        grant = (await self.http.post("/sessions/token", json=body, headers=headers)).json()
        url = f"{session['signalling_url']}/client/{session['session_id']}?token={grant['session_token']}"
        self._socket = await websockets.connect(url, proxy=None, open_timeout=WAIT)
        offer = json.loads(await self._socket.recv())
        peer = self._add_peer()
        peer.on("datachannel", self._take_channel)
        peer.on("track", self._take_track)
        await peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
        if not self._decode:
            discard_media(peer)
        bind_to_loopback(peer)
        await peer.setLocalDescription(await peer.createAnswer())
        await self._socket.send(json.dumps({"type": "answer", "sdp": peer.localDescription.sdp}))
        await asyncio.wait_for(self._to_streamer, WAIT)

    async def start(self, prompt: str, *, broadcast: bool = False) -> None:
        """Start a landscape stream."""
        start = {
            "type": "interactive_stream_start",
            "prompt": prompt,
            "portrait": False,
            "broadcast": broadcast,
        }
        self._to_streamer.result().send(json.dumps(start))
        await self.reply("stream_started")

    async def end(self) -> None:
        """End the stream."""
        self._to_streamer.result().send(json.dumps({"type": "interactive_stream_end"}))
        await self.reply("stream_ended")

    async def reply(self, kind: str) -> dict[str, Any]:
        """Return the next message of a type."""
        while True:
            message = await asyncio.wait_for(self._messages.get(), WAIT)
            if message["type"] == kind:
                return message

    async def keep_alive(self) -> None:
        """Send a keepalive every 10 s, until cancelled."""
        while self._socket is not None:
            await asyncio.sleep(10)
            await self._socket.send('{"type": "keepalive"}')

    async def watch(self, ready: dict[str, Any]) -> None:
        """Add a spectator of the broadcast that the message `ready` announced."""
        peer = self._add_peer()
        peer.addTransceiver("video", direction="recvonly")
        discard_media(peer)
        bind_to_loopback(peer)
        await peer.setLocalDescription(await peer.createOffer())
        answer = await self.http.post(
            f"{ready['webrtc_url']}/whep",
            params={"token": ready["spectator_token"]},
            content=peer.localDescription.sdp,
            headers={"Content-Type": "application/sdp"},
        )
        await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))

    async def close(self) -> None:
        """Close all connections."""
        for peer in self._peers:
            await peer.close()
        if self._socket is not None:
            await self._socket.close()
        await self.http.aclose()

    def _add_peer(self) -> RTCPeerConnection:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.append(peer)
        return peer

    def _take_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == "streamerToClient":
            channel.on("message", lambda text: self._messages.put_nowait(json.loads(text)))
        else:
            self._to_streamer.set_result(channel)

    def _take_track(self, track: MediaStreamTrack) -> None:
        self.track = track
