"""Publishers beside an image topic. The tests of the two modules that use them remap their real topics."""

from __future__ import annotations

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from odyssey_ros.bridge.frames.image_topic_publishers import create_publisher, topic_beside
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError


@pytest.fixture
def make_node(local_graph):
    return lambda **options: local_graph.add(Node("camera", context=local_graph.context, **options))


def test_a_remapped_topic_keeps_its_own_name(make_node):
    node = make_node(cli_args=["--ros-args", "-r", "~/jpeg:=/small"])
    assert topic_beside(node, "~/jpeg", "/front/jpeg") == "~/jpeg"
    assert topic_beside(node, "~/depth", "/front/depth") == "/front/depth"


def test_the_profile_is_not_changed_by_overrides(make_node):
    node = make_node(parameter_overrides=[Parameter("qos_overrides.text.publisher.depth", value=3)])
    profile = QoSProfile(depth=7)
    publisher = create_publisher(node, String, "~/text", profile, "/front/text")
    assert publisher.topic_name == "/front/text"
    assert node.get_parameter("qos_overrides./front/text.publisher.depth").value == 3
    assert profile.depth == 7


def test_an_invalid_override_names_the_topic(make_node):
    wrong = Parameter("qos_overrides.text.publisher.depth", value="many")
    with pytest.raises(OverrideError, match=r"^/camera/text: "):
        create_publisher(make_node(parameter_overrides=[wrong]), String, "~/text", QoSProfile(depth=7))


def test_new_and_ended_subscriptions_are_reported(make_node, local_graph):
    events = []
    node = make_node()
    create_publisher(node, String, "~/text", QoSProfile(depth=7), matched=events.append)
    subscription = node.create_subscription(String, "~/text", [].append, 1)
    local_graph.until(lambda: events)
    assert (events[0].current_count, events[0].total_count_change) == (1, 1)
    node.destroy_subscription(subscription)
    local_graph.until(lambda: len(events) > 1)
    assert (events[1].current_count, events[1].total_count_change) == (0, 0)
