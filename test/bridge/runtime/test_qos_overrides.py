"""Overridable policies, and the names of overrides; test_qos_events has invalid overrides of real topics."""

from __future__ import annotations

import pytest
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSPolicyKind, QoSProfile
from std_msgs.msg import String

from odyssey_ros.bridge.runtime.qos_overrides import OVERRIDE_ERRORS, overridable, unused_overrides


@pytest.fixture
def make_node(local_graph):
    """Makes a node `/robot/eye` with parameter overrides."""

    def make(overrides, *arguments):
        parameters = [Parameter(name, value=value) for name, value in overrides.items()]
        return local_graph.add(
            Node(
                "eye",
                namespace="/robot",
                context=local_graph.context,
                cli_args=["--ros-args", *arguments],
                parameter_overrides=parameters,
            )
        )

    return make


def publisher_depth(node, name="~/image_raw", topic=None):
    profile = QoSProfile(depth=5)
    node.create_publisher(
        String, topic or name, profile, qos_overriding_options=overridable(node, name, topic)
    )
    return profile.depth


def test_every_policy_that_rclpy_can_override_is_overridable(make_node):
    supported = {
        kind for kind in QoSPolicyKind if kind.name not in ("INVALID", "AVOID_ROS_NAMESPACE_CONVENTIONS")
    }
    assert set(overridable(make_node({}), "~/image_raw").policy_kinds) == supported


def test_errors_of_parameters_are_errors_of_overrides():
    assert ParameterException in OVERRIDE_ERRORS


@pytest.mark.parametrize("topic", ["image_raw", "~/image_raw", "/robot/eye/image_raw"])
def test_an_override_may_leave_out_the_name_of_the_node(make_node, topic):
    node = make_node({f"qos_overrides.{topic}.publisher.depth": 1})
    assert publisher_depth(node) == 1
    assert node.get_parameter("qos_overrides./robot/eye/image_raw.publisher.depth").value == 1
    assert unused_overrides(node) == ""


def test_an_override_of_the_own_name_follows_a_remapped_topic(make_node):
    node = make_node({"qos_overrides.image_raw.publisher.depth": 1}, "-r", "~/image_raw:=/front/image")
    assert publisher_depth(node) == 1
    assert node.has_parameter("qos_overrides./front/image.publisher.depth")


def test_an_override_of_the_own_name_follows_a_topic_of_another_name(make_node):
    node = make_node({"qos_overrides.image_raw/compressed.publisher.depth": 1})
    assert publisher_depth(node, "~/image_raw/compressed", "/front/image/compressed") == 1
    assert publisher_depth(node) == 5


def test_the_resolved_name_takes_precedence(make_node):
    names = ("image_raw", "/robot/eye/image_raw", "~/image_raw")
    node = make_node({f"qos_overrides.{name}.publisher.depth": at for at, name in enumerate(names, 1)})
    assert publisher_depth(node) == 2


def test_overrides_without_effect_are_named_with_those_that_exist(make_node):
    node = make_node(
        {
            "qos_overrides./odyssey/image_raw.publisher.depth": 1,
            "qos_overrides.image_raw.publisher.color": 1,
            "qos_overrides.image_raw.publisher.depth": 1,
            "frame_id": "eye",
        }
    )
    publisher_depth(node)
    warning = unused_overrides(node)
    assert warning.startswith(
        "No effect: qos_overrides./odyssey/image_raw.publisher.depth, "
        "qos_overrides./robot/eye/image_raw.publisher.color. This node can override "
        "/robot/eye/image_raw.publisher, each with history, depth, "
    )
    assert "frame_id" not in warning


def test_without_overrides_there_is_no_warning(make_node):
    node = make_node({})
    publisher_depth(node)
    assert unused_overrides(node) == ""
