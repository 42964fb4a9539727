"""Connections of hostile clients: too many, and those that never finish a request."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from aiohttp import web

from odyssey_ros.web.connections import Connections
from waiting import eventually


@pytest.fixture
async def serving():
    """Serves `pong` at a port; makes the connections and the server, which knows its open connections."""
    runners = []

    async def serve(host="127.0.0.1", **limits):
        connections = Connections(**limits)
        app = web.Application(middlewares=[connections.middleware()])

        async def pong(_):
            return web.Response(text="pong")

        app.router.add_get("/", pong)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append((connections, runner))
        await connections.listen(runner.server, host, 0)
        return connections, runner.server

    yield serve
    for connections, runner in runners:
        await connections.close()
        await runner.cleanup()


async def _close(*writers):
    for writer in writers:
        writer.transport.abort()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def _get(port):
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{port}/")).text


async def test_connections_above_the_bound_are_closed_and_the_others_served(serving):
    connections, server = await serving(max_connections=3)
    opened = [await asyncio.open_connection("127.0.0.1", connections.port) for _ in range(20)]
    closed = [asyncio.create_task(reader.read()) for reader, _ in opened]
    await eventually(lambda: sum(task.done() for task in closed) >= 17, "closed connections")
    assert len(server.connections) == 3
    await _close(*(writer for _, writer in opened))
    await asyncio.gather(*closed, return_exceptions=True)
    await eventually(lambda: not server.connections, "no connection")
    assert await _get(connections.port) == "pong"


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_connection_without_a_whole_request_is_closed(serving, sent):
    connections, _ = await serving(request_seconds=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", connections.port)
    writer.write(sent)
    assert await reader.read() == b""  # returns at the end of the connection only
    await _close(writer)


async def test_a_connection_that_has_sent_a_request_stays_open(serving):
    connections, server = await serving(request_seconds=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", connections.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"pong")
    [protocol] = server.connections
    other, other_writer = await asyncio.open_connection("127.0.0.1", connections.port)
    await other.read()  # a connection that is opened later has been closed for its silence
    assert protocol in server.connections
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"pong")
    await _close(writer, other_writer)


async def test_endless_headers_end_the_connection(serving):
    connections, _ = await serving()
    reader, writer = await asyncio.open_connection("127.0.0.1", connections.port)
    ended = asyncio.create_task(reader.read())
    writer.write(b"GET / HTTP/1.1\r\n")

    async def flood():
        for number in range(100_000):
            writer.write(f"X-{number}: ".encode() + b"x" * 8000 + b"\r\n")
            await writer.drain()

    with pytest.raises(ConnectionError):
        await flood()
    await asyncio.gather(ended, return_exceptions=True)
    await _close(writer)


async def test_the_port_is_known_while_the_service_listens(serving):
    connections, _ = await serving()
    assert connections.port > 0
    await connections.close()
    with pytest.raises(RuntimeError, match="does not listen"):
        assert connections.port
