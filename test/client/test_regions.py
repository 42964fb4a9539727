"""Measurement of the latency to regions."""

from __future__ import annotations

import pytest

from odyssey_ros.client import ConnectionStatus


def requested(service):
    return [body for _method, path, body in service.requests if path == "/sessions/request"]


async def test_defect_19_latencies_are_bounded_measured_warm_and_kept(service, make_client):
    service.regions = [
        {"id": "near", "ping_url": f"{service.url}/ping/near"},
        {"id": "slow", "ping_url": f"{service.url}/ping/slow"},
        {"id": "broken", "ping_url": f"{service.url}/ping/broken"},
        {"id": "nowhere", "ping_url": "http://127.0.0.1:9/"},
    ]
    service.script("GET /ping/slow", 200, {}, delay_s=3600, always=True)
    service.script("GET /ping/broken", 500, {}, always=True)
    client = make_client(region_timeout_s=3)
    await client.connect()
    latencies = requested(service)[0]["region_latencies"]
    assert 0 <= latencies["near"] <= 3000
    assert latencies["slow"] == latencies["broken"] == latencies["nowhere"] == 9999
    assert service.count("GET /ping/near") == 2  # the first ping opens the connection
    await client.disconnect()
    await client.connect()
    assert service.count("GET /regions") == 1
    assert requested(service)[1]["region_latencies"] == latencies


async def test_defect_19_a_region_list_that_times_out_does_not_prevent_connecting(service, make_client):
    service.script("GET /regions", 200, {}, delay_s=3600)
    client = make_client(region_timeout_s=0.2)
    await client.connect()
    assert requested(service) == [{}]


@pytest.mark.parametrize("status", [401, 403, 404, 429])
async def test_defect_19_a_refused_region_list_does_not_prevent_connecting(service, client, status):
    service.script("GET /regions", status, {"detail": "not for you"}, always=True)
    await client.connect()
    assert requested(service) == [{}]


async def test_a_disabled_measurement_sends_no_requests(service, make_client):
    client = make_client(region_timeout_s=None)
    await client.connect()
    assert service.count("GET /regions") == 0
    assert client.current_status is ConnectionStatus.CONNECTED


async def test_latencies_without_any_answer_are_measured_again(service, client):
    service.regions = [{"id": "nowhere", "ping_url": "http://127.0.0.1:9/"}]
    await client.connect()
    await client.disconnect()
    await client.connect()
    assert service.count("GET /regions") == 2
