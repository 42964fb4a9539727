"""Requests that are ended because too little arrives."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.dataset.downloading.download_pace import Arrivals, LowestRate, SlowDownloadError, keep_rate

RATE = LowestRate(bytes_per_s=100, window_s=0.1)


async def test_the_result_and_the_error_of_a_request() -> None:
    async def work() -> str:
        return "done"

    async def broken() -> str:
        raise ValueError("broken")

    assert await keep_rate(work(), Arrivals(), RATE) == "done"
    with pytest.raises(ValueError, match="broken"):
        await keep_rate(broken(), Arrivals(), RATE)


async def test_a_request_without_enough_bytes_is_cancelled() -> None:
    arrivals, cancelled = Arrivals(), asyncio.Event()

    async def crawl() -> None:
        try:
            while True:
                arrivals.received += 1
                await asyncio.sleep(0.05)
        finally:
            cancelled.set()

    with pytest.raises(SlowDownloadError, match="less than 100 bytes per second") as error:
        await keep_rate(crawl(), arrivals, RATE)
    assert cancelled.is_set()
    assert error.value.retryable


async def test_work_after_the_last_byte_has_no_rate() -> None:
    arrivals = Arrivals(complete=True)

    async def verify() -> str:
        await asyncio.sleep(3 * RATE.window_s)
        return "verified"

    assert await keep_rate(verify(), arrivals, RATE) == "verified"


async def test_a_steady_request_has_all_the_time_it_needs() -> None:
    arrivals = Arrivals()

    async def steady() -> str:
        for _ in range(30):
            arrivals.received += 100
            await asyncio.sleep(0.01)
        return "done"

    assert await keep_rate(steady(), arrivals, LowestRate(bytes_per_s=1, window_s=0.1)) == "done"


async def test_a_cancelled_request_is_over_when_its_caller_is() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(keep_rate(work(), Arrivals(), LowestRate()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
