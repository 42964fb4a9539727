from __future__ import annotations

import pytest

from odyssey_ros.client import ConnectionStatus


def requested(service):
    return [body for _method, path, body in service.requests if path == "/sessions/request"]


async def test_defect_19_regions_are_measured_bounded_warm_and_kept(service, make_client):
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
    assert service.count("GET /ping/near") == 2  # the first answer pays for the connection
    await client.disconnect()
    await client.connect()
    assert service.count("GET /regions") == 1
    assert requested(service)[1]["region_latencies"] == latencies


async def test_defect_19_regions_that_cannot_be_listed_are_no_condition(service, make_client):
    service.script("GET /regions", 200, {}, delay_s=3600)
    client = make_client(region_timeout_s=0.2)
    await client.connect()
    assert requested(service) == [{}]


@pytest.mark.parametrize("status", [401, 403, 404, 429])
async def test_defect_19_regions_that_are_refused_are_no_condition(service, client, status):
    service.script("GET /regions", status, {"detail": "not for you"}, always=True)
    await client.connect()
    assert requested(service) == [{}]


async def test_no_measurement_when_it_is_turned_off(service, make_client):
    client = make_client(region_timeout_s=None)
    await client.connect()
    assert service.count("GET /regions") == 0
    assert client.current_status is ConnectionStatus.CONNECTED


async def test_regions_that_no_one_answers_for_are_measured_again(service, client):
    service.regions = [{"id": "nowhere", "ping_url": "http://127.0.0.1:9/"}]
    await client.connect()
    await client.disconnect()
    await client.connect()
    assert service.count("GET /regions") == 2
