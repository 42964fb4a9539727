"""The action ``~/run_simulation``: a job from its submission to its end, with feedback."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import QoSProfile

from odyssey_ros.action import RunSimulation
from odyssey_ros.bridge.calls.service_requests import SimulationRequest
from odyssey_ros.bridge.calls.services import SERVICE_QOS
from odyssey_ros.bridge.calls.simulation_run import SimulationRun
from odyssey_ros.bridge.conversions import job_message, text_field
from odyssey_ros.bridge.runtime.response_retry import RCLError
from odyssey_ros.client import (
    ErrorCode,
    OdysseyError,
    SimulationJobDetail,
    SimulationJobStatus,
    as_odyssey_error,
)

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable

    from rclpy.action.server import ServerGoalHandle

    from odyssey_ros.bridge.calls.services import CallHost, CallTarget
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode


@dataclass(slots=True)
class ActiveGoal:
    """What is done for a goal."""

    run: SimulationRun
    result: concurrent.futures.Future[SimulationJobDetail]


class SimulationAction:
    """Serves ``~/run_simulation``: any number of goals at once, each one job.

    Every goal is accepted, since only a result can say why one cannot be met. Create and use it on the
    executor's thread.

    Args:
        node: The node.
        host: Tells what calls work on.
        poll_period_s: Returns the seconds between two looks at a job.
        max_retries: Returns how often in a row a look may fail for a reason that may pass; None for ever.
    """

    def __init__(
        self,
        node: ManagedNode,
        host: CallHost,
        *,
        poll_period_s: Callable[[], float],
        max_retries: Callable[[], int | None],
    ) -> None:
        self._node = node
        self._host = host
        self._poll_period_s = poll_period_s
        self._max_retries = max_retries
        self._goals: dict[bytes, ActiveGoal] = {}
        self._server = PatientActionServer(
            node,
            RunSimulation,
            "~/run_simulation",
            self._execute,
            callback_group=ReentrantCallbackGroup(),
            cancel_callback=self._cancel_requested,
            goal_service_qos_profile=SERVICE_QOS,
            result_service_qos_profile=SERVICE_QOS,
            cancel_service_qos_profile=SERVICE_QOS,
            feedback_pub_qos_profile=QoSProfile(depth=100),
        )

    def release(self) -> None:
        """Follow no job any longer; the goals are aborted, the jobs go on."""
        for pursuit in self._goals.values():
            pursuit.result.cancel()

    def destroy(self) -> None:
        """Serve no more."""
        self.release()
        self._server.destroy()

    async def _execute(self, goal: ServerGoalHandle) -> RunSimulation.Result:
        try:
            target = self._host.call_target()
            target.require_key()
            request = SimulationRequest.parse(goal.request)
        except OdysseyError as refusal:
            return self._end(goal, None, refusal)
        pursuit = self._begin(goal, target, request)
        self._goals[bytes(goal.goal_id.uuid)] = pursuit
        error: Exception | None = None
        try:
            await self._node.calls.awaitable(pursuit.result)
        except CancelledError:
            error = OdysseyError("the node was unconfigured: the job goes on", code=ErrorCode.UNCONFIGURED)
        except Exception as failure:  # noqa: BLE001 -- the result tells it
            error = failure
        finally:
            del self._goals[bytes(goal.goal_id.uuid)]
        return self._end(goal, pursuit.run.job, error)

    def _begin(self, goal: ServerGoalHandle, target: CallTarget, request: SimulationRequest) -> ActiveGoal:
        calls, logger = self._node.calls, self._node.get_logger()

        def changed(job: SimulationJobDetail) -> None:
            calls.post(lambda: goal.publish_feedback(feedback(job)))

        def retrying(error: OdysseyError, delay_s: float) -> None:
            text = f"Cannot see to a simulation job now: {error}; trying again in {delay_s:.1f} s"
            calls.post(lambda: logger.warning(text, throttle_duration_sec=10.0))

        run = SimulationRun(
            target.client,
            changed,
            retrying,
            poll_period_s=self._poll_period_s,
            max_retries=self._max_retries(),
        )
        following = run.follow(lambda: request.submit(target.client))
        return ActiveGoal(run, self._node.asyncio_thread.submit(following))

    def _cancel_requested(self, goal: ServerGoalHandle) -> CancelResponse:
        # Always accepted: the result tells whether the job could still be cancelled. (rclpy 7.1 overlooks
        # goals when it rejects one of several that are cancelled at once.)
        pursuit = self._goals.get(bytes(goal.goal_id.uuid))
        if pursuit is not None:
            self._node.asyncio_thread.loop.call_soon_threadsafe(pursuit.run.cancel)
        return CancelResponse.ACCEPT

    def _end(
        self, goal: ServerGoalHandle, job: SimulationJobDetail | None, error: Exception | None
    ) -> RunSimulation.Result:
        result = RunSimulation.Result()
        if job is not None:
            result.job = job_message(job)
            error = error or shortcoming(job)
        if error is not None:
            result.error_code = text_field(as_odyssey_error(error).code)
            result.message = text_field(as_odyssey_error(error).advice)
            self._host.call_failed(error)
        result.success = error is None
        if result.success:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return result


class PatientActionServer(ActionServer):
    """An action server whose answers reach clients that have just appeared; see `ResponseRetry`.

    rclpy forgets a goal that it accepted when the answer is not taken at once.
    """

    async def execute(self, taken_data: Any) -> None:
        """Do what requests ask for; an answer that cannot be delivered does not bring down the process."""
        try:
            await super().execute(taken_data)
        except RCLError as error:
            self._node.get_logger().debug(f"An answer could not be delivered: {error}")
        if "goal" in taken_data:
            header, request = taken_data["goal"]
            goal = self._goal_handles.get(bytes(request.goal_id.uuid))
            if goal is not None and goal.status == GoalStatus.STATUS_ACCEPTED:
                self._begin_forgotten(goal, header)

    def _begin_forgotten(self, goal: ServerGoalHandle, header: Any) -> None:
        answer = self._action_type.Impl.SendGoalService.Response(accepted=True)
        answer.stamp = self._node.get_clock().now().to_msg()
        self._node.deliveries.deliver(lambda: self._handle.send_goal_response(header, answer))
        self._handle.publish_status()
        goal.execute()

    def _send_result_response(self, request_header: Any, future: Any) -> None:
        self._node.deliveries.deliver(
            lambda: self._handle.send_result_response(request_header, future.result())
        )


def feedback(job: SimulationJobDetail) -> RunSimulation.Feedback:
    """Return a job as feedback: a topic, hence without addresses."""
    return RunSimulation.Feedback(job=job_message(job, with_urls=False))


def shortcoming(job: SimulationJobDetail) -> OdysseyError | None:
    """Return why a job that is over is no success; None when it is one."""
    if job.status is SimulationJobStatus.COMPLETED:
        return None
    if job.status is SimulationJobStatus.CANCELLED:
        return OdysseyError("the job was cancelled", code=ErrorCode.JOB_CANCELLED)
    return OdysseyError(job.error_message or "the job failed", code=ErrorCode.JOB_FAILED)
