"""An action server that sends a response again when the middleware does not deliver it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionServer

from odyssey_ros.bridge.runtime.response_retry import RCLError

if TYPE_CHECKING:
    from rclpy.action.server import ServerGoalHandle


class PatientActionServer(ActionServer):
    """An action server whose responses reach clients that appeared a moment ago; see `ResponseRetry`.

    rclpy forgets an accepted goal when the middleware does not take the response at the first attempt. This
    server executes such a goal, and sends its response again.
    """

    @property
    def goals_kept(self) -> int:
        """The number of goals that are under way or whose results have not expired."""
        return len(self._goal_handles)

    async def execute(self, taken_data: dict[str, Any]) -> None:
        """Handle the requests that rclpy took. A response that is not delivered does not end the process."""
        try:
            await super().execute(taken_data)
        except RCLError as error:
            self._node.get_logger().debug(f"A response could not be delivered: {error}")
        if "goal" in taken_data:
            header, request = taken_data["goal"]
            goal = self._goal_handles.get(bytes(request.goal_id.uuid))
            if goal is not None and goal.status == GoalStatus.STATUS_ACCEPTED:
                self._start_forgotten_goal(goal, header)

    def _start_forgotten_goal(self, goal: ServerGoalHandle, header: Any) -> None:
        """Execute a goal that rclpy accepted and then forgot."""
        response = self._action_type.Impl.SendGoalService.Response(accepted=True)
        response.stamp = self._node.get_clock().now().to_msg()
        self._node.response_retry.send(lambda: self._handle.send_goal_response(header, response))
        self._handle.publish_status()
        goal.execute()

    def _send_result_response(self, request_header: Any, future: Any) -> None:
        self._node.response_retry.send(
            lambda: self._handle.send_result_response(request_header, future.result())
        )
