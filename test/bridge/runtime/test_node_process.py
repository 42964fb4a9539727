"""A node as a process: its end by a signal, and a start that fails."""

from __future__ import annotations

import os
import signal

import pytest
import rclpy

from odyssey_ros.bridge.runtime import node_process
from odyssey_ros.bridge.runtime.managed_node import ManagedNode
from odyssey_ros.bridge.runtime.node_process import signal_socket, spin_node
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError


class Idle(ManagedNode):
    """A node that does nothing, and stores that it was released."""

    released = False

    def configure(self):
        pass

    def release(self):
        self.released = True


@pytest.fixture(autouse=True)
def _process_state(domain_id, monkeypatch):
    """Restore the signal handling of the test process, and end rclpy's default context."""
    sockets = []

    def make_socket():  # a process keeps its socket to its end
        sockets.append(signal_socket())
        return sockets[-1]

    monkeypatch.setattr(node_process, "signal_socket", make_socket)
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain_id))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    descriptor = signal.set_wakeup_fd(-1)
    yield
    os.close(signal.set_wakeup_fd(descriptor))
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for one in sockets:
        one.close()
    rclpy.try_shutdown()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_node_cleanly(number):
    nodes = []

    def make_node():
        nodes.append(Idle("idle"))
        nodes[0].calls.post(lambda: os.kill(os.getpid(), number))  # once the node spins
        return nodes[0]

    assert spin_node(make_node, []) == 0
    assert nodes[0].released
    assert not nodes[0].asyncio_thread.loop.is_running()
    assert not rclpy.ok()


@pytest.mark.parametrize("status", [0, 3])
def test_a_node_can_end_its_process(status):
    nodes = []

    def make_node():
        nodes.append(Idle("idle"))
        nodes[0].calls.post(lambda: nodes[0].end_process(status))
        return nodes[0]

    assert spin_node(make_node, []) == status
    assert nodes[0].released
    assert not rclpy.ok()


def test_a_callback_that_raises_does_not_end_the_process(capfd):
    nodes, calls = [], []

    def every_moment():
        calls.append(1)
        if len(calls) == 5:
            nodes[0].end_process(4)
        raise ValueError("half \ud800\n[ERROR] forged")

    def make_node():
        nodes.append(Idle("idle"))
        nodes[0].create_timer(0.01, every_moment)
        return nodes[0]

    assert spin_node(make_node, []) == 4
    output = capfd.readouterr()
    lines = [one for one in (output.out + output.err).splitlines() if "forged" in one]
    assert len(lines) == 5
    assert all("A callback failed: ValueError: half [ERROR] forged" in line for line in lines)


def test_an_executor_that_can_do_nothing_ends_the_process():
    calls = []

    def make_node():
        node = Idle("idle")

        def fail():
            calls.append(1)
            raise ZeroDivisionError

        node.create_timer(0.001, fail)
        return node

    with pytest.raises(ZeroDivisionError):
        spin_node(make_node, [])
    assert len(calls) == node_process.MAX_FAILURES


def test_a_failing_start_is_reported_in_one_line(capsys):
    def make_node():
        raise OverrideError("/topic:\n  no such policy")

    assert spin_node(make_node, []) == 1
    assert capsys.readouterr().err.endswith("cannot start: /topic: no such policy\n")


@pytest.mark.parametrize(
    ("value", "default", "remedy"),
    [
        ("NO", "", """put the text in quotes that a shell keeps, as in -p "prompt:='NO'\""""),
        ("007", "", "put the text in quotes"),
        ("5", 1.0, "write the number with a decimal point, as in 5.0"),
    ],
)
def test_a_value_that_yaml_reads_with_another_type_is_reported_with_a_remedy(value, default, remedy, capsys):
    def make_node():
        node = Idle("idle")
        try:
            node.declare_parameter("text", default)
        except BaseException:
            node.destroy_node()
            raise
        return node

    assert spin_node(make_node, ["--ros-args", "-p", f"text:={value}"]) == 1
    assert remedy in capsys.readouterr().err


def test_a_signal_makes_the_socket_readable():
    reader = signal_socket()
    os.kill(os.getpid(), signal.SIGINT)
    reader.settimeout(5)
    assert reader.recv(1) == bytes([signal.SIGINT])
    reader.close()
