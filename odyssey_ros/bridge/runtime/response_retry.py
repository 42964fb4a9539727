"""Sends responses again when the middleware has not discovered the client's reader yet."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from rclpy.exceptions import InvalidHandle
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.service import Service

from odyssey_ros.client.tasks import call_on_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

RCLError = rclpy_implementation.RCLError  # rclpy gives it no other name
# A client is found late when messages of discovery are lost: the middleware repeats them after seconds.
RETRY_DELAYS_S = (0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)


class ResponseRetry:
    """Retries responses that the middleware could not send.

    A client that has discovered the service may call before the service has discovered the client's reader
    of responses (ros2/rmw_fastrtps #842). The middleware then waits for 0.1 s and drops the response, and the
    client waits forever. Sending the response again later delivers it. A response to a client that no longer
    exists is dropped after the last retry. For the executor's thread, which one attempt may block for 0.1 s.

    Args:
        calls: Runs the retries on the executor's thread.
        thread: Waits between the retries.
    """

    def __init__(self, calls: ExecutorCalls, thread: AsyncioThread) -> None:
        self._calls = calls
        self._thread = thread

    def send(self, send: Callable[[], object], attempt: int = 0) -> None:
        """Call `send` until the middleware accepts the response or the retries are used up."""
        if is_accepted(send) or attempt == len(RETRY_DELAYS_S):
            return
        loop = self._thread.loop
        call_on_loop(
            loop,
            loop.call_later,
            RETRY_DELAYS_S[attempt],
            lambda: self._calls.post(lambda: self.send(send, attempt + 1)),
        )


class RetryingService(Service):
    """A service whose responses are retried. It shares the handle of a service that rclpy has created.

    Args:
        service: The service.
        callback: Handles its requests.
        retry: Sends its responses.
    """

    def __init__(self, service: Service, callback: Callable[..., Any], retry: ResponseRetry) -> None:
        super().__init__(
            service.handle,
            service.srv_type,
            service.srv_name,
            callback,
            service.callback_group,
            service.qos_profile,
        )
        service.callback_group.add_entity(self)
        self._retry = retry

    def send_response(self, response: Any, header: Any) -> None:
        """Send a response, now or later."""
        send = super().send_response
        self._retry.send(lambda: send(response, header))


def is_accepted(send: Callable[[], object]) -> bool:
    """Call `send` and return whether the middleware accepted the response or the service is destroyed.

    rclpy raises an error for a response of an action and warns for one of a service.
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
