"""Nodes that spin in the process of the test."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

from quiet_node import Quiet
from spinning import SpinningThread


@pytest.fixture
def spin(domain_id):
    """Starts nodes that spin, each in a context and on a thread of its own: `spin(make, name)`."""
    ends = []

    def start(make, name):
        context = Context()
        rclpy.init(context=context, domain_id=domain_id)
        node = make(name, context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        spinning = SpinningThread(executor)

        def end():
            spinning.end()
            node.destroy_node()
            rclpy.try_shutdown(context=context)

        ends.append(end)
        return node

    yield start
    for end in reversed(ends):
        end()


@pytest.fixture
def node(spin):
    """A managed node with the name of the player, which spins."""
    return spin(Quiet, "player")


@pytest.fixture
def on_executor(node):
    """Calls a function on the thread that spins the node, and returns its result."""

    def call(function):
        result = Future()

        def run():
            try:
                result.set_result(function())
            except Exception as error:  # noqa: BLE001 -- raised in the test
                result.set_exception(error)

        node.calls.post(run)
        return result.result(60)

    return call
