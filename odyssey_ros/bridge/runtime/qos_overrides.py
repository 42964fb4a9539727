"""Overrides of the quality of service by parameters: `qos_overrides.<topic>.publisher.<policy>`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rclpy.exceptions import ParameterException
from rclpy.parameter import Parameter
from rclpy.qos import QoSPolicyKind
from rclpy.qos_overriding_options import QoSOverridingOptions

if TYPE_CHECKING:
    from rclpy.node import Node

_PREFIX: Final = "qos_overrides."
_POLICIES: Final = (
    QoSPolicyKind.HISTORY,
    QoSPolicyKind.DEPTH,
    QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY,
    QoSPolicyKind.DEADLINE,
    QoSPolicyKind.LIFESPAN,
    QoSPolicyKind.LIVELINESS,
    QoSPolicyKind.LIVELINESS_LEASE_DURATION,
)


class OverrideError(Exception):
    """The overrides of a topic are invalid; the text gives the reason."""


# The exceptions that rclpy raises for an invalid override.
OVERRIDE_ERRORS = (ParameterException, RuntimeError, TypeError, ValueError)


def overridable(node: Node, name: str, topic: str | None = None) -> QoSOverridingOptions:
    """Return the option that lets parameters override every policy of a publisher or subscription.

    rclpy knows overrides only by the resolved name of a topic, which depends on the name and the namespace of
    the node and on remapping. Overrides of the topic's own name, for example
    `qos_overrides.image_raw.publisher.depth` (or `~/image_raw`, but not with `-p` on a command line), are
    valid for a node of any name. An override of the resolved name takes precedence.

    Args:
        node: The node, which is about to create the publisher or subscription.
        name: The name of the topic, `~/...`, without remapping.
        topic: The name with which the node creates it, if it is another one.
    """
    given = node._parameter_overrides  # noqa: SLF001 -- rclpy has no other access to undeclared overrides
    resolved = node.resolve_topic_name(topic or name)
    for own in (name.removeprefix("~/"), name):
        prefix = f"{_PREFIX}{own}."
        for old in [old for old in given if old.startswith(prefix)]:
            parameter = given.pop(old)
            new = f"{_PREFIX}{resolved}.{old.removeprefix(prefix)}"
            given.setdefault(new, Parameter(new, parameter.type_, parameter.value))
    return QoSOverridingOptions(policy_kinds=_POLICIES)


def unused_overrides(node: Node) -> str:
    """Return a warning about the overrides that have no effect; empty if there are none.

    Call this when the node has created its publishers and subscriptions.
    """
    given = node._parameter_overrides  # noqa: SLF001
    unused = [name for name in given if name.startswith(_PREFIX) and not node.has_parameter(name)]
    if not unused:
        return ""
    declared = node.get_parameters_by_prefix(_PREFIX.rstrip("."))
    known = sorted({name.rpartition(".")[0] for name in declared})
    policies = ", ".join(kind.name.lower() for kind in _POLICIES)
    return (
        f"No effect: {', '.join(sorted(unused))}. This node can override {', '.join(known) or 'nothing'}, "
        f"each with {policies}. Without the name of the node, for example "
        f"{_PREFIX}image_raw.publisher.depth, an override is valid for any name"
    )
