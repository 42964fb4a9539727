"""Each response of an action whose first attempt the middleware refuses arrives in the end."""

from __future__ import annotations

import pytest
from action_msgs.msg import GoalStatus
from odyssey_ros.action import RunSimulation
from rclpy.action import ActionClient, CancelResponse, GoalResponse
from rclpy.node import Node
from rclpy.task import Future

from odyssey_ros.bridge.calls import patient_action_server
from odyssey_ros.bridge.calls.patient_action_server import PatientActionServer
from odyssey_ros.bridge.runtime import response_retry
from odyssey_ros.bridge.runtime.response_retry import RETRY_DELAYS_S, RCLError
from quiet_node import Quiet


class Job:
    """Executes goals: at once, or until they are cancelled."""

    def __init__(self):
        self.goals, self.decision = [], GoalResponse.ACCEPT
        self.cancelled = None  # a future, if goals last until they are cancelled

    def requested(self, _goal):
        return self.decision

    def cancel(self, _goal):
        self.cancelled.set_result(None)
        return CancelResponse.ACCEPT

    async def execute(self, goal):
        self.goals.append(goal)
        if self.cancelled is None:
            goal.succeed()
        else:
            await self.cancelled
            goal.canceled()
        return RunSimulation.Result(message="done")


@pytest.fixture
def refused(monkeypatch):
    """The first attempts to send that were refused."""
    first, is_accepted = [], response_retry.is_accepted

    def refuse_first(send):
        if send in first:
            return is_accepted(send)
        first.append(send)
        return False

    monkeypatch.setattr(response_retry, "is_accepted", refuse_first)
    monkeypatch.setattr(response_retry, "RETRY_DELAYS_S", (0.01, *RETRY_DELAYS_S))
    return first


@pytest.fixture
def graph(local_graph):
    """A job, its server, its client, and `until`."""
    node = local_graph.add(Quiet("server", context=local_graph.context))
    client_node = local_graph.add(Node("client", context=local_graph.context))
    job = Job()
    server = PatientActionServer(
        node,
        RunSimulation,
        "~/run_simulation",
        job.execute,
        goal_callback=job.requested,
        cancel_callback=job.cancel,
    )
    client = ActionClient(client_node, RunSimulation, "/server/run_simulation")
    local_graph.until(client.server_is_ready)
    yield job, server, client, local_graph.until
    client.destroy()
    server.destroy()


def ended(until, future):
    until(future.done)
    return future.result()


def test_a_goal_and_its_result(graph, refused):
    job, server, client, until = graph
    goal = ended(until, client.send_goal_async(RunSimulation.Goal()))
    assert goal.accepted
    assert goal.stamp.sec > 0
    answer = ended(until, goal.get_result_async())
    assert (answer.status, answer.result.message) == (GoalStatus.STATUS_SUCCEEDED, "done")
    assert len(job.goals) == 1
    assert server.goals_kept == 1
    assert len(refused) == 2


def test_the_cancellation_of_a_goal(graph, refused):
    job, _, client, until = graph
    job.cancelled = Future()
    goal = ended(until, client.send_goal_async(RunSimulation.Goal()))
    until(lambda: job.goals)
    answer = ended(until, goal.cancel_goal_async())
    assert [bytes(one.goal_id.uuid) for one in answer.goals_canceling] == [bytes(goal.goal_id.uuid)]
    assert ended(until, goal.get_result_async()).status == GoalStatus.STATUS_CANCELED
    assert len(refused) == 3


def test_a_rejected_goal(graph, refused):
    job, server, client, until = graph
    job.decision = GoalResponse.REJECT
    goal = ended(until, client.send_goal_async(RunSimulation.Goal()))
    assert not goal.accepted
    assert not job.goals
    assert server.goals_kept == 0
    assert len(refused) == 1


def test_a_goal_that_exists_is_rejected(graph, refused):
    job, server, client, until = graph
    goal = ended(until, client.send_goal_async(RunSimulation.Goal()))
    again = ended(until, client.send_goal_async(RunSimulation.Goal(), goal_uuid=goal.goal_id))
    assert not again.accepted
    assert len(job.goals) == 1
    assert server.goals_kept == 1
    assert len(refused) == 2


def test_a_goal_that_the_middleware_cannot_accept_is_rejected(graph, refused, monkeypatch):
    job, server, client, until = graph

    def fail(*_):
        raise RCLError("no memory")

    monkeypatch.setattr(patient_action_server, "ServerGoalHandle", fail)
    assert not ended(until, client.send_goal_async(RunSimulation.Goal())).accepted
    assert not job.goals
    assert server.goals_kept == 0
    assert len(refused) == 1


def test_the_result_of_an_unknown_goal(graph, refused):
    _, server, client, until = graph
    goal = ended(until, client.send_goal_async(RunSimulation.Goal()))
    server._goal_handles.clear()
    assert ended(until, goal.get_result_async()).status == GoalStatus.STATUS_UNKNOWN
    assert len(refused) == 2
