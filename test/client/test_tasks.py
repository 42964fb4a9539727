"""Task ownership, timeouts and uninterrupted cleanup."""

from __future__ import annotations

import asyncio

import pytest

from odyssey_ros.client.tasks import TaskOwner, call_on_loop, uninterrupted, within


async def test_a_failure_is_reported_and_close_ends_the_other_tasks(nothing_left_behind, eventually):
    failures: list[Exception] = []
    owner = TaskOwner(failures.append)

    async def fail() -> None:
        raise ZeroDivisionError

    owner.spawn(fail(), "fail")
    endless = owner.spawn(asyncio.sleep(3600), "endless")
    await eventually(lambda: failures)
    assert [type(failure) for failure in failures] == [ZeroDivisionError]
    await owner.close()
    assert endless.cancelled()
    await owner.close()


async def test_within_returns_the_result_or_raises_a_timeout(nothing_left_behind):
    async def value() -> int:
        return 5

    assert await within(1, value()) == 5
    assert await within(None, value()) == 5
    with pytest.raises(asyncio.TimeoutError):
        await within(0.01, asyncio.sleep(3600))


async def test_a_cancellation_in_the_same_loop_iteration_as_the_result_is_not_lost(nothing_left_behind):
    answer, started = asyncio.get_running_loop().create_future(), asyncio.Event()

    async def wait() -> str:
        started.set()
        return await answer

    waiting = asyncio.ensure_future(within(10, wait()))
    await started.wait()
    answer.set_result("there")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_error_of_a_cancelled_coroutine_is_not_raised(nothing_left_behind):
    async def fail_when_cancelled() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    with pytest.raises(asyncio.TimeoutError):
        await within(0.01, fail_when_cancelled())


async def test_a_cleanup_completes_despite_several_cancellations(nothing_left_behind, caplog):
    done = []

    async def clean(release: asyncio.Event, *, fail: bool) -> None:
        await release.wait()
        done.append(True)
        if fail:
            raise ZeroDivisionError

    for fail in (False, True):
        release = asyncio.Event()
        cleaning = asyncio.ensure_future(uninterrupted(clean(release, fail=fail)))
        for _ in range(3):
            await asyncio.sleep(0)
            cleaning.cancel()
        await asyncio.sleep(0)
        assert not cleaning.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await cleaning
    assert len(done) == 2
    assert "The cleanup failed" in caplog.text
    with pytest.raises(ZeroDivisionError):
        await uninterrupted(clean(release, fail=True))


def test_a_closed_loop_is_called_no_more():
    """Other errors of the call are raised."""
    loop = asyncio.new_event_loop()
    called: list[int] = []
    call_on_loop(loop, called.append, 1)
    call_on_loop(loop, loop.stop)
    loop.run_forever()
    loop.close()
    call_on_loop(loop, called.append, 2)
    assert called == [1]

    class Broken:
        def call_soon_threadsafe(self, *_: object) -> None:
            raise RuntimeError("no thread can be started")

        def is_closed(self) -> bool:
            return False

    with pytest.raises(RuntimeError, match="no thread"):
        call_on_loop(Broken(), called.append, 3)
