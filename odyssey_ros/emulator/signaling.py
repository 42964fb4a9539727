"""The signaling socket of one session: offer, answer, candidates, keepalive, and every way it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from odyssey_ros.emulator.faults import BadOffer, NoOffer
from odyssey_ros.emulator.faults.fault_acts import ActDriver
from odyssey_ros.emulator.http.http_answers import base_url
from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.messages import (
    Answer,
    ClientDisconnecting,
    Keepalive,
    RemoteCandidate,
    StartStream,
    encode,
)
from odyssey_ros.emulator.messages import parse_socket_message as parse
from odyssey_ros.emulator.peer import NegotiationError, split_candidates
from odyssey_ros.emulator.sessions import Ending, Session
from odyssey_ros.emulator.streamer import Streamer

if TYPE_CHECKING:
    from odyssey_ros.emulator.service_context import ServiceContext

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Bytes of one message; a 25 MB image is about 35 MB of base64."""

_LARGE_TEXT = 100_000

_LOOK_SECONDS = 0.5
"""The clock that counts need not be the event loop's, so a deadline is looked at again."""

_FAREWELL_SECONDS = 3.0
"""A client that leaves closes its peer first and the socket soon after; later, the peer was lost."""


class SignalingServer:
    """Serves signaling sockets.

    Args:
        context: of the service.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._config = context.config
        self._counters = context.counters
        self._monotonic = context.monotonic

    async def serve(self, session: Session, request: web.Request, socket: web.WebSocketResponse) -> None:
        """Run one connection, from the open socket to its end.

        Args:
            session: known, and its token checked; nobody else is connected to it.
            request: that opened the socket.
            socket: prepared.
        """
        self._counters["sockets_opened"] += 1
        ending = session.open_connection(self._monotonic(), base_url(request))
        streamer = Streamer(
            self._context,
            session,
            on_lost=lambda: self._peer_lost(session),
            on_limit=lambda: self._stream_limit_reached(session),
        )
        session.streamer = streamer
        reader = asyncio.create_task(self._talk(session, streamer, socket), name="odyssey-signaling")
        watchdog = asyncio.create_task(self._watch_limits(session, streamer), name="odyssey-limits")
        acts = asyncio.create_task(
            ActDriver(self._context.faults, session, streamer, socket, request.transport).run(),
            name="odyssey-faults",
        )
        try:
            waiting: set[asyncio.Future[Ending] | asyncio.Task[None]] = {reader, ending}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if reader.done() and not reader.cancelled():
                reader.result()
            elif ending.done():
                await self._end(request, socket, ending.result())
        finally:
            for task in (reader, watchdog, acts):
                task.cancel()
            await asyncio.gather(reader, watchdog, acts, return_exceptions=True)
            await streamer.close()
            await socket.close()
            self._counters["frames_sent"] += streamer.peer.video.frames_sent
            self._counters["frames_dropped"] += streamer.peer.video.frames_dropped

    async def _talk(self, session: Session, streamer: Streamer, socket: web.WebSocketResponse) -> None:
        connected = asyncio.create_task(self._mark_connected(session, streamer))
        try:
            await self._send_offer(session, streamer, socket)
            await self._read(session, streamer, socket)
        except ConnectionError:
            logger.info("the signaling socket was lost")
        finally:
            connected.cancel()
            await asyncio.gather(connected, return_exceptions=True)

    async def _mark_connected(self, session: Session, streamer: Streamer) -> None:
        await streamer.peer.connected.wait()
        session.state = "connected"
        session.moments.connected = self._monotonic()
        streamer.met()
        self._context.faults.notify()
        self._counters["peers_connected"] += 1

    async def _send_offer(self, session: Session, streamer: Streamer, socket: web.WebSocketResponse) -> None:
        if self._context.faults.take(NoOffer, session.moments) is not None:
            return
        sdp = await streamer.peer.offer()
        bad = self._context.faults.take(BadOffer, session.moments)
        if bad is not None:
            await socket.send_str(encode("offer", _spoilt_offer(bad, sdp)))
            return
        if not self._config.trickle:
            await socket.send_str(encode("offer", {"sdp": sdp}))
            return
        sdp, candidates = split_candidates(sdp)
        await socket.send_str(encode("offer", {"sdp": sdp}))
        for found in candidates:
            fields = {"candidate": found.candidate, "sdpMid": found.mid, "sdpMLineIndex": found.line_index}
            await socket.send_str(encode("ice_candidate", fields))

    async def _read(self, session: Session, streamer: Streamer, socket: web.WebSocketResponse) -> None:
        patience = self._config.limits.keepalive_seconds
        while True:
            try:
                received = await socket.receive(timeout=patience)
            except asyncio.TimeoutError:
                session.end(Ending(1008, "keepalive timeout"))
                return
            if received.type is WSMsgType.TEXT:
                await self._obey(received.data, streamer)
            elif received.type is not WSMsgType.BINARY:
                return

    async def _obey(self, text: str, streamer: Streamer) -> None:
        try:
            message = await asyncio.to_thread(parse, text) if len(text) > _LARGE_TEXT else parse(text)
            if isinstance(message, Answer):
                await streamer.peer.answer(message.sdp)
                self._counters["answers"] += 1
            elif isinstance(message, RemoteCandidate):
                await streamer.peer.add_candidate(message.candidate, message.mid, message.line_index)
            elif isinstance(message, StartStream):
                streamer.submit(message)
            elif isinstance(message, Keepalive):
                self._counters["keepalives"] += 1
            elif isinstance(message, ClientDisconnecting):
                self._counters["farewells"] += 1
        except (InvalidFieldError, NegotiationError) as error:
            self._counters["socket_messages_malformed"] += 1
            logger.warning("a signaling message was ignored: %s", error)

    async def _watch_limits(self, session: Session, streamer: Streamer) -> None:
        limits = self._config.limits
        began = self._monotonic()
        while True:
            now = self._monotonic()
            deadlines: list[tuple[float, Ending]] = []
            if limits.connection_seconds is not None:
                deadlines.append((began + limits.connection_seconds, Ending(error="duration_limit_reached")))
            if limits.idle_seconds is not None:
                idle_since = now if streamer.running is not None else streamer.idle_since
                deadlines.append((idle_since + limits.idle_seconds, Ending(1001, "idle for too long")))
            if not deadlines:
                return
            deadline, ending = min(deadlines, key=lambda item: item[0])
            if now >= deadline:
                session.end(ending)
                return
            await asyncio.sleep(min(deadline - now, _LOOK_SECONDS))

    def _peer_lost(self, session: Session) -> None:
        ending = Ending(1011, "peer lost", error="streamer_disconnected")
        asyncio.get_running_loop().call_later(_FAREWELL_SECONDS, session.end, ending)

    def _stream_limit_reached(self, session: Session) -> None:
        if self._config.close_at_stream_limit:
            session.end(Ending(error="duration_limit_reached"))

    async def _end(self, request: web.Request, socket: web.WebSocketResponse, ending: Ending) -> None:
        self._counters["sockets_ended_by_service"] += 1
        if ending.abort:
            if request.transport is not None:
                request.transport.abort()
            return
        with contextlib.suppress(ConnectionError):
            if ending.error is not None:
                await socket.send_str(encode("error", {"reason": ending.error}))
            await socket.close(code=ending.code, message=ending.reason.encode())


def _spoilt_offer(fault: BadOffer, sdp: str) -> dict[str, str]:
    if fault.variant == "missing":
        return {}
    if fault.variant == "empty":
        return {"sdp": ""}
    if fault.variant == "garbage":
        return {"sdp": "this is no session description"}
    fingerprint = "a=fingerprint:sha-256 " + ":".join(["00"] * 32)
    lines = [line for line in sdp.splitlines() if not line.startswith("a=fingerprint:sha-")]
    spoilt = [
        part for line in lines for part in ((fingerprint, line) if line.startswith("a=setup:") else (line,))
    ]
    return {"sdp": "\r\n".join(spoilt) + "\r\n"}
