"""The whole service is started and closed inside a program."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import odyssey_ros.emulator
from ipv6 import needs_ipv6
from odyssey_ros.emulator import Emulator, EmulatorConfig
from odyssey_ros.emulator.faults import HttpStatus
from odyssey_ros.emulator.faults.schedule import Schedule


@pytest.mark.parametrize("name", odyssey_ros.emulator.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(odyssey_ros.emulator, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        odyssey_ros.emulator.unknown  # noqa: B018


async def test_the_url_is_known_only_while_the_service_runs():
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url
    async with emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url
    await emulator.close()  # has no effect


@pytest.mark.parametrize(
    ("host", "url"), [("0.0.0.0", "http://127.0.0.1:"), ("::1", "http://[::1]:"), ("localhost", "http://")]
)
async def test_the_url_names_a_host_that_can_be_reached(host, url):
    try:
        emulator = Emulator(EmulatorConfig(host=host))
        await emulator.start()
    except OSError:
        pytest.skip(f"this machine cannot bind {host}")
    try:
        assert emulator.url.startswith(url)
        async with httpx.AsyncClient(base_url=emulator.url, trust_env=False) as http:
            assert (await http.get("/config")).status_code == 200
    finally:
        await emulator.close()


@needs_ipv6
async def test_all_addresses_of_both_versions_are_served():
    async with Emulator(EmulatorConfig(host="::")) as emulator:
        port = urlsplit(emulator.url).port
        assert emulator.url in {f"http://127.0.0.1:{port}", f"http://[::1]:{port}"}
        hosts = ["127.0.0.1", "[::1]"] if socket.has_dualstack_ipv6() else ["[::1]"]
        for host in hosts:
            async with httpx.AsyncClient(base_url=f"http://{host}:{port}", trust_env=False) as http:
                assert (await http.get("/config")).status_code == 200
                # The addresses of IPv4 clients are in IPv6 notation here.
                assert (await http.get("/control/state")).status_code == 200


@needs_ipv6
async def test_a_port_in_use_on_all_addresses_leaves_nothing_behind():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        emulator = Emulator(EmulatorConfig(host="::", port=taken.getsockname()[1]))
        with pytest.raises(OSError, match="in use"):
            await emulator.start()
        assert emulator._temporary_directory is None


async def test_a_port_in_use_leaves_nothing_behind():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        emulator = Emulator(EmulatorConfig(port=taken.getsockname()[1]))
        with pytest.raises(OSError, match="address already in use"):
            await emulator.start()
        assert emulator._temporary_directory is None


def has_jobs(folder):
    return Path(folder, "jobs").is_dir()


async def test_a_temporary_folder_is_removed_and_a_given_one_is_kept(tmp_path):
    async with Emulator() as emulator:
        temporary = emulator._temporary_directory.name
        assert has_jobs(temporary)
    assert not has_jobs(temporary)
    async with Emulator(EmulatorConfig(data_dir=tmp_path)):
        pass
    assert has_jobs(tmp_path)


async def test_configured_faults_are_armed_at_the_start():
    config = EmulatorConfig(faults=((HttpStatus(endpoint="config", status=500), Schedule()),))
    async with (
        Emulator(config) as emulator,
        httpx.AsyncClient(base_url=emulator.url, trust_env=False) as http,
    ):
        assert (await http.get("/config")).status_code == 500
        assert (await http.get("/config")).status_code == 200


async def test_closing_ends_connections_with_code_1001(running, until):
    async with running(EmulatorConfig()) as (emulator, caller):
        connection = await caller.connect()
        await connection.start()
        await emulator.close()
        assert (await until(lambda: connection.closed))[0] == 1001
