"""Goals of the action `run_simulation` of other nodes, sent from the asyncio thread."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from rclpy.action import ActionClient

from odyssey_ros.action import RunSimulation
from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.action.client import ClientGoalHandle
    from rclpy.node import Node

    from odyssey_ros.console.graph.service_calls import ServiceCalls
    from odyssey_ros.msg import SimulationJobDetail

READY_TIMEOUT_S: Final = 5.0
"""For the discovery of an action that the graph already lists."""

ACCEPT_TIMEOUT_S: Final = 30.0
"""The bridge accepts a goal at once; a goal with 64 MiB of images takes a while to arrive."""

CANCEL_TIMEOUT_S: Final = 5.0

_POLL_S: Final = 0.05


class SimulationGoal:
    """A goal that was accepted. For the asyncio thread.

    A goal does not need its client: when the console ends, the node continues the job.

    Args:
        handle: The goal; for the executor's thread.
        calls: Runs functions on the executor's thread.
        result: The result, which never comes if the process of the node ends first.
    """

    def __init__(
        self, handle: ClientGoalHandle, calls: ServiceCalls, result: asyncio.Future[RunSimulation.Result]
    ) -> None:
        self.result = result
        self._handle = handle
        self._calls = calls

    async def cancel(self) -> bool:
        """Ask the node to cancel the goal; the result tells whether the job was cancelled.

        Returns:
            False if the node does not know the goal any more, or does not answer.
        """
        loop = asyncio.get_running_loop()
        pending = await self._calls.on_executor(self._handle.cancel_goal_async)
        try:
            response = await asyncio.wait_for(
                await self._calls.on_executor(lambda: _result_of(loop, pending)), CANCEL_TIMEOUT_S
            )
        except asyncio.TimeoutError:
            return False
        return bool(response.goals_canceling)


class SimulationGoals:
    """Sends goals. The methods are for the asyncio thread.

    A client is created for the first goal of an action, and kept.

    Args:
        node: The node of the console.
        calls: Runs functions on the executor's thread.
    """

    def __init__(self, node: Node, calls: ServiceCalls) -> None:
        self._node = node
        self._calls = calls
        self._clients: dict[str, ActionClient] = {}

    async def send(
        self, action: str, goal: RunSimulation.Goal, on_job: Callable[[SimulationJobDetail], None]
    ) -> SimulationGoal:
        """Send a goal, and wait until it is accepted.

        Args:
            action: The absolute name of the action.
            goal: The goal.
            on_job: Receives the job when it is submitted, and at every change, on the asyncio thread.

        Raises:
            OdysseyError: `UNREACHABLE`: the action is not there; `TOO_MANY_CALLS`: the goal was rejected;
                `SUBMIT_IN_DOUBT`: the node did not answer.
        """
        loop = asyncio.get_running_loop()
        client = await self._ready_client(action)

        def feedback(message: Any) -> None:
            job = message.feedback.job
            loop.call_soon_threadsafe(lambda: on_job(job))

        pending = await self._calls.on_executor(lambda: client.send_goal_async(goal, feedback))
        try:
            handle = await asyncio.wait_for(
                await self._calls.on_executor(lambda: _result_of(loop, pending)), ACCEPT_TIMEOUT_S
            )
        except asyncio.TimeoutError:
            raise OdysseyError(
                f"The action {action} did not answer within {ACCEPT_TIMEOUT_S:g} s: look at the list of jobs "
                "before you submit the scripts again",
                code=ErrorCode.SUBMIT_IN_DOUBT,
            ) from None
        if not handle.accepted:
            raise OdysseyError(
                "The node rejected the goal, because it keeps the results of too many: wait a few minutes, "
                "and submit the scripts again",
                code=ErrorCode.TOO_MANY_CALLS,
            )
        result = await self._calls.on_executor(lambda: _result_of(loop, handle.get_result_async(), _content))
        return SimulationGoal(handle, self._calls, result)

    async def _ready_client(self, action: str) -> ActionClient:
        client: ActionClient = await self._calls.on_executor(lambda: self._client(action))
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while not await self._calls.on_executor(client.server_is_ready):
            if asyncio.get_running_loop().time() > deadline:
                raise OdysseyError(f"The action {action} is not there", code=ErrorCode.UNREACHABLE)
            await asyncio.sleep(_POLL_S)
        return client

    def _client(self, action: str) -> ActionClient:
        """Return the client of an action. On the executor's thread, so that there is one."""
        client = self._clients.get(action)
        if client is None:
            client = self._clients[action] = ActionClient(self._node, RunSimulation, action)
        return client


def _content(response: Any) -> RunSimulation.Result:
    """Return the result in the response of the action."""
    result: RunSimulation.Result = response.result
    return result


def _result_of(
    loop: asyncio.AbstractEventLoop, pending: Any, value_of: Callable[[Any], Any] = lambda value: value
) -> asyncio.Future[Any]:
    """Return a future of the asyncio thread for one of rclpy. On the executor's thread."""
    result: asyncio.Future[Any] = loop.create_future()

    def complete() -> None:
        if result.done():
            return
        error = pending.exception()
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(value_of(pending.result()))

    pending.add_done_callback(lambda _: loop.call_soon_threadsafe(complete))
    return result
