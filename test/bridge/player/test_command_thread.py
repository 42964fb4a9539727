"""Commands in order on one thread, and work between them."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from odyssey_ros.bridge.player.command_thread import CommandThread
from odyssey_ros.client import ErrorCode, OdysseyError
from waiting import wait_until

TIMEOUT_S = 60.0
NEVER = 1 << 63


class FakeClock:
    """A steady clock that stands still, and counts how often it is read."""

    def __init__(self):
        self.now_ns, self.reads = 0, 0

    def __call__(self):
        self.reads += 1
        return self.now_ns


class Runner:
    """A command thread, with what its callbacks received."""

    def __init__(self, work=lambda: NEVER, clock=time.monotonic_ns):
        self.failures, self.ended = [], threading.Event()
        self.thread = CommandThread(
            "test_commands",
            refusal=lambda: OdysseyError("closed", code=ErrorCode.UNCONFIGURED),
            steady_ns=clock,
        )
        self.work = work

    def start(self):
        self.thread.start(self.work, on_failure=self.failures.append, on_end=self.ended.set)
        return self

    def close(self):
        assert self.thread.close(TIMEOUT_S)


@pytest.fixture
def make_runner():
    """Makes runners, whose threads end with the test."""
    runners = []

    def make(*arguments):
        runners.append(Runner(*arguments))
        return runners[-1]

    yield make
    for runner in runners:
        runner.close()


def test_commands_run_in_order_on_the_thread(make_runner):
    runner, ran = make_runner().start(), []

    def run(number):
        ran.append(number)
        return threading.current_thread().name

    results = [runner.thread.submit(partial(run, number)) for number in range(9)]
    assert {result.result(TIMEOUT_S) for result in results} == {"test_commands"}
    assert ran == list(range(9))


def test_commands_from_before_the_start_run_first(make_runner):
    ran = []
    runner = make_runner(lambda: ran.append("work") or NEVER)
    result = runner.thread.submit(lambda: ran.append("command"))
    runner.start()
    result.result(TIMEOUT_S)
    wait_until(lambda: len(ran) == 2)
    assert ran == ["command", "work"]


def test_work_runs_when_its_time_comes_and_not_before(make_runner):
    clock, worked = FakeClock(), []

    def work():
        worked.append(clock.now_ns)
        return clock.now_ns + 1_000_000

    make_runner(work, clock).start()
    wait_until(lambda: clock.reads > 3)  # it waits until the clock has reached the time
    assert worked == [0]
    clock.now_ns = 1_000_000
    wait_until(lambda: len(worked) == 2)
    assert worked == [0, 1_000_000]


def test_work_that_is_due_at_once_does_not_delay_commands(make_runner):
    runner = make_runner(lambda: 0).start()
    assert [runner.thread.submit(lambda: 5).result(TIMEOUT_S) for _ in range(3)] == [5, 5, 5]


def test_wake_runs_work_before_its_time(make_runner):
    count = []
    runner = make_runner(lambda: count.append(1) or NEVER).start()
    wait_until(lambda: len(count) == 1)
    runner.thread.wake()
    wait_until(lambda: len(count) == 2)


def test_work_runs_after_each_command(make_runner):
    count = []
    runner = make_runner(lambda: count.append(1) or NEVER).start()
    wait_until(lambda: len(count) == 1)
    runner.thread.submit(lambda: None)
    wait_until(lambda: len(count) == 2)


def test_an_odyssey_error_of_a_command_is_only_its_result(make_runner):
    runner = make_runner().start()

    def refuse():
        raise OdysseyError("no", code=ErrorCode.BAD_ARGUMENT)

    assert runner.thread.submit(refuse).exception(TIMEOUT_S).code is ErrorCode.BAD_ARGUMENT
    assert runner.thread.submit(lambda: "alive").result(TIMEOUT_S) == "alive"
    assert runner.failures == []


def test_another_error_of_a_command_ends_the_thread(make_runner):
    runner = make_runner()
    failed = runner.thread.submit(lambda: 1 / 0)
    waiting = runner.thread.submit(lambda: "never")
    runner.start()
    assert isinstance(failed.exception(TIMEOUT_S), ZeroDivisionError)
    assert waiting.exception(TIMEOUT_S).code is ErrorCode.UNCONFIGURED
    assert runner.ended.wait(TIMEOUT_S)
    assert [type(error) for error in runner.failures] == [ZeroDivisionError]


def test_an_error_of_the_work_ends_the_thread(make_runner):
    runner = make_runner(lambda: 1 // 0).start()
    assert runner.ended.wait(TIMEOUT_S)
    assert [type(error) for error in runner.failures] == [ZeroDivisionError]
    assert runner.thread.submit(lambda: 1).exception(TIMEOUT_S).code is ErrorCode.UNCONFIGURED


def test_work_can_ask_whether_it_is_interrupted(make_runner):
    working = threading.Event()

    def work():
        working.set()
        wait_until(runner.thread.interrupted)
        return NEVER

    runner = make_runner(work)
    runner.start()
    assert working.wait(TIMEOUT_S)
    assert runner.thread.submit(lambda: "done").result(TIMEOUT_S) == "done"


def test_close_interrupts_and_refuses_later_commands(make_runner):
    runner = make_runner(lambda: wait_until(runner.thread.interrupted) and NEVER)
    runner.start()
    runner.close()
    assert runner.ended.is_set()
    assert runner.thread.interrupted()
    assert runner.thread.submit(lambda: 1).exception(TIMEOUT_S).code is ErrorCode.UNCONFIGURED


def test_close_reports_a_thread_that_does_not_end(make_runner):
    release, working = threading.Event(), threading.Event()
    runner = make_runner(lambda: working.set() or (release.wait(TIMEOUT_S) and NEVER)).start()
    assert working.wait(TIMEOUT_S)
    assert not runner.thread.close(0.0)
    release.set()


def test_a_thread_that_was_not_started_is_closed():
    assert Runner().thread.close(0.0)


def test_a_cancelled_command_does_not_run(make_runner):
    runner, ran = make_runner(), []
    cancelled = runner.thread.submit(lambda: ran.append("cancelled"))
    last = runner.thread.submit(lambda: ran.append("last"))
    assert cancelled.cancel()
    runner.start()
    last.result(TIMEOUT_S)
    assert ran == ["last"]


def test_a_cancelled_command_is_not_refused_at_the_end(make_runner):
    runner = make_runner(lambda: 1 // 0)
    runner.thread.submit(lambda: 1 // 0)
    cancelled = runner.thread.submit(lambda: None)
    assert cancelled.cancel()
    runner.start()
    assert runner.ended.wait(TIMEOUT_S)
    assert cancelled.cancelled()
