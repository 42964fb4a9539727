"""The signaling socket of one session: offer, answer, candidates, keepalive, and the connection's end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from odyssey_ros.emulator.faults import BadOffer, NoOffer
from odyssey_ros.emulator.faults.act_runner import ActRunner
from odyssey_ros.emulator.http.http_answers import base_url
from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.messages import (
    Answer,
    ClientDisconnecting,
    Keepalive,
    RemoteCandidate,
    StartStream,
    encode,
    parse_socket_message,
)
from odyssey_ros.emulator.peer import NegotiationError
from odyssey_ros.emulator.sdp import split_candidates, with_wrong_fingerprint
from odyssey_ros.emulator.sessions import Ending, Session
from odyssey_ros.emulator.streamer import Streamer

if TYPE_CHECKING:
    from odyssey_ros.emulator.service_context import ServiceContext

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 36 * 1024 * 1024
"""Largest message, bytes; a 25 MB image is about 35 MB of base64."""

_MAX_INLINE_TEXT = 100_000
"""Longest text, in characters, that is parsed on the event loop; longer texts are parsed on a thread."""

_LIMIT_POLL_SECONDS = 0.5
"""Longest wait between two checks of a deadline, because `monotonic` may differ from the loop's clock."""


class SignalingServer:
    """Serves signaling sockets.

    Args:
        context: the parts of the service.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._config = context.config
        self._counters = context.counters
        self._monotonic = context.monotonic

    async def serve(self, session: Session, request: web.Request, socket: web.WebSocketResponse) -> None:
        """Serve one connection, from the open socket to its end.

        Args:
            session: a session without a connection; the token is already checked.
            request: the request that opened the socket.
            socket: the prepared socket.
        """
        self._counters["sockets_opened"] += 1
        ending = session.open_connection(self._monotonic(), base_url(request))
        streamer = Streamer(self._context, session)
        session.streamer = streamer
        reader = asyncio.create_task(self._converse(session, streamer, socket), name="odyssey-signaling")
        watchdog = asyncio.create_task(self._watch_limits(session, streamer), name="odyssey-limits")
        acts = asyncio.create_task(
            ActRunner(
                registry=self._context.faults,
                session=session,
                streamer=streamer,
                socket=socket,
                transport=request.transport,
            ).run(),
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

    async def _converse(self, session: Session, streamer: Streamer, socket: web.WebSocketResponse) -> None:
        connected = asyncio.create_task(self._mark_connected(session, streamer))
        try:
            await self._send_offer(session, streamer, socket)
            await self._read(session, streamer, socket)
        except ConnectionError:
            logger.info("The signaling socket was lost")
        finally:
            connected.cancel()
            await asyncio.gather(connected, return_exceptions=True)

    async def _mark_connected(self, session: Session, streamer: Streamer) -> None:
        await streamer.peer.connected.wait()
        session.state = "connected"
        session.moments.connected = self._monotonic()
        streamer.peers_connected()
        self._context.faults.notify()
        self._counters["peers_connected"] += 1

    async def _send_offer(self, session: Session, streamer: Streamer, socket: web.WebSocketResponse) -> None:
        if self._context.faults.take(NoOffer, session.moments) is not None:
            return
        sdp = await streamer.peer.offer()
        bad = self._context.faults.take(BadOffer, session.moments)
        if bad is not None:
            await socket.send_str(encode("offer", _bad_offer(bad, sdp)))
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
        keepalive_seconds = self._config.limits.keepalive_seconds
        while True:
            try:
                received = await socket.receive(timeout=keepalive_seconds)
            except asyncio.TimeoutError:
                session.end(Ending(1008, "keepalive timeout"))
                return
            if received.type is WSMsgType.TEXT:
                await self._handle(received.data, streamer)
            elif received.type is not WSMsgType.BINARY:
                return

    async def _handle(self, text: str, streamer: Streamer) -> None:
        try:
            if len(text) > _MAX_INLINE_TEXT:
                message = await asyncio.to_thread(parse_socket_message, text)
            else:
                message = parse_socket_message(text)
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
            logger.warning("Ignored a malformed signaling message: %s", error)

    async def _watch_limits(self, session: Session, streamer: Streamer) -> None:
        limits = self._config.limits
        opened_at = self._monotonic()
        while True:
            now = self._monotonic()
            deadlines: list[tuple[float, Ending]] = []
            if limits.connection_seconds is not None:
                ending = Ending(error="duration_limit_reached")
                deadlines.append((opened_at + limits.connection_seconds, ending))
            if limits.idle_seconds is not None:
                idle_since = now if streamer.running is not None else streamer.idle_since
                deadlines.append((idle_since + limits.idle_seconds, Ending(1001, "idle for too long")))
            if not deadlines:
                return
            deadline, ending = min(deadlines, key=lambda item: item[0])
            if now >= deadline:
                session.end(ending)
                return
            await asyncio.sleep(min(deadline - now, _LIMIT_POLL_SECONDS))

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


def _bad_offer(fault: BadOffer, sdp: str) -> dict[str, str]:
    if fault.variant == "missing":
        return {}
    if fault.variant == "empty":
        return {"sdp": ""}
    if fault.variant == "garbage":
        return {"sdp": "this is no session description"}
    return {"sdp": with_wrong_fingerprint(sdp)}
