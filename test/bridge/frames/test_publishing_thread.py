"""A thread that publishes what is queued."""

from __future__ import annotations

import threading

import pytest

from odyssey_ros.bridge.frames.publishing_thread import PublishingThread
from waiting import DEFAULT_TIMEOUT_S, wait_until


class Work:
    """A thread whose work stops at each item until the test goes on."""

    def __init__(self):
        self.published, self.failed = [], []
        self.begun, self.may_end = threading.Semaphore(0), threading.Semaphore(0)
        self.thread = PublishingThread("test", self.publish, lambda item, error: self.failed.append(item))

    def publish(self, item):
        self.begun.release()
        self.may_end.acquire()
        if item == "bad":
            raise ValueError(item)
        self.published.append(item)

    def begin(self, item):
        """Queue an item, and wait until it is being published."""
        self.thread.put(item)
        assert self.begun.acquire(timeout=DEFAULT_TIMEOUT_S)

    def go_on(self):
        self.may_end.release(100)


@pytest.fixture
def work():
    one = Work()
    yield one
    one.go_on()
    one.thread.end(DEFAULT_TIMEOUT_S)


def test_items_are_published_in_order(work):
    work.go_on()
    for item in range(50):
        work.thread.put(item)
    work.thread.wait_until_idle()
    assert work.published == list(range(50))


def test_an_item_that_fails_is_reported_and_the_next_ones_are_published(work):
    work.go_on()
    for item in ("a", "bad", "b"):
        work.thread.put(item)
    work.thread.wait_until_idle()
    assert (work.published, work.failed) == (["a", "b"], ["bad"])


def test_what_waits_can_be_replaced_and_discarded(work):
    work.begin("first")
    assert work.thread.replace("a") == []
    assert work.thread.replace("b") == ["a"]
    work.thread.put("c")
    assert len(work.thread) == 2
    assert work.thread.clear() == ["b", "c"]
    work.thread.put("d")
    work.go_on()
    work.thread.wait_until_idle()
    assert work.published == ["first", "d"]


def test_waiting_until_idle_includes_the_item_that_is_being_published(work):
    work.begin("first")
    work.thread.put("second")
    waiting = threading.Thread(target=work.thread.wait_until_idle)
    waiting.start()
    work.may_end.release()
    assert work.begun.acquire(timeout=DEFAULT_TIMEOUT_S)
    assert waiting.is_alive()
    work.may_end.release()
    waiting.join(DEFAULT_TIMEOUT_S)
    assert work.published == ["first", "second"]


def test_the_end_discards_what_waits(work):
    work.begin("first")
    work.thread.put("second")
    ending = threading.Thread(target=work.thread.end, args=(DEFAULT_TIMEOUT_S,))
    ending.start()
    wait_until(lambda: len(work.thread) == 0, "the second item discarded")
    work.go_on()
    ending.join(DEFAULT_TIMEOUT_S)
    work.thread.end(DEFAULT_TIMEOUT_S)
    assert work.published == ["first"]
    assert "test" not in [thread.name for thread in threading.enumerate()]
