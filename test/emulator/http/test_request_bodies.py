"""Bodies of hostile clients: huge, endless, slow, broken off, compressed."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
import sys
from contextlib import AsyncExitStack

import httpx
import psutil
import pytest
from aiohttp import web

from odyssey_ros.emulator.http.http_answers import errors_as_json
from odyssey_ros.emulator.http.request_bodies import LargeBodies, read_body
from waiting import eventually

LIMIT = 10_000
MIB = 1024 * 1024


@pytest.fixture
async def server():
    """URL of an application, and what happened to its requests."""
    app = web.Application(middlewares=[errors_as_json])
    large = LargeBodies(10, 0.1)
    entered, leave = asyncio.Event(), asyncio.Event()

    async def small(request):
        return web.json_response(len(await read_body(request, LIMIT)))

    async def slow(request):
        return web.json_response(len(await read_body(request, LIMIT, seconds=0.1)))

    async def one(request):
        async with large.admit(request):
            entered.set()
            await leave.wait()
            return web.json_response(len(await read_body(request, LIMIT)))

    for handler in (small, slow, one):
        app.router.add_post(f"/{handler.__name__}", handler)
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1], entered, leave
    leave.set()
    await runner.cleanup()


async def _status(port, head, *blocks):
    """Send a request by hand, and return the status of the answer; the blocks follow until it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.readline())
    writer.write(head.encode() + b"\r\n\r\n")
    for block in blocks:
        if answer.done():
            break
        writer.write(block)
        await writer.drain()
        await asyncio.sleep(0)
    status = int((await answer).split()[1])
    await _close(writer)
    return status


async def _close(writer):
    writer.transport.abort()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def _chunk(size):
    return f"{size:x}\r\n".encode() + bytes(size) + b"\r\n"


async def test_bodies_within_the_limit(server):
    port, _, _ = server
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for body in (b"", bytes(LIMIT)):
            assert (await client.post("/small", content=body)).json() == len(body)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Content-Length: 10001", 413),  # no byte of it is sent
        ("Content-Length: 99999999999999", 413),
        ("Content-Length: 5\r\nContent-Encoding: gzip", 415),
    ],
)
async def test_a_body_is_refused_before_it_is_sent(server, headers, status):
    assert await _status(server[0], f"POST /small HTTP/1.1\r\nHost: x\r\n{headers}") == status


async def test_an_endless_body_without_a_length_is_refused(server):
    head = "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
    assert await _status(server[0], head, *(_chunk(4000) for _ in range(1000))) == 413


async def test_a_slow_body_is_refused(server):
    head = "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100"
    assert await _status(server[0], head, b"x") == 408


async def test_a_body_that_is_broken_off_is_no_failure_of_the_service(server, caplog):
    port, _, _ = server
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
    await writer.drain()
    await _close(writer)
    head = "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
    assert await _status(port, head, b"zz\r\n") == 400
    assert "failed" not in caplog.text


async def test_large_bodies_wait_without_being_read(server):
    port, entered, leave = server
    head = "POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 11"
    first = asyncio.create_task(_status(port, head, bytes(11)))
    await entered.wait()
    assert await _status(port, head, bytes(11)) == 503
    small = asyncio.create_task(_status(port, "POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 1", b"x"))
    leave.set()
    assert (await first, await small) == (200, 200)


@pytest.fixture(scope="module")
def program():
    """The emulator as a process: its process id and its URL."""
    command = [sys.executable, "-m", "odyssey_ros.emulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        ready = process.stdout.readline()
        yield process.pid, httpx.URL(ready.split()[-1])
        process.terminate()


def _resident(pid):
    return psutil.Process(pid).memory_info().rss


_BOMB = gzip.compress(bytes(200 * MIB))


@pytest.mark.parametrize("path", ["/auth/token", "/telemetry", "/simulation-jobs", "/control/faults"])
@pytest.mark.parametrize("way", ["length", "chunked", "bomb"])
async def test_bodies_of_strangers_take_no_memory(program, path, way):
    """Four bodies of 249 MB had taken the process to 1.1 GB."""
    pid, url = program
    block = bytes(MIB)
    head = f"POST {path} HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: application/json\r\n"
    before = peak = _resident(pid)
    async with AsyncExitStack() as stack:
        connections = [await asyncio.open_connection(url.host, url.port) for _ in range(4)]
        for _, writer in connections:
            stack.push_async_callback(_close, writer)
            if way == "length":
                writer.write(f"{head}Content-Length: {249 * MIB}\r\n\r\n".encode())
            elif way == "chunked":
                writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            else:
                writer.write(
                    f"{head}Content-Encoding: gzip\r\nContent-Length: {len(_BOMB)}\r\n\r\n".encode() + _BOMB
                )
        for _ in range(60 if way != "bomb" else 0):
            for _, writer in connections:
                if way == "chunked":
                    writer.write(f"{MIB:x}\r\n".encode() + block + b"\r\n")
                else:
                    writer.write(block)
            await asyncio.sleep(0)
            peak = max(peak, _resident(pid))
        statuses = [(await reader.readline()).split()[1] for reader, _ in connections]
        peak = max(peak, _resident(pid))
    assert set(statuses) <= {b"413", b"415", b"401"}
    assert peak - before < 60 * MIB


async def test_a_stranger_s_body_is_not_read_before_the_token(program):
    _, url = program
    head = f"POST /simulation-jobs HTTP/1.1\r\nHost: {url.host}\r\nContent-Length: 1000000"
    assert await _status(url.port, head) == 401


async def test_the_program_survives_a_storm_of_requests(program):
    pid, url = program
    before = _resident(pid)
    async with httpx.AsyncClient(base_url=str(url), trust_env=False) as client:
        for _ in range(40):
            bodies = [os.urandom(30_000) for _ in range(20)]
            answers = await asyncio.gather(*(client.post("/auth/token", content=body) for body in bodies))
            assert {answer.status_code for answer in answers} == {422}
    await eventually(lambda: _resident(pid) - before < 60 * MIB, "little memory")
