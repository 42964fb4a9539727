"""The command as a process that reaches the service only through a proxy, or with unusable variables.

The emulator has the name `service.invalid` here, which only the proxy knows.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import sys
from pathlib import Path

import pytest
from aiohttp import web

from certificate_authority import CertificateAuthority
from hostile_service import HostileService, json_response, response
from ipv6 import needs_ipv6
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.downloading.downloads import Downloader, download_client
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.retry_policy import RetryPolicy
from odyssey_ros.emulator import Emulator, EmulatorConfig
from proxy_servers import SECRET_PARTS, HttpProxy, SocksProxy

ROOT = Path(__file__).parents[2]
SCRIPT = """
portrait: false
script:
  - {timestamp_ms: 0, start: {prompt: "a calm sea"}}
  - {timestamp_ms: 450, end: {}}
"""
CONTENT = bytes(range(256)) * 2000
KINDS = [
    pytest.param(HttpProxy, id="http"),
    pytest.param(
        SocksProxy,
        id="socks",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("socksio") is None, reason="the extra `socks` is not installed"
        ),
    ),
]


async def run(folder, url, *arguments, **variables):
    """Run the command with exactly these proxies and certificates; return its status, output and log."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("SSL_CERT_", "ODYSSEY_"))
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "odyssey_ros.dataset", *arguments),
        cwd=folder,
        env={
            **inherited,
            "PYTHONPATH": str(ROOT),
            "ODYSSEY_API_URL": url,
            "ODYSSEY_API_KEY": "ody_local",
            "NO_COLOR": "1",
            **variables,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, log = (await asyncio.wait_for(process.communicate(), 300)) or (b"", b"")
    shown = out.decode() + log.decode()
    assert "Traceback" not in shown
    assert "INTERNAL" not in shown
    assert not any(secret in shown for secret in SECRET_PARTS)
    return process.returncode, out.decode(), log.decode()


SIMULATE = ("simulate", "walk.yaml", "-o", "out", "--poll", "0.1", "--allow-insecure")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "walk.yaml").write_text(SCRIPT)
    return tmp_path


@pytest.fixture
async def emulator():
    async with Emulator(EmulatorConfig(allow_hosts=("service.invalid",))) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
async def test_a_dataset_through_a_proxy(kind, folder, emulator):
    url = emulator.url.replace("127.0.0.1", "service.invalid")
    async with kind(requires_login=True) as proxy:
        status, out, log = await run(
            folder, url, *SIMULATE, ALL_PROXY=proxy.login_url, NO_PROXY="localhost,::1,fe80::/10,10.0.0.0/8"
        )
    assert (status, out) == (0, "1 episodes in out, 0 failed\n"), log
    assert proxy.hosts == {"service.invalid"}
    # The API and the downloads have connections of their own.
    assert len(proxy.targets) >= 2


async def test_a_remote_service_cannot_choose_a_service_of_this_machine(folder):
    def answer(request):
        if request.endpoint == "POST /auth/token":
            return [json_response(200, {"access_token": "bearer", "expires_in": 3600})]
        if request.endpoint == "GET /recordings/s1":
            return [json_response(200, {"stream_id": "s1", "video_url": f"{local.url}/admin?delete=all"})]
        row = {"stream_id": "s1", "started_at": "2026-11-28T09:00:00Z", "ended_at": "2026-11-28T09:00:01Z"}
        return [json_response(200, {"recordings": [row], "total": 1, "limit": 50, "offset": 0})]

    with (
        HostileService(lambda _request: [response(200)]).running() as local,
        HostileService(answer).running() as service,
    ):
        url = service.url.replace("127.0.0.1", "service.invalid")
        async with HttpProxy(requires_login=True) as proxy:
            arguments = ("recordings", "s1", "-o", "out", "--allow-insecure")
            status, out, log = await run(folder, url, *arguments, HTTP_PROXY=proxy.login_url)
    assert (status, out) == (1, "0 episodes in out, 1 failed\n"), log
    assert "INVALID_RESPONSE: The file must not be on this machine or its link" in log
    assert service.count("GET /recordings/s1") == 1
    assert local.requests == []


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"ALL_PROXY": "gopher://robot:p%40ss@h"}, "ALL_PROXY is not the URL of a proxy"),
        ({"ALL_PROXY": "socks4://h"}, "ALL_PROXY names a SOCKS 4 proxy"),
        ({"https_proxy": "h:1", "no_proxy": "[::1"}, "Entry 1 of no_proxy is not a host name"),
        ({"SSL_CERT_FILE": "/stale/file"}, "SSL_CERT_FILE: /stale/file does not exist"),
        ({"SSL_CERT_DIR": "/stale/folder"}, "SSL_CERT_DIR: /stale/folder is not a folder"),
    ],
)
@pytest.mark.parametrize(
    "arguments", [SIMULATE, ("recordings", "x", "-o", "out"), ("jobs", "x", "-o", "out")]
)
async def test_an_unusable_variable_is_an_error_of_one_line(arguments, variables, text, folder):
    status, out, log = await run(folder, "https://service.invalid", *arguments, **variables)
    assert (status, out) == (2, "")
    assert log.startswith(f"odyssey-dataset: {text}")
    assert len(log.splitlines()) == 1
    assert not (folder / "out").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", pytest.param("::1", marks=needs_ipv6)])
async def test_nothing_is_read_for_a_service_on_loopback(host, folder):
    async with Emulator(EmulatorConfig(host=host)) as emulator:
        status, out, log = await run(
            folder,
            emulator.url,
            *SIMULATE,
            ALL_PROXY="socks://127.0.0.1:9",
            HTTP_PROXY="gopher://x",
            NO_PROXY="[::1",
            SSL_CERT_FILE="/stale/file",
            SSL_CERT_DIR="/stale/folder",
        )
    assert (status, out) == (0, "1 episodes in out, 0 failed\n"), log


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_requires_a_login(kind, folder, emulator):
    url = emulator.url.replace("127.0.0.1", "service.invalid")
    async with kind(requires_login=True) as proxy:
        status, out, log = await run(folder, url, *SIMULATE, HTTP_PROXY=proxy.url)
        assert (status, out) == (1, "0 episodes in out, 1 failed\n")
        assert f"CONFIGURATION: The proxy 127.0.0.1:{proxy.port} (HTTP_PROXY) requires a user name" in log
        assert "trying again" not in log
        status, out, log = await run(
            folder, url, "jobs", "x", "-o", "other", "--allow-insecure", HTTP_PROXY=proxy.url
        )
        assert (status, out) == (2, "")
        assert "(HTTP_PROXY) requires a user name and a password" in log


@pytest.fixture
def proxy_environment(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
async def file_url(tmp_path, proxy_environment):
    """The URL of a file on a TLS server, as `files.invalid`."""
    authority = CertificateAuthority(tmp_path)
    proxy_environment.setenv("SSL_CERT_FILE", str(authority.file))
    app = web.Application()

    async def redirect(_request):
        raise web.HTTPFound("/file?secret=1")

    async def answer(_request):
        return web.Response(body=CONTENT)

    app.router.add_get("/moved", redirect)
    app.router.add_get("/file", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server_context("files.invalid"))
    await site.start()
    yield f"https://files.invalid:{runner.addresses[0][1]}"
    await runner.cleanup()


async def download(url, path):
    async def renew():
        raise AssertionError

    async with download_client() as client:
        return await Downloader(client, RetryPolicy(retries=0)).fetch(url, renew, path)


@pytest.mark.parametrize("path", ["/file?secret=1", "/moved"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_download_over_tls_through_a_proxy(kind, path, file_url, proxy_environment, tmp_path):
    async with kind(requires_login=True) as proxy:
        proxy_environment.setenv("HTTPS_PROXY", proxy.login_url)
        fetched = await download(file_url + path, tmp_path / "video.mp4")
    assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert proxy.hosts == {"files.invalid"}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_errors_of_a_download_through_a_proxy(kind, file_url, proxy_environment, tmp_path):
    async with kind(requires_login=True) as proxy:
        proxy_environment.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(EpisodeError, match="requires a user name and a password") as caught:
            await download(f"{file_url}/file?secret=1", tmp_path / "video.mp4")
        assert (caught.value.code, caught.value.retryable) == (ErrorCode.CONFIGURATION, False)
    with pytest.raises(EpisodeError, match=r"files\.invalid cannot be reached through the proxy") as caught:
        await download(f"{file_url}/file?secret=1", tmp_path / "video.mp4")
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.DOWNLOAD_FAILED, True)
    assert "secret" not in str(caught.value)
    assert not list(tmp_path.glob("video*"))


async def test_an_unusable_variable_of_a_download(file_url, proxy_environment, tmp_path):
    proxy_environment.setenv("HTTPS_PROXY", "gopher://x")
    with pytest.raises(EpisodeError, match="HTTPS_PROXY is not the URL of a proxy") as caught:
        await download(f"{file_url}/file", tmp_path / "video.mp4")
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.CONFIGURATION, False)
