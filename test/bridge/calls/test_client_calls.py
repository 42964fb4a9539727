"""Calls on the asyncio thread; the test's own event loop takes the part of the executor."""

from __future__ import annotations

import asyncio
import threading

import pytest

from odyssey_ros.bridge.calls.client_calls import ClientCalls
from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
from odyssey_ros.client import OdysseyNotFoundError


class Executor:
    """Makes the future of another thread awaitable here."""

    def awaitable(self, future):
        return asyncio.wrap_future(future)


@pytest.fixture
def thread():
    one = AsyncioThread("test")
    yield one
    assert one.stop(30)


async def test_a_call_runs_on_the_asyncio_thread(thread):
    async def call():
        return threading.current_thread().name

    assert await ClientCalls(thread, Executor()).result(call()) == "test"


async def test_the_error_of_a_call_is_raised(thread):
    async def call():
        raise OdysseyNotFoundError("no such job")

    with pytest.raises(OdysseyNotFoundError, match="no such job"):
        await ClientCalls(thread, Executor()).result(call())


async def test_a_call_is_bounded(thread):
    ended = threading.Event()

    async def call():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(asyncio.TimeoutError):
        await ClientCalls(thread, Executor(), timeout_s=0.01).result(call())
    assert ended.is_set()
