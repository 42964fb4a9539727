"""A user starts and stops the program."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import av
import httpx
import psutil
import pytest

from ipv6 import needs_ipv6
from odyssey_ros.emulator.command_line import configuration, main, parser
from odyssey_ros.emulator.limits import UNLIMITED_LIFETIME, Limits

ROOT = Path(__file__).parents[2]

TIMEOUT_S = 200  # a busy machine takes long to start a process
pytestmark = pytest.mark.timeout(3 * TIMEOUT_S)


@pytest.fixture(autouse=True)
def _signal_handlers():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
async def program():
    started = []

    async def start(*arguments, interpreter=(), folder=None):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *interpreter,
            "-m",
            "odyssey_ros.emulator",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def outcome(process):
    out, error = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    return process.returncode, out.decode(), error.decode()


def has_ended(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def url_of(process):
    line = (await asyncio.wait_for(process.stdout.readline(), TIMEOUT_S)).decode()
    ready = re.fullmatch(r"odyssey emulator ready at (http://127\.0\.0\.1:\d+)\n", line)
    assert ready, line
    return ready[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_prints_a_line_when_it_is_ready_and_ends_without_output(program, number):
    process = await program("--host", "127.0.0.1", "--port", "0", "--api-key", "ody_local")
    url = await url_of(process)
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
        assert (await http.post("/auth/token", json={"api_key": "ody_local"})).status_code == 200
    process.send_signal(number)
    assert await outcome(process) == (0, "", "")


async def test_it_ends_without_output_while_it_streams(program, new_caller, until):
    process = await program("--port", "0")
    caller = new_caller(await url_of(process))
    connections = [await caller.connect() for _ in range(2)]
    for connection in connections:
        await connection.start(broadcast=True)
    await until(lambda: all(connection.frames for connection in connections))
    process.terminate()
    assert await outcome(process) == (0, "", "")
    for connection in connections:
        assert (await until(lambda connection=connection: connection.closed))[0] == 1001
    await caller.close()


async def test_after_a_kill_recordings_are_complete_workers_end_and_jobs_continue(
    program, new_caller, until, tmp_path
):
    process = await program("--port", "0", "--data-dir", str(tmp_path))
    caller = new_caller(await url_of(process))
    connection = await caller.connect()
    complete = (await connection.start())["stream_id"]
    await connection.next_frame()
    await connection.end()
    await connection.start()
    await connection.next_frame()
    script = [{"timestamp_ms": 0, "start": {"prompt": "x"}}, {"timestamp_ms": 60_000, "end": {}}]
    job = (await caller.request("POST", "/simulation-jobs", json={"script": script})).json()
    [worker] = await until(psutil.Process(process.pid).children)
    process.kill()
    await process.wait()
    await until(lambda: has_ended(worker))
    await caller.close()

    process = await program("--port", "0", "--data-dir", str(tmp_path))
    caller = new_caller(await url_of(process))
    listed = (await caller.request("GET", "/stream-recordings")).json()
    assert [row["stream_id"] for row in listed["recordings"]] == [complete]
    video = await caller.http.get(
        (await caller.request("GET", f"/recordings/{complete}")).json()["video_url"]
    )
    with av.open(io.BytesIO(video.content)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0
    again = (await caller.request("GET", f"/simulation-jobs/{job['job_id']}")).json()
    assert again["retry_count"] == 1
    assert again["status"] not in {"failed", "cancelled"}
    await caller.close()
    process.terminate()
    assert await outcome(process) == (0, "", "")


async def test_the_data_folder_may_have_a_colon_in_its_name(program, new_caller, until, tmp_path):
    name = "2026-06-01T10:30:00"
    process = await program("--port", "0", "--data-dir", name, folder=tmp_path)
    caller = new_caller(await url_of(process))
    connection = await caller.connect()
    stream_id = (await connection.start())["stream_id"]
    await connection.next_frame()
    await connection.end()
    script = [{"timestamp_ms": 0, "start": {"prompt": "x"}}, {"timestamp_ms": 500, "end": {}}]
    job = (await caller.request("POST", "/simulation-jobs", json={"script": script})).json()

    async def ended():
        detail = (await caller.request("GET", f"/simulation-jobs/{job['job_id']}")).json()
        return detail if detail["status"] in {"completed", "failed"} else None

    detail = await until(ended)
    assert detail["status"] == "completed"
    recording = (await caller.request("GET", f"/recordings/{stream_id}")).json()
    for url in (recording["video_url"], detail["streams"][0]["video_url"]):
        video = await caller.http.get(url)
        with av.open(io.BytesIO(video.content)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    await caller.close()
    process.terminate()
    assert await outcome(process) == (0, "", "")


def test_a_home_folder_of_the_data(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert parser().parse_args(["--data-dir=~/data"]).data_dir == Path("/home/someone/data")


# Runs the program and sends a signal to it when it imports a module.
INTERRUPTED = """
import os, runpy, sys

module, number = sys.argv[1:]
sys.argv[1:] = ["--port", "0"]

class Interruption:
    def find_spec(name, *_):
        if name == module:
            os.kill(os.getpid(), int(number))

sys.meta_path.insert(0, Interruption)
runpy.run_module("odyssey_ros.emulator", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["odyssey_ros.emulator.command_line", "aiohttp", "av", "aiortc"])
def test_a_signal_during_the_imports_ends_it_without_output(module, number):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, str(int(number))],
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_repeated_signals_end_it_without_output(program, number):
    process = await program("--port", "0")
    await url_of(process)
    ended = asyncio.create_task(outcome(process))
    while not ended.done():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        await asyncio.sleep(0.0005)
    assert ended.result() == (0, "", "")


async def test_a_port_in_use_is_an_error_with_a_remedy(program):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, out, error = await outcome(await program("--port", port))
    assert (status, out) == (1, "")
    assert error == (
        f"odyssey emulator: 127.0.0.1:{port} is in use; choose another port with --port, "
        "or --port 0 for a free one\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("--fps", "0"), 2, "fps must be above 0"),
        (("--fps", "nan"), 2, "fps must be above 0"),
        (("--fps", "2_0"), 2, "argument --fps: invalid decimal_number value: '2_0'"),
        (("--port", "8_765"), 2, "argument --port: invalid whole_number value: '8_765'"),
        (("--idle-seconds", "1_0"), 2, "'1_0' is not a number or off"),
        (("--queued-jobs", "٣"), 2, "'٣' is not a whole number or off"),
        (("--fault", "http_status,status=1_000"), 2, "status: must be an integer"),
        (("--port", "70000"), 2, "port must be between 0 and 65535"),
        (("--api-key", "secret"), 2, "an API key starts with ody_"),
        (("--api-key", "ody_twice", "--api-key", "ody_twice"), 2, "its own API key and its own name"),
        (("--bitrate", "1"), 2, "bitrate must be"),
        (
            ("--key-frame-interval", "-0.5"),
            2,
            "between 0 (key frames on request only) and 3600 seconds, not -0.5",
        ),
        (("--key-frame-interval", "fast"), 2, "invalid decimal_number value: 'fast'"),
        (("--ice-server", "http://x"), 2, "--ice-server takes"),
        (("--fault", "nonsense"), 2, "must be one of"),
        (("--render-workers", "0"), 2, "at least one render worker"),
        (("--streamers", "-1"), 2, "number of streamers"),
        (("--codec", "av1"), 2, "invalid choice"),
        (("--idle-seconds", "soon"), 2, "'soon' is not a number or off"),
        (("--url-seconds", "never"), 2, "'never' is not a number or off"),
        (("--host", "no.such.host.invalid"), 1, "cannot resolve the host no.such.host.invalid"),
        (("--port", "0", "--data-dir", "/dev/null/x"), 1, "check --data-dir"),
        (("--data-dir", "~no-such-user/x"), 2, "~no-such-user has no home folder"),
    ],
)
def test_a_wrong_option_is_an_error_of_one_line(capsys, arguments, status, text):
    try:
        found = main(arguments)
    except SystemExit as end:  # argparse exits
        found = end.code
    out, error = capsys.readouterr()
    assert (found, out) == (status, "")
    assert text in error.splitlines()[-1]
    assert "Traceback" not in error
    assert "secret" not in error


async def test_a_key_log_that_cannot_be_written_is_an_error_of_one_line(program, monkeypatch, tmp_path):
    """aiohttp opens the file when it is imported."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "missing" / "keys"))
    process = await program("--port", "0")
    _, error = await asyncio.wait_for(process.communicate(), 80)
    assert process.returncode == 1
    assert error.decode().startswith("odyssey emulator: cannot use SSLKEYLOGFILE=")
    assert len(error.splitlines()) == 1


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
async def test_an_ipv6_address_is_printed_in_brackets(program, host):
    process = await program("--host", host, "--port", "0")
    line = (await asyncio.wait_for(process.stdout.readline(), 80)).decode()
    assert line.startswith("odyssey emulator ready at http://[::1]:")
    port = line.strip().rpartition(":")[2]
    other = await program("--host", host, "--port", port)
    _, error = await asyncio.wait_for(other.communicate(), 80)
    assert f"[::1]:{port} is in use" in error.decode()


async def test_a_damaged_file_is_skipped_with_a_warning(program, tmp_path):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "one.json").write_text("{")
    process = await program("--port", "0", "--data-dir", str(tmp_path))
    await url_of(process)
    process.terminate()
    status, _, error = await outcome(process)
    assert status == 0
    assert "one.json is not a valid simulation job" in error
    assert "Traceback" not in error


LIMITS = [field.name for field in dataclasses.fields(Limits) if field.name != "image_bytes"]


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_set_and_disabled_by_its_option(name):
    def limit(*arguments):
        return getattr(configuration(parser().parse_args(arguments)).limits, name)

    option = f"--{name.replace('_', '-')}"
    assert limit() == getattr(Limits(), name)
    assert limit(option, "7") == 7
    assert limit(option, "off") == (
        UNLIMITED_LIFETIME if name.endswith(("token_seconds", "url_seconds")) else None
    )


async def test_the_options_reach_the_service(program):
    process = await program(
        "--port", "0", "--region", "here", "--region", "there", "--streamers", "0", "--no-control",
        "--fault", "http_status,endpoint=config,status=418", "--ice-server", "stun:127.0.0.1:3478",
        "--concurrent-sessions", "off", "--suspend", "unpaid", "--access-token-seconds", "off",
    )  # fmt: skip
    async with httpx.AsyncClient(base_url=await url_of(process), trust_env=False) as http:
        assert (await http.get("/config")).status_code == 418
        assert (await http.get("/config")).json() == {"iceServers": [{"urls": "stun:127.0.0.1:3478"}]}
        assert (await http.get("/control/state")).status_code == 404
        grant = (await http.post("/auth/token", json={"api_key": "ody_local"})).json()
        assert grant["expires_in"] == UNLIMITED_LIFETIME
        headers = {"Authorization": f"Bearer {grant['access_token']}"}
        regions = (await http.get("/regions", headers=headers)).json()["regions"]
        assert [region["id"] for region in regions] == ["here", "there"]
        refused = await http.post("/sessions/request", headers=headers)
        assert refused.json()["detail"]["details"] == {"reason": "unpaid"}
    process.terminate()
    assert (await outcome(process))[0] == 0
