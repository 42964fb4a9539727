"""The nodes as processes that reach the service only through a proxy, or with variables that cannot be used.

The emulator has the name `service.invalid` here, which only the proxy knows.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os

import psutil
import pytest
from lifecycle_msgs.srv import GetState
from odyssey_ros.msg import PlaybackStatus, StreamStatus
from odyssey_ros.srv import GetBroadcast
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

from ipv6 import needs_ipv6
from odyssey_ros.client import Odyssey
from proxy_servers import SECRET_PARTS, HttpProxy, SocksProxy, running_in_thread

KEY = "ody_test_key"
TOKEN = "ODYSSEY_SPECTATOR_TOKEN"
STATUS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SCRIPT = [{"timestamp_ms": 0, "start": {"prompt": "a calm sea"}}, {"timestamp_ms": 500, "end": {}}]
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
needs_address = pytest.mark.skipif(
    all(
        entry.address.startswith("127.")
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family.name == "AF_INET"
    ),
    reason="this machine has no IPv4 address but loopback, which a remote service's media cannot use",
)
# Variables that cannot be used, and the start of the error.
UNUSABLE = [
    ({"ALL_PROXY": "gopher://robot:p%40ss@h"}, "ALL_PROXY is not the URL of a proxy"),
    ({"https_proxy": "h:1", "no_proxy": "10.0.0.0/99"}, "Entry 1 of no_proxy is not a host name"),
    ({"SSL_CERT_FILE": "/stale/file"}, "SSL_CERT_FILE: /stale/file does not exist"),
]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """Start the processes without the variables of this machine."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
            monkeypatch.delenv(name)


@pytest.fixture
def proxy(request):
    with running_in_thread(request.param(requires_login=True)) as running:
        yield running


@pytest.fixture
def remote_emulator(start_emulator):
    """An emulator whose media is not on loopback, as for a remote service."""
    return start_emulator(
        "--host", "0.0.0.0", "--allow-host", "service.invalid", "--fps", "10", "--broadcast-seconds", "0.2"
    )


def behind(emulator):
    return emulator.url.replace("127.0.0.1", "service.invalid")


def assert_no_secret(process, *messages):
    assert not any(secret in process.text + repr(messages) for secret in SECRET_PARTS)
    assert "Traceback" not in process.text


@needs_address
@pytest.mark.parametrize("proxy", KINDS, indirect=True)
def test_a_bridge_and_a_spectator(proxy, remote_emulator, start_node, probe, wait_until):
    variables = {"ALL_PROXY": proxy.login_url, "NO_PROXY": "localhost,127.0.0.0/8,::1,fe80::/10"}
    statuses, seen = probe.statuses(), probe.statuses("/spectator")
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    watched = probe.listen(Image, "/spectator/image_raw", 5)
    bridge = start_node(
        "bridge",
        {
            "api_url": behind(remote_emulator),
            "allow_insecure": True,
            "prompt": "a calm sea",
            "broadcast": True,
        },
        environment={**variables, "ODYSSEY_API_KEY": KEY},
    )
    wait_until(lambda: len(images) > 3, "pictures")
    answer = wait_until(
        lambda: (got := probe.call(GetBroadcast, "/odyssey/get_broadcast")).success and got, "the broadcast"
    )
    assert "service.invalid" in answer.broadcast.webrtc_url
    before = len(proxy.targets)
    spectator = start_node(
        "spectator",
        {"webrtc_url": answer.broadcast.webrtc_url, "allow_insecure": True},
        environment={**variables, TOKEN: answer.broadcast.spectator_token},
    )
    wait_until(lambda: len(watched) > 3, "pictures of the spectator")
    assert len(proxy.targets) > before
    assert proxy.hosts == {"service.invalid"}
    assert proxy.logins == len(proxy.targets)
    assert_no_secret(bridge, statuses)
    assert_no_secret(spectator, seen)


@pytest.mark.parametrize("proxy", KINDS, indirect=True)
def test_a_player(proxy, remote_emulator, start_node, probe, wait_until):
    emulator = remote_emulator
    job = asyncio.run(finished_job(emulator.url))
    images = probe.listen(Image, "/player/image_raw", 5)
    playback = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    process = start_node(
        "player",
        {
            "api_url": behind(emulator),
            "allow_insecure": True,
            "job_id": job.job_id,
            "loop": True,
        },
        environment={"ALL_PROXY": proxy.login_url, "ODYSSEY_API_KEY": KEY},
    )
    wait_until(lambda: len(images) > 3, lambda: f"pictures; the player said:\n{process.text}")
    assert proxy.hosts == {"service.invalid"}
    # The API and the downloads have connections of their own.
    assert len(proxy.targets) >= 2
    assert_no_secret(process, playback)


async def finished_job(url):
    async with Odyssey(KEY, api_url=url) as client:
        job = await client.simulate(script=SCRIPT, portrait=False)
        while not job.status.is_terminal:
            await asyncio.sleep(0.1)
            job = await client.get_simulate_status(job.job_id)
    return job


@pytest.mark.parametrize(("variables", "text"), UNUSABLE)
@pytest.mark.parametrize("name", ["bridge", "spectator", "player"])
def test_an_unusable_variable_is_fatal(name, variables, text, start_node, probe, wait_until):
    node = {"bridge": "odyssey"}.get(name, name)
    if name == "player":
        statuses = probe.listen(PlaybackStatus, "/player/playback", STATUS)
    else:
        statuses = probe.statuses(f"/{node}")
    process = start_node(
        name,
        {
            "bridge": {"api_url": "https://service.invalid"},
            "spectator": {"webrtc_url": "https://service.invalid/live/x"},
            "player": {"api_url": "https://service.invalid", "stream_id": "some"},
        }[name],
        environment={**variables, "ODYSSEY_API_KEY": KEY, TOKEN: "token"},
    )
    status = wait_until(
        lambda: next((one for one in statuses if one.error_code), None),
        lambda: f"an error; the node said:\n{process.text}",
    )
    assert status.error_code == "CONFIGURATION"
    assert status.message.startswith(text)
    wait_until(
        lambda: probe.call(GetState, f"/{node}/get_state").current_state.label == "unconfigured", "the end"
    )
    process.stop()  # the whole output: it arrives after the status
    assert f"Gave up: {text}" in process.text
    assert process.text.count("trying again") == 0
    assert_no_secret(process, statuses)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bridge_whose_proxy_requires_a_login(kind, start_node, probe, wait_until, tmp_path):
    statuses = probe.statuses()
    with running_in_thread(kind(requires_login=True)) as proxy:
        process = start_node(
            "bridge",
            {"api_url": "https://service.invalid"},
            environment={"HTTPS_PROXY": proxy.url, "ODYSSEY_API_KEY": KEY},
        )
        status = wait_until(lambda: statuses and statuses[-1].error_code and statuses[-1], "an error")
    assert status.error_code == "CONFIGURATION"
    assert "(HTTPS_PROXY) requires a user name and a password" in status.message
    assert "Traceback" not in process.text


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_nothing_is_read_for_a_service_on_loopback(host, start_emulator, start_node, probe, wait_until):
    """Also: bridge, spectator and player work on both IP versions."""
    emulator = start_emulator("--host", host, "--fps", "10", "--broadcast-seconds", "0.2")
    assert emulator.url.startswith("http://[::1]:" if host == "::1" else "http://127.0.0.1:")
    job = asyncio.run(finished_job(emulator.url))
    variables = {
        "HTTP_PROXY": "gopher://x",
        "ALL_PROXY": "socks4://x",
        "NO_PROXY": "10.0.0.0/99",
        "SSL_CERT_FILE": "/stale/file",
        "SSL_CERT_DIR": "/stale/folder",
        "ODYSSEY_API_KEY": KEY,
    }
    images, watched, played = (
        probe.listen(Image, f"/{name}/image_raw", 5) for name in ("odyssey", "spectator", "player")
    )
    statuses = probe.statuses()
    bridge = start_node(
        "bridge",
        {"api_url": emulator.url, "prompt": "a calm sea", "broadcast": True},
        environment=variables,
    )
    wait_until(lambda: len(images) > 3, lambda: f"pictures; the bridge said:\n{bridge.text}")
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "the connection")
    answer = wait_until(
        lambda: (got := probe.call(GetBroadcast, "/odyssey/get_broadcast")).success and got, "the broadcast"
    )
    start_node(
        "spectator",
        {"webrtc_url": answer.broadcast.webrtc_url, "allow_insecure": True},
        environment={**variables, TOKEN: answer.broadcast.spectator_token},
    )
    start_node("player", {"api_url": emulator.url, "job_id": job.job_id, "loop": True}, environment=variables)
    wait_until(lambda: len(watched) > 3, "pictures of the spectator")
    wait_until(lambda: len(played) > 3, "pictures of the player")


def test_a_spectator_follows_a_redirect(start_emulator, start_node, probe, wait_until):
    emulator = start_emulator("--fps", "10", "--broadcast-seconds", "0.2")
    watched = probe.listen(Image, "/spectator/image_raw", 5)
    start_node(
        "bridge",
        {"api_url": emulator.url, "prompt": "a calm sea", "broadcast": True},
        environment={"ODYSSEY_API_KEY": KEY},
    )
    answer = wait_until(
        lambda: (got := probe.call(GetBroadcast, "/odyssey/get_broadcast")).success and got, "the broadcast"
    )
    emulator.fault(fault="http_redirect", count=3)
    process = start_node(
        "spectator",
        {"webrtc_url": answer.broadcast.webrtc_url, "allow_insecure": True},
        environment={TOKEN: answer.broadcast.spectator_token},
    )
    wait_until(lambda: len(watched) > 3, lambda: f"pictures; the spectator said:\n{process.text}")
    assert emulator.state()["counters"]["http.whep_offer.307"] == 3
    assert "trying again" not in process.text
