"""The action `~/run_simulation`: a job from its submission to its terminal state, with feedback."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rclpy.action import CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import QoSProfile

from odyssey_ros.action import RunSimulation
from odyssey_ros.bridge.calls.call_limit import CallLimit
from odyssey_ros.bridge.calls.patient_action_server import PatientActionServer
from odyssey_ros.bridge.calls.service_requests import SimulationRequest
from odyssey_ros.bridge.calls.services import SERVICE_QOS
from odyssey_ros.bridge.calls.simulation_run import SimulationRun
from odyssey_ros.bridge.conversions import job_message, text_field
from odyssey_ros.client import (
    ErrorCode,
    OdysseyError,
    SimulationJobDetail,
    SimulationJobStatus,
    as_odyssey_error,
)
from odyssey_ros.client.tasks import call_on_loop

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable

    from rclpy.action.server import ServerGoalHandle

    from odyssey_ros.bridge.calls.call_target import CallTarget
    from odyssey_ros.bridge.calls.request_pictures import PictureFiles
    from odyssey_ros.bridge.runtime.managed_node import ManagedNode
    from odyssey_ros.client import Odyssey


MAX_GOALS_KEPT: Final = 1000
"""Goals whose results are kept; rclpy keeps a result for 15 minutes."""


@dataclass(frozen=True, slots=True)
class ActiveGoal:
    """The work for an accepted goal.

    Attributes:
        run: The job.
        result: The job in its terminal state. Cancel it to stop the polling; the job itself continues.
    """

    run: SimulationRun
    result: concurrent.futures.Future[SimulationJobDetail]


class SimulationAction:
    """Serves `~/run_simulation`: several goals at once, each of them one job.

    A goal that is refused is accepted and aborted, because only a result can contain the reason. Create and
    use on the executor's thread.

    Args:
        node: The node that serves.
        target: Returns the target of a call; raises OdysseyError while the node is unconfigured.
        on_failure: Receives the error of a goal, after its result is filled. On the executor's thread.
        pictures: Reads the pictures that goals name.
        poll_period_s: Returns the seconds between two polls of a job.
        max_retries: Returns how many polls in a row may fail with a transient error; None for no limit.
        max_goals: Maximum number of goals under way at once.
        max_prompt_length: Maximum length of a prompt in characters.
    """

    def __init__(
        self,
        node: ManagedNode,
        target: Callable[[], CallTarget],
        on_failure: Callable[[Exception], None],
        pictures: PictureFiles,
        *,
        poll_period_s: Callable[[], float],
        max_retries: Callable[[], int | None],
        max_goals: int,
        max_prompt_length: int,
    ) -> None:
        self._node = node
        self._target = target
        self._on_failure = on_failure
        self._pictures = pictures
        self._poll_period_s = poll_period_s
        self._max_retries = max_retries
        self._max_prompt_length = max_prompt_length
        self._limit = CallLimit(max_goals, "goals of ~/run_simulation", "max_simulations")
        self._goals: dict[bytes, ActiveGoal] = {}
        self._server = PatientActionServer(
            node,
            RunSimulation,
            "~/run_simulation",
            self._execute,
            callback_group=ReentrantCallbackGroup(),
            goal_callback=self._goal_requested,
            cancel_callback=self._cancel_requested,
            goal_service_qos_profile=SERVICE_QOS,
            result_service_qos_profile=SERVICE_QOS,
            cancel_service_qos_profile=SERVICE_QOS,
            feedback_pub_qos_profile=QoSProfile(depth=100),
        )

    def release(self) -> None:
        """Stop polling. The goals are aborted; the jobs continue."""
        for active in self._goals.values():
            active.result.cancel()

    def destroy(self) -> None:
        """Stop polling and serving."""
        self.release()
        self._server.destroy()

    async def _execute(self, goal: ServerGoalHandle) -> RunSimulation.Result:
        try:
            with self._limit.entered():
                client = self._target().account()
                active = self._start(goal, client, self._parse(goal.request))
                return await self._result(goal, active)
        except OdysseyError as refusal:
            return self._finish(goal, None, refusal)
        finally:
            _empty(goal.request)

    def _parse(self, goal: RunSimulation.Goal) -> SimulationRequest:
        """Parse a goal, and let go of its images, which nothing needs after the submission."""
        request = SimulationRequest.parse(goal, self._max_prompt_length)
        _empty(goal)
        return request

    async def _result(self, goal: ServerGoalHandle, active: ActiveGoal) -> RunSimulation.Result:
        goal_id = bytes(goal.goal_id.uuid)
        self._goals[goal_id] = active
        error: Exception | None = None
        try:
            await self._node.calls.awaitable(active.result)
        except CancelledError:
            error = OdysseyError("the node was unconfigured: the job continues", code=ErrorCode.UNCONFIGURED)
        except Exception as failure:  # noqa: BLE001 -- the result reports it
            error = failure
        finally:
            del self._goals[goal_id]
        return self._finish(goal, active.run.job, error)

    def _start(self, goal: ServerGoalHandle, client: Odyssey, request: SimulationRequest) -> ActiveGoal:
        calls, logger = self._node.calls, self._node.get_logger()

        def job_changed(job: SimulationJobDetail) -> None:
            calls.post(lambda: goal.publish_feedback(feedback(job)))

        def poll_failed(error: OdysseyError, delay_s: float) -> None:
            text = f"Cannot poll the simulation job: {error}; trying again in {delay_s:.1f} s"
            calls.post(lambda: logger.warning(text, throttle_duration_sec=10.0))

        run = SimulationRun(
            client,
            job_changed,
            poll_failed,
            poll_period_s=self._poll_period_s,
            max_retries=self._max_retries(),
        )
        following = run.follow(lambda: request.submit(client, self._pictures.reader()))
        return ActiveGoal(run, self._node.asyncio_thread.submit(following))

    def _goal_requested(self, _goal: RunSimulation.Goal) -> GoalResponse:
        if self._server.goals_kept < MAX_GOALS_KEPT:
            return GoalResponse.ACCEPT
        self._node.get_logger().warning(
            f"Rejected a goal of ~/run_simulation: the results of {MAX_GOALS_KEPT} goals are kept for their "
            "clients. Send goals more slowly",
            throttle_duration_sec=10.0,
        )
        return GoalResponse.REJECT

    def _cancel_requested(self, goal: ServerGoalHandle) -> CancelResponse:
        # Always accepted: the result reports whether the job could still be cancelled. (When several goals
        # are cancelled at once and one of them is rejected, rclpy 7.1 skips others.)
        active = self._goals.get(bytes(goal.goal_id.uuid))
        if active is not None:
            call_on_loop(self._node.asyncio_thread.loop, active.run.cancel)
        return CancelResponse.ACCEPT

    def _finish(
        self, goal: ServerGoalHandle, job: SimulationJobDetail | None, error: Exception | None
    ) -> RunSimulation.Result:
        """Bring a goal to its terminal state and return its result."""
        result = RunSimulation.Result()
        if job is not None:
            result.job = job_message(job)
            error = error or error_of_job(job)
        if error is not None:
            result.error_code = text_field(as_odyssey_error(error).code)
            result.message = text_field(as_odyssey_error(error).advice)
            self._on_failure(error)
        result.success = error is None
        if result.success:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return result


def _empty(goal: RunSimulation.Goal) -> None:
    """Remove the scripts of a goal, which rclpy keeps until its result expires."""
    goal.script, goal.scripts = [], []


def feedback(job: SimulationJobDetail) -> RunSimulation.Feedback:
    """Return a job as feedback, without URLs: feedback is a topic, and the URLs are secrets."""
    return RunSimulation.Feedback(job=job_message(job, with_urls=False))


def error_of_job(job: SimulationJobDetail) -> OdysseyError | None:
    """Return the error of a terminal job that is not completed; None for a completed job."""
    if job.status is SimulationJobStatus.COMPLETED:
        return None
    if job.status is SimulationJobStatus.CANCELLED:
        return OdysseyError("the job was cancelled", code=ErrorCode.JOB_CANCELLED)
    return OdysseyError(job.error_message or "the job failed", code=ErrorCode.JOB_FAILED)
