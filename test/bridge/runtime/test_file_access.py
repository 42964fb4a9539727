"""Access to files: nothing waits without bound for a disk that does not answer."""

from __future__ import annotations

import os
import threading

import pytest

from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
from odyssey_ros.bridge.runtime.file_access import MAX_THREADS, FileAccess
from odyssey_ros.client import ErrorCode, OdysseyError
from waiting import wait_until


@pytest.fixture
def thread():
    one = AsyncioThread("files")
    yield one
    assert one.stop(5)


class Disk:
    """A disk that does not answer until it is told to: threads wait for a pipe."""

    def __init__(self):
        self.reader, self.writer = os.pipe()

    def read(self):
        return os.read(self.reader, 1)

    def answer(self, count):
        os.write(self.writer, b"x" * count)

    def close(self):
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def disk():
    one = Disk()
    yield one
    one.close()


def test_results_and_errors(thread):
    files = FileAccess(thread)
    assert files.wait_for(lambda: threading.current_thread().daemon)
    with pytest.raises(ZeroDivisionError):
        files.wait_for(lambda: 1 // 0)
    assert thread.submit(files.run(lambda: 7)).result(60) == 7


def test_many_accesses_at_once(thread):
    files = FileAccess(thread)
    running = [thread.submit(files.run(lambda number=number: number)) for number in range(50)]
    assert [one.result(60) for one in running] == list(range(50))


def test_a_disk_that_does_not_answer(thread, disk):
    slow, quick = FileAccess(thread, timeout_s=1.0), FileAccess(thread)
    for _ in range(MAX_THREADS):
        with pytest.raises(OdysseyError, match="within 1 s: check the disk") as caught:
            slow.wait_for(disk.read)
        assert caught.value.code is ErrorCode.TIMEOUT
    calls = []
    with pytest.raises(OdysseyError):
        slow.wait_for(lambda: calls.append(1))
    assert not calls  # no further thread is used
    assert quick.wait_for(lambda: 7) == 7  # the loop is free
    disk.answer(MAX_THREADS)

    def free():
        try:
            return slow.wait_for(lambda: True)
        except OdysseyError:
            return False

    wait_until(free, "the disk")
    assert all(slow.wait_for(lambda: True) for _ in range(3 * MAX_THREADS))
