"""Items of an iterator, prefetched on a thread."""

from __future__ import annotations

import threading

import pytest

from odyssey_ros.bridge.player.read_ahead import ReadAhead


def drain(reader, changed):
    """Return all items, when the iterator has ended."""
    items = []
    while not reader.ended:
        item = reader.poll()
        if item is None:
            assert changed.wait(60)
            changed.clear()
        else:
            items.append(item)
    return items


def test_items_arrive_in_order_and_end():
    changed = threading.Event()
    reader = ReadAhead(lambda: iter(range(1, 200)), 3, changed.set)
    assert drain(reader, changed) == list(range(1, 200))
    assert reader.poll() is None


def test_at_most_depth_items_are_prefetched():
    made, changed = [], threading.Event()

    def items():
        for index in range(100):
            made.append(index)
            yield index + 1

    reader = ReadAhead(items, 4, changed.set)
    for polled in range(20):
        while reader.poll() is None:
            changed.wait(0.01)
        assert len(made) <= polled + 1 + 4 + 1  # polled, waiting, in progress
    reader.close(timeout=60)


def test_an_error_is_raised_after_the_items_before_it():
    changed = threading.Event()

    def items():
        yield 1
        raise ValueError("broken")

    reader = ReadAhead(items, 3, changed.set)
    while reader.poll() is None:
        changed.wait(0.01)
    with pytest.raises(ValueError, match="broken"):
        drain(reader, changed)
    assert not reader.ended


def test_closing_ends_the_iterator():
    closed, changed = threading.Event(), threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    reader = ReadAhead(items, 2, changed.set)
    assert changed.wait(60)
    reader.close(timeout=60)
    assert closed.wait(60)
