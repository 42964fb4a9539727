"""The queue before the decoder: its limits, skipping to a key frame, and its end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from odyssey_ros.client.access_units import (
    MAX_DECODED_WAITING,
    MAX_WAIT_S,
    MAX_WAITING_BYTES,
    MAX_WAITING_UNITS,
    AccessUnit,
    AccessUnitQueue,
)

if TYPE_CHECKING:
    from collections.abc import Callable

IDR, SLICE = b"\0\0\1\x65i", b"\0\0\0\1\x41p"


def unit(pts: int, data: bytes = SLICE, *, restarts: bool = False) -> AccessUnit:
    return AccessUnit("h264", data, pts, data.startswith(IDR), restarts)


def begun(monotonic: Callable[[], float] = time.monotonic) -> AccessUnitQueue:
    """Return a queue from which a first key frame has been taken."""
    queue = AccessUnitQueue(monotonic=monotonic)
    queue.put(unit(-1, IDR))
    assert queue.get() == unit(-1, IDR, restarts=True)
    return queue


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_units_come_out_in_order() -> None:
    queue = begun()
    for number in range(5):
        queue.put(unit(number))
    assert [queue.get() for _ in range(5)] == [unit(number) for number in range(5)]
    assert queue.skipped == 0
    assert not queue.take_key_frame_request()


def test_units_that_wait_too_long_are_dropped_up_to_the_next_key_frame() -> None:
    clock = Clock()
    queue = begun(clock)
    queue.put(unit(0, IDR))
    queue.put(unit(1))
    clock.now += MAX_WAIT_S
    queue.put(unit(2))
    assert queue.skipped == 0
    clock.now += 0.01
    queue.put(unit(3))
    queue.put(unit(4))
    assert queue.skipped == 5
    assert queue.take_key_frame_request()
    queue.put(unit(5, IDR))
    queue.put(unit(6))
    assert [queue.get(), queue.get()] == [unit(5, IDR), unit(6)]
    assert queue.skipped == 5


def test_a_key_frame_that_exceeds_a_limit_replaces_what_waits() -> None:
    clock = Clock()
    queue = begun(clock)
    queue.put(unit(0))
    clock.now += MAX_WAIT_S + 1
    queue.put(unit(1, IDR))
    assert queue.get() == unit(1, IDR)
    assert queue.skipped == 1
    assert not queue.take_key_frame_request()


def test_the_number_and_the_bytes_that_wait_are_bounded() -> None:
    queue = begun()
    for number in range(MAX_WAITING_UNITS + 1):
        queue.put(unit(number))
    assert queue.skipped == MAX_WAITING_UNITS + 1
    queue = begun()
    queue.put(unit(0, IDR + bytes(MAX_WAITING_BYTES // 2)))
    queue.put(unit(1, SLICE + bytes(MAX_WAITING_BYTES // 2)))
    assert queue.skipped == 2
    queue.put(unit(2, IDR + bytes(MAX_WAITING_BYTES)))  # no key frame can be that large
    assert queue.skipped == 3
    queue.put(unit(3, IDR))
    assert queue.get() == unit(3, IDR)


def test_a_damaged_unit_is_counted_and_a_key_frame_is_requested() -> None:
    queue = begun()
    queue.decoding_failed()
    assert queue.skipped == 1
    assert queue.take_key_frame_request()
    assert not queue.take_key_frame_request()


def test_a_queue_begins_with_a_key_frame_for_which_the_decoder_restarts() -> None:
    queue = AccessUnitQueue()
    for _ in range(2):
        assert not queue.put(unit(0))
        assert queue.take_key_frame_request()
        assert queue.put(unit(1, IDR))
        assert queue.put(unit(2))
        assert not queue.take_key_frame_request()
        assert queue.get() == unit(1, IDR, restarts=True)
        queue.clear()
    assert queue.skipped == 0  # what nobody wanted decoded is not skipped


def test_decoded_frames_that_the_loop_does_not_take_stop_the_decoder() -> None:
    queue = begun()
    for number in range(MAX_DECODED_WAITING + 1):
        queue.put(unit(number))
    for _ in range(MAX_DECODED_WAITING):
        assert queue.get() is not None
        queue.frame_decoded()
    results: list[AccessUnit | None] = []
    thread = threading.Thread(target=lambda: results.append(queue.get()))
    thread.start()
    assert results == []
    queue.frame_delivered()
    thread.join(60)
    assert results == [unit(MAX_DECODED_WAITING)]


def test_closing_ends_the_wait_and_drops_what_waits() -> None:
    queue = begun()
    queue.put(unit(0))
    queue.close()
    queue.put(unit(1))
    assert queue.get() is None
    assert queue.skipped == 0
