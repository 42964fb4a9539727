"""The signaling socket: its address, its messages, and its errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from odyssey_ros.client.api_errors import retry_after_details
from odyssey_ros.client.certificates import untrusted_certificate
from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyAuthError, OdysseyConnectionError, OdysseyStreamError
from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.message_allowance import MessageAllowance
from odyssey_ros.client.proxies import ProxySettings
from odyssey_ros.client.redaction import redact_logs
from odyssey_ros.client.service_address import parse_address
from odyssey_ros.client.service_text import clean_text
from odyssey_ros.client.tasks import within
from odyssey_ros.client.websocket_proxy import route_options, socket_failure

if TYPE_CHECKING:
    from websockets.http11 import Response

    from odyssey_ros.client.service_address import ServiceAddress

logger = logging.getLogger(__name__)

# At DEBUG the library logs the request line, which holds the session token, and messages, which hold images.
_wire_logger = logging.getLogger("odyssey_ros.client.signaling.wire")
_wire_logger.setLevel(logging.WARNING)
redact_logs(_wire_logger.name)

# An offer has about 10 kB.
_MAX_MESSAGE_BYTES = 1 << 20

MAX_SENT_BYTES = 36 << 20
"""Maximum size of a message to the server: an image of 25 MB as base64, with its prompt."""


@dataclass(frozen=True, slots=True)
class SignalingEndpoint:
    """The address of a signaling server.

    Attributes:
        ws_base: `ws://` or `wss://` URL without a trailing slash.
        http_base: The same address as an `http://` or `https://` URL.
        address: The same address, parsed.
    """

    ws_base: str
    http_base: str
    address: ServiceAddress

    @property
    def is_loopback(self) -> bool:
        """Return whether the host name or address literal means this machine."""
        return self.address.is_loopback

    @classmethod
    def parse(cls, url: str) -> SignalingEndpoint:
        """Parse a signaling URL of scheme ws, wss, http or https, or without a scheme, which means ws.

        Raises:
            MalformedError: The URL has another scheme, a query, or no host.
        """
        url = url.strip()
        if "://" not in url:
            url = f"ws://{url}"
        try:
            address = parse_address(url, ("ws", "wss", "http", "https"))
        except MalformedError:
            raise MalformedError("the signaling URL is malformed") from None
        if address.query:
            raise MalformedError("the signaling URL is malformed")
        rest = f"{address.netloc}{address.path.rstrip('/')}"
        return cls(
            ws_base=("wss://" if address.is_encrypted else "ws://") + rest,
            http_base=("https://" if address.is_encrypted else "http://") + rest,
            address=address,
        )

    def client_url(self, session_id: str, session_token: str) -> str:
        """Return the URL of a session's socket. The URL holds the token, a secret."""
        return f"{self.ws_base}/client/{quote(session_id, safe='')}?token={quote(session_token, safe='')}"


@dataclass(frozen=True, slots=True)
class Offer:
    """The streamer's session description."""

    sdp: str


@dataclass(frozen=True, slots=True)
class RemoteCandidate:
    """An ICE candidate of the streamer. An empty `candidate` marks the end of candidates."""

    candidate: str
    sdp_mid: str | None
    sdp_mline_index: int | None


@dataclass(frozen=True, slots=True)
class ServerError:
    """The server ends the connection, with its reason."""

    reason: str


SignalingMessage = Offer | RemoteCandidate | ServerError


def parse_message(text: str) -> SignalingMessage | None:
    """Parse a message; return None for an unknown type.

    Raises:
        MalformedError: The text is not a JSON object, or a required field is missing or has a wrong type.
    """
    message = JsonObject.parse(text)
    kind = message.text("type")
    if kind == "offer":
        return Offer(message.document("sdp"))
    if kind == "ice_candidate":
        return RemoteCandidate(
            message.optional_text("candidate") or "",
            message.optional_text("sdpMid"),
            message.optional_integer("sdpMLineIndex"),
        )
    if kind == "error":
        return ServerError(message.message("reason") or "unknown")
    return None


class _ConnectWithoutRedirects(connect):
    """Refuses redirects, which could lead the token to another server, or the client to this machine."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the error, so that it is raised."""
        return exc


class Signaling:
    """An open signaling socket, bound to one event loop."""

    def __init__(self, socket: ClientConnection, *, close_timeout_s: float) -> None:
        self._socket = socket
        self._allowance = MessageAllowance()
        self._close_timeout_s = close_timeout_s

    @classmethod
    async def connect(
        cls,
        endpoint: SignalingEndpoint,
        session_id: str,
        session_token: str,
        *,
        open_timeout_s: float,
        close_timeout_s: float,
    ) -> Signaling:
        """Open the socket of a session.

        Raises:
            OdysseyAuthError: The server refused the token (401, 403).
            OdysseyConfigurationError: A variable of the environment cannot be used, or the proxy refuses it.
            OdysseyConnectionError: The server cannot be reached, or answered with another error, which sets
                `status_code`.
        """
        url = endpoint.client_url(session_id, session_token)
        proxy = ProxySettings().proxy_for(url)
        try:
            socket = await _ConnectWithoutRedirects(
                url,
                **await route_options(url, proxy),
                open_timeout=open_timeout_s,
                close_timeout=close_timeout_s,
                max_size=_MAX_MESSAGE_BYTES,
                # Large messages hold images, which are already compressed.
                compression=None,
                logger=_wire_logger,
            )
        except InvalidStatus as error:
            raise _refused(error.response) from None
        # From None: the original exceptions may hold the URL, and with it the token.
        except InvalidURI:
            raise OdysseyConnectionError(
                "The signaling URL is invalid", code=ErrorCode.INVALID_RESPONSE
            ) from None
        except asyncio.TimeoutError:
            raise OdysseyConnectionError(
                f"The signaling server did not answer within {open_timeout_s:g} s"
            ) from None
        # A UnicodeError comes from the resolver, for a name that it cannot encode.
        except (OSError, WebSocketException, EOFError, UnicodeError) as error:
            if proxy is not None:
                raise socket_failure(error, urlsplit(url).hostname or "", proxy) from None
            reason = untrusted_certificate(error) or _without_url(error)
            raise OdysseyConnectionError(f"The signaling server cannot be reached: {reason}") from None
        return cls(socket, close_timeout_s=close_timeout_s)

    async def receive(self) -> SignalingMessage:
        """Wait for the next message of a known type.

        Raises:
            OdysseyConnectionError: The socket is closed, a known message is malformed, or there are too many
                messages.
        """
        while True:
            try:
                text = await self._socket.recv()
            except ConnectionClosed as closed:
                raise _lost(closed) from None
            if not self._allowance.take(len(text)):
                raise OdysseyConnectionError(
                    "The signaling server sends too many messages", code=ErrorCode.INVALID_RESPONSE
                )
            if isinstance(text, bytes):
                logger.warning("Ignoring a binary signaling message")
                continue
            try:
                message = parse_message(text)
            except MalformedError as error:
                if str(error) == "not JSON":
                    logger.warning("Ignoring a signaling message that is not JSON")
                    continue
                raise OdysseyConnectionError(
                    f"Malformed signaling message: {error}", code=ErrorCode.INVALID_RESPONSE
                ) from None
            if message is not None:
                return message
            logger.debug("Ignoring a signaling message of an unknown type")

    async def send_answer(self, sdp: str) -> None:
        """Send the answer to the streamer's offer."""
        await self.send_text(json.dumps({"type": "answer", "sdp": sdp}))

    async def send_text(self, text: str) -> None:
        """Send a message in JSON.

        Raises:
            OdysseyStreamError: The message is larger than `MAX_SENT_BYTES`, and was not sent: the server
                would close the socket.
            OdysseyConnectionError: The socket is closed.
        """
        if (size := len(text.encode())) > MAX_SENT_BYTES:
            raise OdysseyStreamError(
                f"The message has {size} bytes, but at most {MAX_SENT_BYTES} can be sent; shorten it",
                code=ErrorCode.MESSAGE_TOO_LONG,
            )
        try:
            await self._socket.send(text)
        except ConnectionClosed as closed:
            raise _lost(closed) from None

    async def keep_alive(self, interval_s: float) -> None:
        """Send keepalives until cancelled or the socket closes."""
        while True:
            await asyncio.sleep(interval_s)
            await self.send_text('{"type": "keepalive"}')

    async def close(self) -> None:
        """Send `client_disconnecting` and close. Takes at most twice the close timeout."""
        with contextlib.suppress(asyncio.TimeoutError, OdysseyConnectionError):
            await within(self._close_timeout_s, self.send_text('{"type": "client_disconnecting"}'))
        await self._socket.close(1000, "Client disconnect")


def _refused(response: Response) -> OdysseyAuthError | OdysseyConnectionError:
    status = response.status_code
    if status in {401, 403}:
        return OdysseyAuthError("The signaling server refuses the session token", status_code=status)
    if status == 404:
        # Without status_code, so that the client retries: it can request another session.
        return OdysseyConnectionError(
            "The signaling server does not know the session", code=ErrorCode.SESSION_NOT_FOUND
        )
    waits, dates = response.headers.get_all("Retry-After"), response.headers.get_all("Date")
    return OdysseyConnectionError(
        f"The signaling server answered {status}",
        details=retry_after_details(waits[0] if waits else None, dates[0] if dates else None),
        status_code=status,
    )


def _lost(closed: ConnectionClosed) -> OdysseyConnectionError:
    frame = closed.rcvd
    if frame is None:
        return OdysseyConnectionError("Disconnected from signaling server")
    reason = f": {text}" if (text := clean_text(frame.reason)) else ""
    return OdysseyConnectionError(f"Signaling disconnected ({frame.code}){reason}", code=ErrorCode.CLOSED)


def _without_url(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__
