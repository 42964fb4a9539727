"""The time of a node, with and without simulated time."""

from __future__ import annotations

import pytest
from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

from odyssey_ros.bridge.frames.node_time import node_time_ns

S = 1_000_000_000


@pytest.fixture
def make(local_graph):
    def make(name, **overrides):
        parameters = [Parameter(key, value=value) for key, value in overrides.items()]
        return local_graph.add(Node(name, context=local_graph.context, parameter_overrides=parameters))

    return make


def test_an_age_is_subtracted_from_wall_time(make):
    node = make("eye")
    before = node.get_clock().now().nanoseconds
    earlier, later = node_time_ns(node, 5 * S), node_time_ns(node, -5 * S)
    after = node.get_clock().now().nanoseconds
    assert before <= earlier + 5 * S <= later - 5 * S <= after


def test_simulated_time_is_the_one_received_last(make, local_graph):
    node = make("eye", use_sim_time=True)
    assert node_time_ns(node) == node_time_ns(node, 5 * S) == 0
    publisher = make("simulator").create_publisher(Clock, "/clock", 1)
    for seconds in (9, 2):  # it may go back
        clock = Clock(clock=Time(sec=seconds))

        def received(clock=clock, seconds=seconds):
            publisher.publish(clock)
            return node_time_ns(node, 5 * S) == seconds * S

        local_graph.until(received)
