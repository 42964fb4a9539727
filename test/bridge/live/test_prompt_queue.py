"""The prompt queue: order, bound, and reports; its behaviour on a connection is in test_stream_supervisor."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.bridge.live.prompt_queue import MAX_PROMPTS_WAITING, PromptQueue
from odyssey_ros.bridge.live.stream_state import StreamRequest
from odyssey_ros.client import ErrorCode
from waiting import eventually


class Bench:
    """A queue whose `apply` waits for permission, and a record of what it did."""

    def __init__(self):
        self.turn = asyncio.Lock()
        self.applied, self.reports = [], []
        self.permits = asyncio.Semaphore(0)
        self.queue = PromptQueue(self._apply, lambda error: self.reports.append(error.code), self.turn)

    async def _apply(self, request):
        assert self.turn.locked()
        self.applied.append(request.prompt)
        await self.permits.acquire()

    def put(self, *prompts):
        for prompt in prompts:
            self.queue.put(StreamRequest(str(prompt)))


@pytest.fixture
async def bench():
    one = Bench()
    worker = asyncio.ensure_future(one.queue.run())
    yield one
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def settle():
    """Let the worker run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_prompts_are_applied_in_order(bench):
    bench.put(*"abc")
    for _ in range(3):
        bench.permits.release()
    await eventually(lambda: len(bench.applied) == 3)
    assert bench.applied == ["a", "b", "c"]
    assert not bench.reports


async def test_prompts_wait_for_their_turn(bench):
    async with bench.turn:
        bench.put(*"ab")
        await settle()
        assert not bench.applied
        assert len(bench.queue) == 2
    bench.permits.release()
    bench.permits.release()
    await eventually(lambda: bench.applied == ["a", "b"])


async def test_the_oldest_prompt_is_dropped_when_more_than_ten_wait(bench):
    bench.put("first")
    await eventually(lambda: bench.applied)
    bench.put(*range(40))
    assert len(bench.queue) == MAX_PROMPTS_WAITING == 10
    assert bench.reports == [ErrorCode.PROMPTS_DROPPED]
    for _ in range(20):
        bench.permits.release()
    await eventually(lambda: len(bench.queue) == 0)
    assert bench.applied == ["first", *map(str, range(30, 40))]


async def test_drops_are_reported_again_after_the_queue_was_empty(bench):
    async with bench.turn:
        bench.put(*range(12))
    bench.permits = asyncio.Semaphore(1000)
    await eventually(lambda: len(bench.queue) == 0)
    async with bench.turn:
        bench.put(*range(12))
    assert bench.reports == [ErrorCode.PROMPTS_DROPPED] * 2


async def test_cancelled_prompts_are_reported_each_and_never_applied(bench):
    bench.put("first")
    await eventually(lambda: bench.applied)
    bench.put(*"abc")
    bench.queue.cancel_all()
    assert bench.reports == [ErrorCode.NOT_ACTIVE] * 3
    bench.put("d")
    bench.permits.release()
    bench.permits.release()
    await eventually(lambda: bench.applied == ["first", "d"])


async def test_a_cancellation_reaches_a_prompt_that_waits_for_its_turn(bench):
    async with bench.turn:
        bench.put("a")
        await settle()
        bench.queue.cancel_all()
    await settle()
    assert not bench.applied
    assert not bench.turn.locked()


async def test_a_defect_of_apply_ends_the_worker():
    async def broken(_):
        raise ZeroDivisionError

    turn = asyncio.Lock()
    queue = PromptQueue(broken, lambda _: None, turn)
    queue.put(StreamRequest("a"))
    with pytest.raises(ZeroDivisionError):
        await queue.run()
    assert not turn.locked()


STEPS = st.lists(st.sampled_from(["put", "put", "put", "finish", "cancel"]) | st.just("burst"), max_size=60)


@given(STEPS)
def test_any_sequence_keeps_the_promises(steps):
    """Compare the queue with a model: a list that loses its head when it gets too long."""

    async def run():
        bench = Bench()
        worker = asyncio.ensure_future(bench.queue.run())
        waiting, applied, reports = [], [], []
        busy = told = False
        number = 0

        def advance():
            nonlocal busy, told
            if not busy and waiting:
                applied.append(waiting.pop(0))
                busy = True
                told = told and bool(waiting)

        for step in steps:
            if step in ("put", "burst"):
                for _ in range(1 if step == "put" else 15):
                    number += 1
                    bench.put(number)
                    waiting.append(str(number))
                    if len(waiting) > MAX_PROMPTS_WAITING:
                        del waiting[0]
                        if not told:
                            reports.append(ErrorCode.PROMPTS_DROPPED)
                        told = True
            elif step == "cancel":
                bench.queue.cancel_all()
                reports += [ErrorCode.NOT_ACTIVE] * len(waiting)
                waiting.clear()
                told = False
            elif busy:
                bench.permits.release()
                busy = False
            await settle()
            advance()
            assert bench.applied == applied
            assert bench.reports == reports
            assert len(bench.queue) == len(waiting) <= MAX_PROMPTS_WAITING
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)

    asyncio.run(run())
