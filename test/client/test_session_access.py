"""Waiting in the queue for a streamer, with an injected clock."""

from __future__ import annotations

import pytest

from odyssey_ros.client import AdvancedConfig, NoStreamerError
from odyssey_ros.client.responses import SessionGrant, SessionToken
from odyssey_ros.client.session_access import RequestedSessions
from odyssey_ros.client.signaling import SignalingEndpoint
from odyssey_ros.client.types import StreamerCapabilities


class Api:
    """The endpoints of a session request; all streamers are busy for the first `busy` requests."""

    def __init__(self, busy: int, **details: object) -> None:
        self.busy = busy
        self.details = details
        self.requests = 0

    async def authenticate(self) -> None:
        pass

    async def request_session(self, _latencies):
        self.requests += 1
        if self.requests <= self.busy:
            raise NoStreamerError("No streamers available", details=self.details, status_code=503)
        return SessionGrant("s", "ws://h", SignalingEndpoint.parse("ws://h"), StreamerCapabilities())

    async def session_token(self, _session_id):
        return SessionToken("t", 600)


def make_source(api, **changes):
    config = AdvancedConfig(region_timeout_s=None, **changes)
    time, waits, texts = [0.0], [], []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        time[0] += seconds

    source = RequestedSessions(
        api,
        None,
        config,
        on_waiting=texts.append,
        sleep=sleep,
        clock=lambda: time[0],
        uniform=lambda low, high: high,
    )
    return source, waits, texts


async def test_defect_20_the_queue_is_polled_with_jitter():
    source, waits, texts = make_source(Api(3), retry_jitter=0.5)
    assert (await source.acquire(None)).session_id == "s"
    assert waits == [1.5, 1.5, 1.5]
    assert texts == ["Waiting for a streamer"] * 3


async def test_defect_20_the_queue_is_polled_when_the_service_asks():
    source, waits, _texts = make_source(Api(2, retry_after_seconds=7), retry_jitter=0)
    await source.acquire(None)
    assert waits == [7, 7]


async def test_a_wait_that_the_service_asks_for_is_prolonged_at_random():
    source, waits, _texts = make_source(Api(2, retry_after_seconds=10), retry_jitter=0.5)
    await source.acquire(None)
    assert waits == [15, 15]


async def test_the_queue_is_left_when_the_service_asks_to_wait_longer_than_the_timeout():
    api = Api(10**6, retry_after_seconds=999_999_999)
    source, waits, _texts = make_source(api)
    with pytest.raises(NoStreamerError, match=r"\(30s\); the service asks to wait 300 s") as caught:
        await source.acquire(None)
    assert (waits, api.requests, caught.value.retry_after_s) == ([], 1, 300)


async def test_the_queue_timeout_is_exact():
    api = Api(10**6)
    source, waits, _texts = make_source(api, queue_timeout_s=10, retry_jitter=0)
    with pytest.raises(NoStreamerError, match=r"Timed out waiting for a streamer \(10s\)"):
        await source.acquire(None)
    assert sum(waits) == pytest.approx(10)
    assert api.requests == 11


async def test_a_queue_timeout_of_zero_does_not_wait():
    source, waits, _texts = make_source(Api(1), queue_timeout_s=0)
    with pytest.raises(NoStreamerError, match="No streamers available"):
        await source.acquire(None)
    assert waits == []
