"""Waits until another node knows what a node subscribes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rcl_interfaces.srv import GetParameters

from waiting import DEFAULT_TIMEOUT_S, wait_until

if TYPE_CHECKING:
    from rclpy.node import Node


def wait_until_known(node: Node, other: str) -> None:
    """Wait until another node knows which subscriptions a node has, and sends to them.

    A node may know the other before the other knows it. The other responds only to a client that it knows,
    and it hears of the endpoints of a node in their order: so a new client is called. The node has to spin.

    Args:
        node: The node that subscribes, or no longer subscribes.
        other: Full name of the other node.
    """
    name = f"{other}/get_parameters"
    client = node.create_client(GetParameters, name)
    assert client.wait_for_service(timeout_sec=DEFAULT_TIMEOUT_S), f"there is no service {name}"
    wait_until(client.call_async(GetParameters.Request()).done, f"an answer of {name}")
