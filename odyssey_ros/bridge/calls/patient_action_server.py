"""An action server that sends a response again when the middleware does not deliver it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from action_msgs.msg import GoalInfo
from rclpy.action import ActionServer, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.executors import await_or_execute
from rclpy.task import Future

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from odyssey_ros.bridge.runtime.response_retry import ResponseRetry

# Methods of rclpy that are called with a view of the server.
_CANCEL: Callable[..., Awaitable[None]] = ActionServer._execute_cancel_request  # noqa: SLF001
_GET_RESULT: Callable[..., Awaitable[None]] = ActionServer._execute_get_result_request  # noqa: SLF001
_SEND_RESULT: Callable[..., None] = ActionServer._send_result_response  # noqa: SLF001


class PatientActionServer(ActionServer):
    """An action server whose responses reach clients that appeared a moment ago; see `ResponseRetry`.

    rclpy sends each response once. When the middleware does not take it, the client waits forever, and some
    versions of rclpy also forget the accepted goal.
    """

    @property
    def goals_kept(self) -> int:
        """The number of goals that are under way or whose results have not expired."""
        return len(self._goal_handles)

    async def _execute_goal_request(self, request_header_and_message: tuple[Any, Any]) -> None:
        """Answer the request for a goal, and start the goal if it is accepted."""
        header, request = request_header_and_message
        info = GoalInfo(goal_id=request.goal_id)
        goal = await self._accepted(info, request.goal)
        response = self._action_type.Impl.SendGoalService.Response(
            accepted=goal is not None, stamp=info.stamp
        )
        self._node.response_retry.send(lambda: self._handle.send_goal_response(header, response))
        if goal is not None:
            self._handle.publish_status()
            await await_or_execute(self._handle_accepted_callback, goal)

    async def _accepted(self, info: GoalInfo, request: Any) -> ServerGoalHandle | None:
        """Return the goal of a request, with the time of its acceptance in `info`; None if it is refused."""
        with self._lock:
            if self._handle.goal_exists(info):
                return None
        if await await_or_execute(self._goal_callback, request) != GoalResponse.ACCEPT:
            return None
        info.stamp = self._node.get_clock().now().to_msg()
        try:
            with self._lock:
                goal = ServerGoalHandle(self, info, request)
        except RuntimeError as error:
            self._node.get_logger().error(f"A goal cannot be accepted: {error}")
            return None
        goal_id = bytes(info.goal_id.uuid)
        self._goal_handles[goal_id] = goal
        self._result_futures[goal_id] = Future()
        self.add_future(self._result_futures[goal_id])
        return goal

    async def _execute_cancel_request(self, request_header_and_message: tuple[Any, Any]) -> None:
        await _CANCEL(self._with_retries(), request_header_and_message)

    async def _execute_get_result_request(self, request_header_and_message: tuple[Any, Any]) -> None:
        await _GET_RESULT(self._with_retries(), request_header_and_message)

    def _send_result_response(self, request_header: Any, future: Any) -> None:
        _SEND_RESULT(self._with_retries(), request_header, future)

    def _with_retries(self) -> _View:
        return _View(self, _RetryingHandle(self._handle, self._node.response_retry))


class _View:
    """A server for one method of rclpy: all is the server's own but the handle."""

    def __init__(self, server: PatientActionServer, handle: _RetryingHandle) -> None:
        self._server = server
        self._handle = handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)


class _RetryingHandle:
    """The handle of an action server, whose responses are retried."""

    def __init__(self, handle: Any, retry: ResponseRetry) -> None:
        self._handle = handle
        self._retry = retry

    def __getattr__(self, name: str) -> Any:
        member: Callable[..., Any] = getattr(self._handle, name)
        if name in ("send_cancel_response", "send_result_response"):
            return lambda *arguments: self._retry.send(lambda: member(*arguments))
        return member
