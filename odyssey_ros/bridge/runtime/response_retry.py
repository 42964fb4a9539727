"""Answers that reach clients which the middleware has not quite found yet."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from rclpy.exceptions import InvalidHandle
from rclpy.impl.implementation_singleton import rclpy_implementation

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.service import Service

    from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

RCLError = rclpy_implementation.RCLError  # rclpy gives it no other name
RETRY_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 3.0)


class ResponseRetry:
    """Sends an answer again when the middleware does not know yet where to.

    A client that has found the service may call before the service has found the client's end for answers
    (ros2/rmw_fastrtps #842). The middleware then waits for a tenth of a second, drops the answer, and the
    client waits for ever. Sending again a little later delivers it. An answer to a client that is gone is
    dropped in the end. For the executor's thread, which a single attempt may hold for that tenth of a second.
    """

    def __init__(self, calls: ExecutorCalls, thread: AsyncioThread) -> None:
        self._calls = calls
        self._thread = thread

    def attach(self, service: Service) -> None:
        """Let a service's answers be delivered so."""
        send = service.send_response
        service.send_response = lambda response, header: self.deliver(  # type: ignore[method-assign]
            lambda: send(response, header)
        )

    def deliver(self, send: Callable[[], None], attempt: int = 0) -> None:
        """Call ``send`` until the middleware takes the answer, or it has been tried often enough."""
        if taken(send) or attempt == len(RETRY_DELAYS_S):
            return
        loop = self._thread.loop
        loop.call_soon_threadsafe(
            loop.call_later,
            RETRY_DELAYS_S[attempt],
            lambda: self._calls.post(lambda: self.deliver(send, attempt + 1)),
        )


def taken(send: Callable[[], Any]) -> bool:
    """Return whether the middleware took an answer, or there is no longer anything to send it with.

    rclpy raises for an action's answers and warns for a service's, without another way to tell.
    """
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            send()
    except InvalidHandle:
        return True
    except RCLError:
        return False
    refusals = [warning for warning in caught if "failed to send response" in str(warning.message)]
    for warning in caught:
        if warning not in refusals:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return not refusals
