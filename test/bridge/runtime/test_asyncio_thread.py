"""The asyncio thread of a node."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import CancelledError

import pytest

from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread


@pytest.fixture
def thread():
    one = AsyncioThread("test")
    yield one
    assert one.stop(5)


def test_a_coroutine_runs_on_the_thread(thread):
    async def name():
        return threading.current_thread().name

    assert thread.submit(name()).result(60) == "test"


def test_an_exception_is_in_the_future(thread):
    async def broken():
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError):
        thread.submit(broken()).result(60)


def test_stopping_cancels_tasks_and_waits_for_their_end(thread):
    started, ended = threading.Event(), threading.Event()

    async def forever():
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    future = thread.submit(forever())
    assert started.wait(60)
    assert thread.stop(5)
    assert ended.is_set()
    with pytest.raises(CancelledError):
        future.result(0)
    assert thread.stop(5)  # idempotent
    assert thread.loop.is_closed()


def test_a_blocked_thread_is_reported(thread):
    release, blocked = threading.Event(), threading.Event()

    def block():
        blocked.set()
        release.wait(60)

    thread.loop.call_soon_threadsafe(block)
    assert blocked.wait(60)
    assert not thread.stop(0.01)
    release.set()


def test_a_second_stop_does_not_interrupt_the_end_of_the_tasks(thread):
    ending, release, ended = threading.Event(), threading.Event(), threading.Event()

    async def slow_to_end():
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.to_thread(release.wait, 10)
            ended.set()

    thread.submit(slow_to_end())
    thread.submit(asyncio.sleep(0)).result(60)  # the task is running
    assert not thread.stop(0.01)
    assert ending.wait(60)
    assert not thread.stop(0.01)
    release.set()
    assert thread.stop(5)
    assert ended.is_set()


def test_a_task_whose_future_is_dropped_is_not_collected(thread):
    ended = threading.Event()

    async def waits():
        try:
            await asyncio.Event().wait()  # nothing but this task refers to the event
        finally:
            ended.set()

    thread.submit(waits())
    thread.submit(asyncio.sleep(0)).result(60)  # the task is running
    gc.collect()
    assert not ended.is_set()
    assert thread.stop(5)
    assert ended.is_set()
    assert not thread._submitted
