"""Signaling URLs, messages, and connection errors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import serve as serve_websocket
from websockets.exceptions import ConnectionClosed

from odyssey_ros.client import OdysseyConnectionError, OdysseyStreamError
from odyssey_ros.client.json_object import MalformedError
from odyssey_ros.client.signaling import (
    MAX_SENT_BYTES,
    Offer,
    RemoteCandidate,
    ServerError,
    Signaling,
    SignalingEndpoint,
    parse_message,
)
from waiting import eventually


@pytest.mark.parametrize(
    ("url", "ws_base", "http_base"),
    [
        ("wss://h.example/base/", "wss://h.example/base", "https://h.example/base"),
        ("https://h.example", "wss://h.example", "https://h.example"),
        ("ws://h:8090//", "ws://h:8090", "http://h:8090"),
        ("http://127.0.0.1:1/x", "ws://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("h.example:8090/x", "ws://h.example:8090/x", "http://h.example:8090/x"),
        ("WSS://h", "wss://h", "https://h"),
        ("ws://[::1]:5", "ws://[::1]:5", "http://[::1]:5"),
    ],
)
def test_defect_16_socket_and_configuration_urls_follow_the_same_rule(url, ws_base, http_base):
    endpoint = SignalingEndpoint.parse(url)
    assert (endpoint.ws_base, endpoint.http_base) == (ws_base, http_base)


@pytest.mark.parametrize(
    "url", ["", "ftp://h", "ws://", "ws://h?x=1", "ws://h#x", "ws://h:port", "ws://[::1"]
)
def test_an_invalid_url_is_refused(url):
    with pytest.raises(MalformedError):
        SignalingEndpoint.parse(url)


def test_session_and_token_are_encoded():
    url = SignalingEndpoint.parse("ws://h").client_url("a/b?c", "d&e=f/g")
    assert url == "ws://h/client/a%2Fb%3Fc?token=d%26e%3Df%2Fg"


def test_messages_are_parsed():
    assert parse_message('{"type": "offer", "sdp": "v=0"}') == Offer("v=0")
    assert parse_message('{"type": "ice_candidate"}') == RemoteCandidate("", None, None)
    assert parse_message('{"type": "error"}') == ServerError("unknown")
    assert parse_message('{"type": "error", "reason": "' + "x" * 999 + '"}').reason == "x" * 500
    assert parse_message('{"type": "hello"}') is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
fields = st.dictionaries(st.sampled_from(["sdp", "candidate", "sdpMid", "sdpMLineIndex", "reason"]), anything)


@given(
    st.text()
    | st.builds(
        lambda k, d: json.dumps({**d, "type": k}),
        st.sampled_from(["offer", "ice_candidate", "error", "x"]),
        fields,
    )
)
def test_any_signaling_message_is_parsed_or_refused(text):
    try:
        message = parse_message(text)
    except MalformedError:
        return
    if isinstance(message, Offer):
        assert message.sdp


@given(st.text(), st.text())
def test_any_url_is_parsed_or_refused(host, path):
    try:
        endpoint = SignalingEndpoint.parse(f"wss://{host}/{path}")
    except MalformedError:
        return
    assert endpoint.ws_base.startswith("wss://")
    assert not endpoint.ws_base.endswith("/")


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        ("closed port", "cannot be reached"),
        ("silence", r"did not answer within 0\.3 s"),
        ("garbage", "cannot be reached"),
        ("hang up", "cannot be reached"),
    ],
)
async def test_connecting_to_an_invalid_server_raises_an_error_without_the_token(
    nothing_left_behind, behaviour, text
):
    async def serve(reader, writer):
        await reader.read(10)
        if behaviour == "garbage":
            writer.write(b"SSH-2.0-not-a-web-server\r\n\r\n")
            await writer.drain()
        if behaviour == "silence":
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if behaviour == "closed port":
        server.close()
        await server.wait_closed()
    with pytest.raises(OdysseyConnectionError, match=text) as caught:
        await Signaling.connect(
            SignalingEndpoint.parse(f"ws://127.0.0.1:{port}"),
            "session",
            "the-secret-token",
            open_timeout_s=0.3 if behaviour == "silence" else 60,
            close_timeout_s=1,
        )
    assert "the-secret-token" not in "".join(traceback.format_exception(caught.value))
    server.close()
    await server.wait_closed()


async def connected(server, *, close_timeout_s=60):
    port = server.sockets[0].getsockname()[1]
    return await Signaling.connect(
        SignalingEndpoint.parse(f"ws://127.0.0.1:{port}"),
        "session",
        "token",
        open_timeout_s=60,
        close_timeout_s=close_timeout_s,
    )


async def test_a_message_that_the_socket_would_not_carry_is_not_sent(nothing_left_behind):
    received = []

    async def serve(socket):
        received.extend([len(message) async for message in socket])

    async with serve_websocket(serve, "127.0.0.1", 0, max_size=MAX_SENT_BYTES) as server:
        signaling = await connected(server)
        with pytest.raises(OdysseyStreamError, match=f"at most {MAX_SENT_BYTES} can be sent") as refused:
            await signaling.send_text("x" * (MAX_SENT_BYTES + 1))
        assert refused.value.code == "MESSAGE_TOO_LONG"
        await signaling.send_text("x" * MAX_SENT_BYTES)  # the connection still works
        await signaling.close()
        farewell = len('{"type": "client_disconnecting"}')
        await eventually(lambda: received == [MAX_SENT_BYTES, farewell])


@pytest.mark.parametrize("message", ["no JSON", b"binary", '{"type": "unknown"}'])
async def test_a_flood_of_ignored_messages_is_an_error(nothing_left_behind, message):
    async def serve(socket):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.send(message)

    async with serve_websocket(serve, "127.0.0.1", 0, close_timeout=1) as server:
        signaling = await connected(server, close_timeout_s=1)
        with pytest.raises(OdysseyConnectionError, match="sends too many messages") as caught:
            await signaling.receive()
        assert caught.value.code == "INVALID_RESPONSE"
        await signaling.close()
