"""The node `console`: serves a web page that operates the bridges, spectators and players of the graph."""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, Final

from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
from odyssey_ros.bridge.runtime.clock_messages import without_negative_times
from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
from odyssey_ros.bridge.runtime.node_process import run_node
from odyssey_ros.bridge.runtime.parameter_table import ParameterTable
from odyssey_ros.console.console_parameters import SETTINGS, ConsoleParameters
from odyssey_ros.console.graph.node_directory import NodeDirectory
from odyssey_ros.console.graph.picture_thread import PictureThread
from odyssey_ros.console.graph.service_calls import ServiceCalls
from odyssey_ros.console.server.console_context import ConsoleContext
from odyssey_ros.console.server.console_server import ConsoleServer
from odyssey_ros.console.server.picture_feeds import PictureFeeds
from odyssey_ros.console.server.serve_errors import CannotServeError
from odyssey_ros.console.server.state_feed import StateFeed
from odyssey_ros.console.server.state_hub import StateHub

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Sequence

    from rclpy.subscription import Subscription

    from odyssey_ros.console.server.console_server import Served

STOP_TIMEOUT_S: Final = 3.0
"""For everything: the launch system sends SIGTERM 5 s after SIGINT."""

SERVER_STOP_TIMEOUT_S: Final = 2.5
"""For the web server, which gives its pages a second, and then the open requests another one."""

EXIT_CANNOT_SERVE: Final = 1


class ConsoleNode(Node):
    """The node `console`; docs/console.md describes it.

    The executor's thread owns everything of rclpy, and the asyncio thread owns the web server.

    Attributes:
        exit_status: The exit status of the process, once the server could not start.
        calls: Runs calls of other threads on the executor's thread.
    """

    def __init__(self, node_name: str = "console", **options: Any) -> None:
        super().__init__(node_name, **options)
        self.exit_status: int | None = None
        table = ParameterTable(self, SETTINGS, ConsoleParameters, lambda: True, lambda *_: None)
        table.declare()
        self.asyncio_thread = AsyncioThread(f"{node_name}_asyncio")
        self.calls = ExecutorCalls(self)
        directory = NodeDirectory(self, self.calls)
        services = ServiceCalls(self, self.calls)
        hub = StateHub()
        self._picture_thread = PictureThread(self)
        self._console = ConsoleContext(
            node=self,
            executor=self.calls,
            parameters=table.current,
            directory=directory,
            calls=services,
            hub=hub,
            feed=StateFeed(self, self.calls, directory, services, hub, self.asyncio_thread.loop),
            pictures=PictureFeeds(self._picture_thread, self.asyncio_thread.loop),
        )
        self._server = ConsoleServer(self._console)
        self.asyncio_thread.submit(self._server.start()).add_done_callback(
            lambda started: self.calls.post(lambda: self._started(started))
        )

    def create_subscription(
        self,
        msg_type: type,
        topic: str,
        callback: Callable[[Any], None],
        *arguments: Any,
        **options: Any,
    ) -> Subscription:
        """Create a subscription; one of `/clock`, as rclpy creates itself, ignores invalid times."""
        if msg_type is Clock:
            callback = without_negative_times(self, callback)
        return super().create_subscription(msg_type, topic, callback, *arguments, **options)

    def _started(self, started: concurrent.futures.Future[Served]) -> None:
        try:
            served = started.result()
        except CannotServeError as error:
            self.get_logger().error(f"Cannot serve the console: {error}")
            self.exit_status = EXIT_CANNOT_SERVE
        except Exception:
            self.exit_status = EXIT_CANNOT_SERVE
            raise  # the log has the reason
        else:
            for warning in served.warnings:
                self.get_logger().warning(warning)
            self.get_logger().info(f"Console at {served.url}")

    def destroy_node(self) -> None:
        """Close the server, and end all threads, within `STOP_TIMEOUT_S` together."""
        deadline = time.monotonic() + STOP_TIMEOUT_S
        try:
            self.asyncio_thread.submit(self._server.stop()).result(SERVER_STOP_TIMEOUT_S)
        except FutureTimeoutError:
            self.get_logger().warning(f"The web server did not stop within {SERVER_STOP_TIMEOUT_S:g} s")
        self.asyncio_thread.stop(max(deadline - time.monotonic(), 0.0))
        self._picture_thread.stop(max(deadline - time.monotonic(), 0.0))
        self.calls.destroy()
        super().destroy_node()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the console as a process."""
    return run_node(ConsoleNode, arguments)
