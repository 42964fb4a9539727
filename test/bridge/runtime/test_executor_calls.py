"""Calls from other threads on the executor's thread."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future

import pytest
from rclpy.node import Node

from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls


@pytest.fixture
def graph(local_graph):
    """A node that spins while a test waits, its calls, and the wait."""
    node = local_graph.add(Node("caller", context=local_graph.context))
    calls = ExecutorCalls(node)
    yield node, calls, local_graph.until, local_graph.executor
    calls.destroy()


def test_calls_run_in_order_on_the_executor_s_thread(graph):
    _, calls, until, _ = graph
    ran = []

    def post():
        for index in range(20):
            calls.post(lambda index=index: ran.append((index, threading.current_thread())))

    other = threading.Thread(target=post)
    other.start()
    other.join()
    assert not ran
    until(lambda: len(ran) == 20)
    assert ran == [(index, threading.current_thread()) for index in range(20)]


@pytest.mark.parametrize(
    ("finish", "outcome"),
    [
        (lambda future: future.set_result(7), 7),
        (lambda future: future.set_exception(ZeroDivisionError("no")), ZeroDivisionError),
        (lambda future: future.cancel(), CancelledError),
    ],
)
def test_a_coroutine_of_the_executor_awaits_another_thread(graph, finish, outcome):
    _, calls, until, executor = graph
    future, outcomes = Future(), []

    async def wait():
        try:
            outcomes.append(await calls.awaitable(future))
        except (ZeroDivisionError, CancelledError) as error:
            outcomes.append(type(error))

    executor.create_task(wait)
    other = threading.Thread(target=lambda: finish(future))
    other.start()
    until(lambda: outcomes)
    other.join()
    assert outcomes == [outcome]


def test_a_call_after_the_end_does_nothing(graph):
    _, calls, _, executor = graph
    calls.destroy()
    ran = []
    calls.post(lambda: ran.append(1))
    executor.spin_once(timeout_sec=0.05)
    assert not ran


def test_a_call_that_raises_is_logged_and_the_next_ones_run(graph, capfd):
    _, calls, until, _ = graph
    ran = []

    def fail():
        raise UnicodeEncodeError("utf-8", "half \ud800\n[ERROR] forged", 5, 6, "surrogates not allowed")

    calls.post(fail)
    calls.post(lambda: ran.append(1))
    until(lambda: ran)
    output = capfd.readouterr()
    (line,) = [one for one in (output.out + output.err).splitlines() if "A posted call failed" in one]
    assert "UnicodeEncodeError" in line
