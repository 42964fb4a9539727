"""Results of the executor's thread, with a node that spins."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from rclpy.task import Future

from odyssey_ros.console.graph.executor_results import on_executor, pass_on

if TYPE_CHECKING:
    from observer import Observer
    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls


async def test_runs_functions_on_the_thread_that_spins(observer: Observer, executor: ExecutorCalls) -> None:
    """Errors are raised where the result is awaited."""
    spinning = observer.run(threading.get_ident)
    assert await on_executor(executor, threading.get_ident) == spinning != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await on_executor(executor, lambda: 1 // 0)


async def test_a_function_whose_caller_is_cancelled_runs(executor: ExecutorCalls) -> None:
    """Its result is dropped."""
    begin, ran = threading.Event(), threading.Event()
    caller = asyncio.ensure_future(on_executor(executor, lambda: begin.wait(60) and ran.set()))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    begin.set()
    await on_executor(executor, lambda: None)
    assert ran.is_set()


async def test_passes_on_what_becomes_of_a_future(observer: Observer) -> None:
    """The value or the error; of a cancelled one, nothing."""
    loop = asyncio.get_running_loop()
    pending = [Future() for _ in range(3)]
    results: list[asyncio.Future[Any]] = [loop.create_future() for _ in pending]

    def complete() -> None:
        for one, result in zip(pending, results, strict=True):
            pass_on(one, result, lambda value: value + 1)
        pending[0].set_result(1)
        pending[1].set_exception(ValueError("no"))
        pending[2].cancel()

    observer.run(complete)
    assert await asyncio.wait_for(results[0], 60) == 2
    with pytest.raises(ValueError, match="no"):
        await asyncio.wait_for(results[1], 60)
    assert not results[2].done()


def test_the_executor_outlives_the_loop(observer: Observer, executor: ExecutorCalls) -> None:
    """A result that comes when the loop has been closed is dropped."""
    loop, pending, begin = asyncio.new_event_loop(), Future(), threading.Event()

    async def leave() -> None:
        pass_on(pending, loop.create_future())
        caller = asyncio.ensure_future(on_executor(executor, lambda: begin.wait(60)))
        await asyncio.sleep(0)
        caller.cancel()

    loop.run_until_complete(leave())
    loop.close()
    begin.set()
    observer.run(lambda: pending.set_result(1))
    observer.run(lambda: None)
    assert pending.result() == 1
