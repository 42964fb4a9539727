"""A thread that runs calls one after the other."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from odyssey_ros.client.call_thread import CallThread
from waiting import wait_until

NAME = "the-thread"


@pytest.fixture
def thread():
    yield CallThread(NAME)
    wait_until(lambda: NAME not in [one.name for one in threading.enumerate()], "the end of the thread")


def test_calls_run_in_order_on_one_thread(thread):
    gate, order = threading.Event(), []
    first = thread.submit(lambda: gate.wait(60))
    others = [thread.submit(lambda n=n: order.append((n, threading.current_thread().name))) for n in range(3)]
    assert not order
    gate.set()
    for future in (first, *others):
        future.result(60)
    assert order == [(0, NAME), (1, NAME), (2, NAME)]


def test_an_error_fails_its_call_only(thread):
    def fail():
        raise ZeroDivisionError

    failing, next_one = thread.submit(fail), thread.submit(lambda: 7)
    with pytest.raises(ZeroDivisionError):
        failing.result(60)
    assert next_one.result(60) == 7


def test_the_thread_ends_and_starts_again(thread):
    for number in range(3):
        assert thread.submit(lambda number=number: number).result(60) == number
        wait_until(lambda: NAME not in [one.name for one in threading.enumerate()], "the end of the thread")


def test_a_cancelled_call_is_let_go_at_once_and_never_runs(thread):
    class Held:
        """Something that a call holds."""

    gate, held, ran = threading.Event(), Held(), []
    first = thread.submit(lambda: gate.wait(60))
    cancelled = thread.submit(lambda held=held: ran.append(held))
    released = weakref.ref(held)
    del held
    assert cancelled.cancel()
    del cancelled
    gc.collect()
    assert released() is None
    gate.set()
    assert first.result(60)
    assert thread.submit(lambda: ran).result(60) == []
