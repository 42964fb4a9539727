"""The qualities of service that a user can override: ``qos_overrides.<topic>.publisher.<policy>``."""

from __future__ import annotations

from rclpy.exceptions import ParameterException
from rclpy.qos import QoSPolicyKind
from rclpy.qos_overriding_options import QoSOverridingOptions


class OverrideError(Exception):
    """A topic cannot be offered as the overrides ask; the text says why."""


# What rclpy raises for an override that makes no sense, depending on what is wrong with it.
OVERRIDE_ERRORS = (ParameterException, RuntimeError, TypeError, ValueError)


def overridable() -> QoSOverridingOptions:
    """Return the option of a publisher or subscription that lets every policy be overridden."""
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
