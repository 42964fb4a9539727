"""Overrides of the quality of service by parameters: `qos_overrides.<topic>.publisher.<policy>`."""

from __future__ import annotations

from rclpy.exceptions import ParameterException
from rclpy.qos import QoSPolicyKind
from rclpy.qos_overriding_options import QoSOverridingOptions


class OverrideError(Exception):
    """The overrides of a topic are invalid; the text gives the reason."""


# The exceptions that rclpy raises for an invalid override.
OVERRIDE_ERRORS = (ParameterException, RuntimeError, TypeError, ValueError)


def overridable() -> QoSOverridingOptions:
    """Return the option that lets parameters override every policy of a publisher or subscription."""
    return QoSOverridingOptions(
        policy_kinds=(
            QoSPolicyKind.HISTORY,
            QoSPolicyKind.DEPTH,
            QoSPolicyKind.RELIABILITY,
            QoSPolicyKind.DURABILITY,
            QoSPolicyKind.DEADLINE,
            QoSPolicyKind.LIFESPAN,
            QoSPolicyKind.LIVELINESS,
            QoSPolicyKind.LIVELINESS_LEASE_DURATION,
        )
    )
