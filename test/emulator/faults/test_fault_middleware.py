"""The middleware that applies HTTP faults, called without a server."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace

import pytest
from aiohttp import web

from odyssey_ros.emulator.faults import (
    HttpDelay,
    HttpDrop,
    HttpHang,
    HttpMalformed,
    HttpStatus,
    HttpUsageError,
)
from odyssey_ros.emulator.faults.fault_middleware import fault_middleware
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.faults.schedule import Schedule


class Transport:
    """A TCP transport; `closes_after` calls of `is_closing`, it is closed."""

    def __init__(self, closes_after=0):
        self.closes_after = closes_after
        self.aborted = False

    def is_closing(self):
        self.closes_after -= 1
        return self.closes_after < 0

    def abort(self):
        self.aborted = True


class Service:
    """The middleware with a handler that answers 200 and counts its calls."""

    def __init__(self):
        self.registry = FaultRegistry(lambda: 0.0)
        self.counters = Counter()
        self.slept = []
        self.handled = 0
        self._middleware = fault_middleware(self.registry, self.counters, sleep=self._sleep)

    async def _sleep(self, seconds):
        self.slept.append(seconds)

    async def _handle(self, request):
        self.handled += 1
        return web.Response(text="handled")

    async def get(self, endpoint="config", path="/config", transport=None):
        request = SimpleNamespace(
            path=path,
            match_info=SimpleNamespace(route=SimpleNamespace(name=endpoint)),
            transport=transport,
        )
        return await self._middleware(request, self._handle)


@pytest.fixture
def service():
    return Service()


async def test_answers_are_counted_by_endpoint_and_status(service):
    assert (await service.get()).text == "handled"
    await service.get(endpoint=None, path="/nowhere")
    assert service.counters == {"http.config.200": 1, "http.unknown.200": 1}


async def test_the_control_endpoint_is_exempt(service):
    service.registry.arm(HttpStatus(status=500))
    assert (await service.get("control_state", "/control/state")).status == 200
    assert service.counters == {}


async def test_a_delay_precedes_the_handler(service):
    service.registry.arm(HttpDelay(delay_seconds=7))
    assert (await service.get()).text == "handled"
    assert service.slept == [7]


async def test_a_delay_and_a_status_combine(service):
    service.registry.arm(HttpStatus(status=503))
    service.registry.arm(HttpDelay(delay_seconds=7))
    assert (await service.get()).status == 503
    assert (service.slept, service.handled) == ([7], 0)


@pytest.mark.parametrize("transport", [None, Transport(closes_after=3)])
async def test_a_hanging_request_ends_with_its_transport(service, transport):
    service.registry.arm(HttpHang())
    assert (await service.get(transport=transport)).status == 499
    assert len(service.slept) == (0 if transport is None else 3)
    assert service.handled == 0
    assert service.counters == {"http.config.499": 1}


@pytest.mark.parametrize("transport", [None, Transport()])
async def test_a_dropped_request_aborts_its_transport(service, transport):
    service.registry.arm(HttpDrop())
    assert (await service.get(transport=transport)).status == 499
    assert transport is None or transport.aborted
    assert service.handled == 0


async def test_a_malformed_answer_claims_to_be_json(service):
    service.registry.arm(HttpMalformed(status=201, body="{"))
    answer = await service.get()
    assert (answer.status, answer.text, answer.content_type) == (201, "{", "application/json")


async def test_only_the_named_endpoint_is_affected(service):
    service.registry.arm(HttpStatus(endpoint="regions", status=500), Schedule(count=0))
    assert (await service.get("config")).status == 200
    assert (await service.get("regions")).status == 500


@pytest.mark.parametrize("code", ["MONTHLY_LIMIT_REACHED", "SOMETHING_NEW"])
async def test_a_usage_error_has_a_current_and_a_legacy_shape(service, code):
    service.registry.arm(HttpUsageError(endpoint="*", code=code))
    service.registry.arm(HttpUsageError(endpoint="*", code=code, legacy=True))
    current, legacy = await service.get(), await service.get()
    assert (current.status, legacy.status) == (429, 429)
    body, legacy_body = json.loads(current.text)["detail"], json.loads(legacy.text)
    assert body["error"] == legacy_body["code"] == code
    assert "error" not in legacy_body
    assert body["message"] == legacy_body["message"]
