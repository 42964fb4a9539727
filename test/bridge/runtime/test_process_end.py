"""The end of a process is bounded whatever its threads do; the processes and the stuck threads are real."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from odyssey_ros.bridge.runtime.process_end import ProcessEnd
from waiting import wait_until

NODE = '''
import asyncio, os, sys
from odyssey_ros.bridge.runtime.managed_node import ManagedNode
from odyssey_ros.bridge.runtime.node_process import run_node
from std_srvs.srv import Trigger


def wait_forever():
    """Wait as for a disk that does not answer."""
    print("stuck", flush=True)
    os.read(os.pipe()[0], 1)


class Stuck(ManagedNode):
    def __init__(self):
        super().__init__("stuck")
        self.calls.post(self.begin)

    def begin(self):
        where = sys.argv[1]
        if where == "pool":
            for _ in range(40):
                self.start(asyncio.to_thread(self.wait_in_pool))
            return
        if where == "files":
            for _ in range(10):
                self.asyncio_thread.submit(self.files.run(wait_forever))
        elif where == "loop":
            self.asyncio_thread.loop.call_soon_threadsafe(wait_forever)
        elif where == "executor":
            self.calls.post(wait_forever)
        elif where == "release":
            self.release = wait_forever
            print("stuck", flush=True)
        elif where == "nothing":
            print("stuck", flush=True)
        self.end()

    def wait_in_pool(self):
        print("stuck", flush=True)
        self.calls.post(self.end)
        wait_forever()

    def end(self):
        """End with the status of the command line; else a signal ends the node."""
        if sys.argv[2] != "signal":
            self.end_process(int(sys.argv[2]))

    def configure(self):
        pass

    release = activate = deactivate = configure


try:
    sys.exit(run_node(Stuck, []))
finally:
    print("returned", flush=True)
'''
FORCED = "The process ends without waiting for its threads any longer"


@pytest.fixture
def start(start_command, tmp_path):
    """Starts the node as a process, and waits until it is stuck."""
    (tmp_path / "node.py").write_text(NODE)

    def start(where, status):
        process = start_command([sys.executable, str(tmp_path / "node.py"), where, status])
        wait_until(lambda: "stuck" in process.text, lambda: f"the stuck thread:\n{process.text}")
        return process

    return start


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("pool", signal.SIGINT),
        ("pool", signal.SIGTERM),
        ("executor", signal.SIGTERM),
        ("release", signal.SIGTERM),
    ],
)
def test_a_signal_ends_a_process_with_a_stuck_thread(start, where, number):
    process = start(where, "signal")
    assert process.stop(number, timeout=60) == 0
    assert FORCED in process.text
    assert "Traceback" not in process.text


@pytest.mark.parametrize("where", ["nothing", "files", "loop"])
def test_what_the_interpreter_does_not_wait_for_forces_nothing(start, where):
    process = start(where, "signal")
    assert process.stop(signal.SIGTERM, timeout=60) == 0
    assert "returned" in process.text
    assert FORCED not in process.text


@pytest.mark.parametrize("where", ["pool", "release", "nothing"])
def test_the_exit_status_of_the_node_is_kept(start, where):
    process = start(where, "3")
    assert process.exit_status() == 3
    assert "Traceback" not in process.text


def test_a_stuck_pool_does_not_keep_the_node_on_the_graph(start, probe):
    """Everything is released before the process is ended by force."""
    process = start("pool", "signal")
    wait_until(lambda: "stuck" in probe.node.get_node_names(), "the node on the graph")
    process.stop(signal.SIGTERM, timeout=60)
    assert "returned" in process.text  # the node was destroyed, and rclpy shut down
    wait_until(lambda: "stuck" not in probe.node.get_node_names(), "the node to leave the graph")


def test_the_time_is_shortened_once_everything_is_released():
    ended, done = [], threading.Event()

    def end(status):
        ended.append(status)
        done.set()

    one = ProcessEnd(end=end, end_s=3600.0, released_s=0.0)
    one.released()  # nothing has been requested
    one.request(lambda: 5)
    one.request(lambda: 6)
    assert not done.is_set()
    one.released()
    assert done.wait(60)
    assert ended == [5]


def test_the_threads_are_named(capfd):
    ended, done = [], threading.Event()
    one = ProcessEnd(end=lambda status: (ended.append(status), done.set()), end_s=0.0)
    one.request(os.getpid)
    assert done.wait(60)
    assert ended == [os.getpid()]
    assert "MainThread" in capfd.readouterr().err
