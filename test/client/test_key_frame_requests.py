"""Requests for key frames: at once, repeated until one arrives, and limited."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from odyssey_ros.client.key_frame_requests import MIN_INTERVAL_S, REPEAT_INTERVAL_S, KeyFrameRequests


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def requests(clock: Clock) -> KeyFrameRequests:
    return KeyFrameRequests(monotonic=clock)


def test_nothing_is_requested_until_somebody_wants_a_key_frame(requests: KeyFrameRequests) -> None:
    assert requests.delay_s() is None
    requests.want()
    assert requests.delay_s() == 0


def test_a_request_is_repeated_every_second_until_a_key_frame_arrives(
    requests: KeyFrameRequests, clock: Clock
) -> None:
    requests.want()
    requests.request_sent()
    assert requests.delay_s() == REPEAT_INTERVAL_S
    requests.want()  # another one who wants a key frame is served by the same answer
    assert requests.delay_s() == REPEAT_INTERVAL_S
    clock.now += REPEAT_INTERVAL_S
    assert requests.delay_s() == 0
    requests.request_sent()
    requests.key_frame_arrived()
    assert requests.delay_s() is None
    assert requests.sent == 2


def test_requests_that_are_answered_at_once_have_a_minimum_interval(
    requests: KeyFrameRequests, clock: Clock
) -> None:
    requests.want()
    requests.request_sent()
    requests.key_frame_arrived()
    clock.now += 0.1
    requests.want()
    assert requests.delay_s() == pytest.approx(MIN_INTERVAL_S - 0.1)
    clock.now += 10
    assert requests.delay_s() == 0


async def test_requests_are_sent_when_the_track_has_a_source_and_they_are_due(eventually) -> None:
    requests, sent, source = KeyFrameRequests(), [], []

    async def record() -> None:
        sent.append(asyncio.get_running_loop().time())

    running = asyncio.create_task(requests.run(lambda: record() if source else None))
    requests.want()
    for _ in range(3):
        await asyncio.sleep(0)
    assert requests.sent == 0
    source.append(1)
    requests.look_again()
    await eventually(lambda: len(sent) == 1)
    for number in (2, 3):
        requests.key_frame_arrived()
        requests.want()
        await eventually(lambda number=number: len(sent) == number)
    assert requests.sent == 3
    assert all(after - before >= MIN_INTERVAL_S - 0.01 for before, after in itertools.pairwise(sent))
    running.cancel()
    await asyncio.wait({running})
