"""Starting, retrying and forgetting requested streams, without a connection."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.bridge.live.session_reporter import SessionReporter
from odyssey_ros.bridge.live.stream_keeper import MAX_REFUSALS, StreamKeeper
from odyssey_ros.bridge.live.stream_state import StreamRequest
from odyssey_ros.client import (
    ErrorCode,
    MonthlyLimitReachedError,
    OdysseyArgumentError,
    OdysseyConnectionError,
    OdysseyImageError,
    OdysseyStreamError,
    RateLimitError,
)
from waiting import eventually

SEA = StreamRequest("a calm sea")


class Bench:
    """A keeper whose starts have prepared outcomes: an exception, or None for a start that succeeds."""

    def __init__(self, observer):
        self.observer = observer
        self.outcomes, self.started, self.waits = [], [], []
        self.streaming = False
        self.operation = asyncio.Lock()
        self.keeper = StreamKeeper(
            self._start,
            lambda: not self.streaming,
            SessionReporter(observer),
            self.operation,
            self._sleep,
        )

    async def _start(self, request):
        assert self.operation.locked()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome
        self.started.append(request)
        self.streaming = True
        return f"stream {len(self.started)}"

    async def _sleep(self, seconds):
        self.waits.append(seconds)


@pytest.fixture
async def bench(recording_observer):
    one = Bench(recording_observer)
    one.running = asyncio.ensure_future(one.keeper.run())
    yield one
    one.running.cancel()
    await asyncio.gather(one.running, return_exceptions=True)


def refusals(count, **options):
    return [OdysseyStreamError("no", **options) for _ in range(count)]


async def test_the_request_is_started_whenever_no_stream_runs(bench):
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.streaming)
    bench.streaming = False
    bench.keeper.wake()
    await eventually(lambda: len(bench.started) == 2)
    assert not bench.observer.events


async def test_delays_double_and_the_request_is_forgotten_after_five_refusals(bench):
    bench.outcomes = refusals(MAX_REFUSALS, code=ErrorCode.MODERATION_FAILED)
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.keeper.request is None)
    assert bench.waits == [0.5, 1.0, 2.0, 4.0]
    assert bench.observer.codes == [ErrorCode.MODERATION_FAILED] * 5 + [ErrorCode.STREAM_REFUSED]


async def test_a_denied_lease_is_always_retried(bench):
    bench.outcomes = refusals(9, code=ErrorCode.LEASE_DENIED)
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.streaming)
    assert bench.waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


async def test_denied_leases_do_not_count_as_refusals(bench):
    denied, refused = ErrorCode.LEASE_DENIED, ErrorCode.MODERATION_FAILED
    bench.outcomes = [
        *refusals(MAX_REFUSALS - 1, code=refused),
        *refusals(2, code=denied),
        *refusals(1, code=refused),
    ]
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.keeper.request is None)
    assert bench.waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
    assert bench.observer.codes == [refused] * 4 + [denied] * 2 + [refused, ErrorCode.STREAM_REFUSED]


async def test_the_delay_that_the_service_asks_for_is_respected(bench):
    bench.outcomes = [RateLimitError("slow down", details={"retry_after_seconds": 7})]
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.streaming)
    assert len(bench.waits) == 1
    assert 7.0 <= bench.waits[0] <= 8.4  # with a random share


@pytest.mark.parametrize(
    "error",
    [
        OdysseyArgumentError("bad"),
        OdysseyStreamError("no", code=ErrorCode.NO_IMAGE_TO_VIDEO),
        OdysseyStreamError("no", code=ErrorCode.MESSAGE_TOO_LONG),
    ],
)
async def test_an_impossible_request_is_forgotten_at_once(bench, error):
    bench.outcomes = [error]
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.keeper.request is None)
    assert not bench.waits
    assert bench.observer.codes == [error.code]


async def test_a_lost_connection_is_left_to_the_client(bench):
    bench.outcomes = [OdysseyConnectionError("lost")]
    bench.keeper.set_request(SEA)
    await eventually(lambda: not bench.outcomes)
    assert bench.keeper.request is SEA
    assert not bench.observer.events
    bench.keeper.wake()
    await eventually(lambda: bench.streaming)


async def test_a_request_that_loses_the_connection_again_and_again_is_refused(bench):
    bench.outcomes = [OdysseyConnectionError("closed") for _ in range(MAX_REFUSALS)]
    bench.keeper.set_request(SEA)
    for left in reversed(range(MAX_REFUSALS)):
        await eventually(lambda left=left: len(bench.outcomes) == left)
        assert (bench.keeper.request is None) is (left == 0)
        bench.keeper.wake()
    assert bench.observer.codes == ["STREAM_REFUSED"]
    assert "lost during 5 starts in a row" in bench.observer.events[0].message
    bench.keeper.set_request(StreamRequest("snow"))
    await eventually(lambda: bench.streaming)


async def test_losses_of_another_request_or_before_a_start_do_not_count(bench):
    for request in (SEA, StreamRequest("snow")):
        bench.outcomes = [OdysseyConnectionError("closed") for _ in range(MAX_REFUSALS - 1)]
        bench.keeper.set_request(request)
        while bench.outcomes:
            await asyncio.sleep(0)
            bench.keeper.wake()
        assert bench.keeper.request is request
    await eventually(lambda: bench.streaming)
    bench.outcomes = [OdysseyConnectionError("closed") for _ in range(MAX_REFUSALS - 1)]
    bench.streaming = False
    while bench.outcomes:
        bench.keeper.wake()
        await asyncio.sleep(0)
    assert bench.keeper.request is not None
    assert not bench.observer.codes


async def test_an_unexpected_error_fails_one_start(bench):
    bench.outcomes = [ZeroDivisionError("a defect")]
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.streaming)
    assert bench.observer.codes == ["INTERNAL"]
    assert "ZeroDivisionError: a defect" in bench.observer.events[0].message
    assert not bench.running.done()


async def test_unexpected_errors_are_not_repeated_forever(bench):
    bench.outcomes = [ZeroDivisionError("a defect") for _ in range(MAX_REFUSALS)]
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.keeper.request is None)
    assert bench.observer.codes == ["INTERNAL"] * MAX_REFUSALS + ["STREAM_REFUSED"]
    bench.keeper.set_request(StreamRequest("snow"))
    await eventually(lambda: bench.streaming)


@pytest.mark.parametrize("error", [OdysseyImageError("bad"), ZeroDivisionError("a defect")])
async def test_an_unusable_next_image_does_not_cost_the_request(bench, error):
    bench.keeper.set_next_image(b"image")
    bench.outcomes = [error]
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.streaming)
    assert [(request.prompt, request.image) for request in bench.started] == [("a calm sea", None)]
    assert len(bench.observer.codes) == 1


async def test_a_fatal_failure_ends_the_keeper(bench):
    error = MonthlyLimitReachedError("used up")
    bench.outcomes = [error]
    bench.keeper.set_request(SEA)
    with pytest.raises(MonthlyLimitReachedError):
        await bench.running
    assert not bench.keeper.is_starting
    assert not bench.operation.locked()


async def test_a_request_that_changes_before_its_turn_is_not_started(bench):
    async with bench.operation:
        bench.keeper.set_request(SEA)
        await asyncio.sleep(0)
        bench.keeper.set_request(StreamRequest("snow"))
    await eventually(lambda: bench.streaming)
    assert [request.prompt for request in bench.started] == ["snow"]


async def test_the_next_image_is_used_once_and_kept_by_its_request(bench):
    bench.keeper.set_next_image(b"image")
    bench.keeper.set_request(SEA)
    await eventually(lambda: bench.streaming)
    assert bench.started[0].image == b"image"
    assert bench.keeper.request.image == b"image"
    async with bench.operation:
        _, started = await bench.keeper.start(StreamRequest("snow"))
    assert started.image is None


@pytest.mark.parametrize(("error", "kept"), [(OdysseyImageError("bad"), False), (RateLimitError(""), True)])
async def test_an_unusable_image_is_dropped(bench, error, kept):
    bench.keeper.set_next_image(b"image")
    bench.outcomes = [error]
    async with bench.operation:
        with pytest.raises(type(error)):
            await bench.keeper.start(SEA)
        _, started = await bench.keeper.start(SEA)
    assert (started.image is not None) is kept
