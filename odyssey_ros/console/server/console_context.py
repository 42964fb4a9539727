"""What the routes of the console use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from rclpy.node import Node

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
    from odyssey_ros.console.console_parameters import ConsoleParameters
    from odyssey_ros.console.graph.graph_nodes import GraphNode
    from odyssey_ros.console.graph.node_directory import NodeDirectory
    from odyssey_ros.console.graph.service_calls import ServiceCalls
    from odyssey_ros.console.server.picture_feeds import PictureFeeds
    from odyssey_ros.console.server.state_feed import StateFeed
    from odyssey_ros.console.server.state_hub import StateHub


@dataclass(frozen=True, slots=True)
class ConsoleContext:
    """The node of the console, and its access to the graph.

    Attributes:
        node: The node; for the executor's thread.
        executor: Runs calls on the thread that spins the node.
        parameters: The parameters.
        directory: The nodes on the graph.
        calls: Calls services.
        hub: Sends state of nodes to the pages; for the asyncio thread.
        feed: Brings the state of the graph to the hub.
        pictures: The topics with pictures; for the asyncio thread.
    """

    node: Node
    executor: ExecutorCalls
    parameters: ConsoleParameters
    directory: NodeDirectory
    calls: ServiceCalls
    hub: StateHub
    feed: StateFeed
    pictures: PictureFeeds


CONTEXT: Final = web.AppKey("context", ConsoleContext)


def context_of(request: web.Request) -> ConsoleContext:
    """Return the context of the application that handles a request."""
    return request.app[CONTEXT]


def node_of(request: web.Request) -> GraphNode:
    """Return the node that the query parameter `node` names.

    Raises:
        OdysseyError: `NOT_FOUND`: there is no such node.
    """
    return context_of(request).directory.get(request.query.get("node", ""))
