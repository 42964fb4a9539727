"""The functions with which tests wait for a condition."""

from __future__ import annotations

import threading

import pytest

from waiting import eventually, wait_until


def test_wait_until_returns_the_first_true_value():
    values = iter([0, None, [], "done", "later"])
    assert wait_until(lambda: next(values), "a value") == "done"


def test_wait_until_lets_other_threads_run():
    event = threading.Event()
    thread = threading.Timer(0.01, event.set)
    thread.start()
    assert wait_until(event.is_set, "the event")
    thread.join()


def test_wait_until_pauses_as_the_caller_asks():
    pauses = []
    wait_until(lambda: len(pauses) == 3, "three pauses", pause=lambda: pauses.append(0))


def test_a_failure_names_what_was_waited_for_and_the_last_value():
    with pytest.raises(AssertionError, match=r"not true within 0 s: a subscriber \(last value: 0\)"):
        wait_until(lambda: 0, "a subscriber", timeout=0)


def test_the_text_of_a_failure_can_be_made_late():
    output = []
    with pytest.raises(AssertionError, match="a line, not error 7"):
        wait_until(lambda: output.append("error 7"), lambda: f"a line, not {output[-1]}", timeout=0)


def test_a_failure_without_a_text_shows_the_condition():
    with pytest.raises(
        AssertionError, match=r"wait_until\(lambda: False, timeout=0\)` at .*test_waiting.py:\d+"
    ):
        wait_until(lambda: False, timeout=0)
    with pytest.raises(AssertionError, match="built-in method"):
        wait_until([].copy, timeout=0)


async def test_eventually_takes_plain_conditions():
    values = iter([0, "done"])
    assert await eventually(lambda: next(values)) == "done"


async def test_eventually_awaits_a_coroutine():
    values = iter([0, "done"])

    async def ask():
        return next(values)

    assert await eventually(ask, "an answer") == "done"


async def test_eventually_fails_after_its_limit():
    with pytest.raises(AssertionError, match="not true within 0 s: an answer"):
        await eventually(lambda: False, "an answer", timeout=0)
