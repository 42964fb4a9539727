"""Overridable policies; invalid overrides of real topics are in test_qos_events."""

from __future__ import annotations

from rclpy.exceptions import ParameterException
from rclpy.qos import QoSPolicyKind

from odyssey_ros.bridge.runtime.qos_overrides import OVERRIDE_ERRORS, overridable


def test_every_policy_that_rclpy_can_override_is_overridable():
    supported = {
        kind for kind in QoSPolicyKind if kind.name not in ("INVALID", "AVOID_ROS_NAMESPACE_CONVENTIONS")
    }
    assert set(overridable().policy_kinds) == supported


def test_errors_of_parameters_are_errors_of_overrides():
    assert ParameterException in OVERRIDE_ERRORS
