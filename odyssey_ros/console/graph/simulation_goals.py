"""Goals of the action `run_simulation` of other nodes, sent from the asyncio thread."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from rclpy.action import ActionClient

from odyssey_ros.action import RunSimulation
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.tasks import call_on_loop
from odyssey_ros.console.graph.executor_results import on_executor, pass_on
from odyssey_ros.console.graph.kept_clients import KeptClients
from odyssey_ros.console.graph.ready_clients import ReadyClients

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import TypeAlias

    from rclpy.action.client import ClientGoalHandle
    from rclpy.node import Node
    from rclpy.task import Future

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
    from odyssey_ros.msg import SimulationJobDetail

    OnJob: TypeAlias = Callable[["SimulationGoal", SimulationJobDetail], None]

ACCEPT_TIMEOUT_S: Final = 30.0
"""The bridge accepts a goal at once; a goal with 64 MiB of images takes a while to arrive."""

CANCEL_TIMEOUT_S: Final = 5.0


class SimulationGoal:
    """A goal that was accepted. For the asyncio thread.

    A goal does not need its client: when the console ends, the node continues the job.

    Args:
        handle: The goal; for the executor's thread.
        executor: Runs calls on the thread that spins the node.

    Attributes:
        result: The result; `OdysseyError` if nobody waits for it any more, as after the end of the node.
    """

    def __init__(self, handle: ClientGoalHandle, executor: ExecutorCalls) -> None:
        self.result: asyncio.Future[RunSimulation.Result] = asyncio.get_running_loop().create_future()
        self._handle = handle
        self._executor = executor

    async def cancel(self) -> bool:
        """Ask the node to cancel the goal; the result tells whether the job was cancelled.

        Returns:
            False if the goal has ended, the node does not know it any more, or does not answer.
        """
        if self.result.done():
            return False
        response: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        request = _Request(self._handle.cancel_goal_async, response)
        try:
            await on_executor(self._executor, request.send)
            # The result may come first: at the end of the job, or of the node.
            await asyncio.wait(
                {response, self.result}, timeout=CANCEL_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
            )
            if response.done():
                return bool(response.result().goals_canceling)
            return self.result.done() and self.result.exception() is None
        finally:
            self._executor.post(request.drop)

    def give_up(self) -> None:
        """Wait for the result no longer. Idempotent."""
        if not self.result.done():
            self.result.set_exception(
                OdysseyError("The result of the goal is not known", code=ErrorCode.UNREACHABLE)
            )
        if not self.result.cancelled():
            self.result.exception()  # retrieved: nobody has to wait for it


class SimulationGoals:
    """Sends goals. The methods are for the asyncio thread.

    Args:
        node: The node of the console.
        executor: Runs calls on the thread that spins the node.
    """

    def __init__(self, node: Node, executor: ExecutorCalls) -> None:
        self._executor = executor
        clients: KeptClients[str, ActionClient] = KeptClients(
            lambda action: ActionClient(node, RunSimulation, action), lambda client: client.destroy()
        )
        self._clients = ReadyClients(executor, clients, lambda client: client.server_is_ready())

    @asynccontextmanager
    async def sent(
        self, action: str, goal: RunSimulation.Goal, on_job: OnJob
    ) -> AsyncIterator[SimulationGoal]:
        """Send a goal, and wait until it is accepted.

        The content of the goal is not kept afterwards. Answers are ignored after the `async with` block.

        Args:
            action: The absolute name of the action.
            goal: The goal.
            on_job: Receives the goal and its job when it is submitted, and after changes, on the asyncio
                thread.

        Raises:
            OdysseyError: `UNREACHABLE`: the action is not there; `TOO_MANY_CALLS`: the goal was rejected;
                `SUBMIT_IN_DOUBT`: the node did not answer.
        """
        feedback = _Feedback(on_job)
        async with self._clients.use(action, f"action {action}") as client:
            handle = await self._accepted(client, action, goal, feedback)
            del goal  # up to 64 MiB, which the block does not need
            accepted = SimulationGoal(handle, self._executor)
            request = _Request(handle.get_result_async, accepted.result, lambda response: response.result)
            try:
                await on_executor(self._executor, request.send)
                feedback.begin(accepted)
                yield accepted
            finally:
                feedback.end()
                self._executor.post(request.drop)
                accepted.give_up()

    async def _accepted(
        self, client: ActionClient, action: str, goal: RunSimulation.Goal, feedback: _Feedback
    ) -> ClientGoalHandle:
        answer: asyncio.Future[ClientGoalHandle] = asyncio.get_running_loop().create_future()
        request = _Request(lambda: client.send_goal_async(goal, feedback.came), answer)
        try:
            await on_executor(self._executor, request.send)
            await asyncio.wait({answer}, timeout=ACCEPT_TIMEOUT_S)
        finally:
            self._executor.post(request.drop)
        if not answer.done():
            raise OdysseyError(
                f"The action {action} did not answer within {ACCEPT_TIMEOUT_S:g} s: look at the list of jobs "
                "before you submit the scripts again",
                code=ErrorCode.SUBMIT_IN_DOUBT,
            )
        if not answer.result().accepted:
            raise OdysseyError(
                "The node rejected the goal, because it keeps the results of too many: wait a few minutes, "
                "and submit the scripts again",
                code=ErrorCode.TOO_MANY_CALLS,
            )
        return answer.result()


class _Request:
    """A request to an action server. The methods are for the executor's thread.

    Args:
        send: Sends the request; returns the future of rclpy for the answer.
        answer: A future of the asyncio thread for the answer.
        value_of: Returns the value for it.
    """

    def __init__(
        self,
        send: Callable[[], Future],
        answer: asyncio.Future[Any],
        value_of: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        self._send = send
        self._answer = answer
        self._value_of = value_of
        self._pending: Future | None = None

    def send(self) -> None:
        """Send the request."""
        self._pending = self._send()
        pass_on(self._pending, self._answer, self._value_of)

    def drop(self) -> None:
        """Ignore an answer that comes from now on, so that the client forgets the request."""
        if self._pending is not None and not self._pending.done():
            self._pending.cancel()


class _Feedback:
    """Passes the newest state of a job to the asyncio thread; of several that wait, only the newest."""

    def __init__(self, on_job: OnJob) -> None:
        self._on_job = on_job
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._newest: SimulationJobDetail | None = None
        self._goal: SimulationGoal | None = None

    def came(self, message: Any) -> None:
        """Take feedback. On the executor's thread."""
        with self._lock:
            nothing_waits = self._newest is None
            self._newest = message.feedback.job
        if nothing_waits:
            call_on_loop(self._loop, self._deliver)

    def begin(self, goal: SimulationGoal) -> None:
        """Deliver from now on, because the goal is known. On the asyncio thread."""
        self._goal = goal
        self._deliver()

    def end(self) -> None:
        """Deliver nothing any more. On the asyncio thread."""
        self._goal = None

    def _deliver(self) -> None:
        if self._goal is None:
            return
        with self._lock:
            job, self._newest = self._newest, None
        if job is not None:
            self._on_job(self._goal, job)
