"""Goals whose responses the middleware does not take at the first attempt."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from action_msgs.msg import GoalStatus
from odyssey_ros.action import RunSimulation
from rclpy.action import ActionServer
from unique_identifier_msgs.msg import UUID

from odyssey_ros.bridge.calls.patient_action_server import PatientActionServer
from odyssey_ros.bridge.runtime.response_retry import RCLError

GOAL_ID = UUID(uuid=[7] * 16)


class Node:
    """The parts of a node that the server uses; each response goes through `deliver`."""

    def __init__(self):
        self.delivered = []
        self.response_retry = SimpleNamespace(send=self.deliver)
        self.lines = []

    def deliver(self, send):
        self.delivered.append(send)
        send()

    def get_logger(self):
        return SimpleNamespace(debug=self.lines.append)

    def get_clock(self):
        from builtin_interfaces.msg import Time

        return SimpleNamespace(now=lambda: SimpleNamespace(to_msg=lambda: Time(sec=5)))


class Handle:
    """Records what the server sends."""

    def __init__(self):
        self.goal_responses, self.results, self.statuses = [], [], 0

    def send_goal_response(self, header, response):
        self.goal_responses.append((header, response))

    def send_result_response(self, header, result):
        self.results.append((header, result))

    def publish_status(self):
        self.statuses += 1


class Goal:
    def __init__(self, status):
        self.status = status
        self.executed = 0

    def execute(self):
        self.executed += 1


@pytest.fixture
def server(monkeypatch):
    """A server without a graph; `error` is what rclpy raises."""
    one = PatientActionServer.__new__(PatientActionServer)
    one._node, one._handle, one._goal_handles = Node(), Handle(), {}
    one._action_type = RunSimulation
    one.error = None

    async def execute(self, taken_data):
        if self.error is not None:
            raise self.error

    monkeypatch.setattr(ActionServer, "execute", execute)
    monkeypatch.setattr(ActionServer, "__del__", lambda self: None, raising=False)
    return one


def taken_goal():
    return {"goal": ("header", RunSimulation.Impl.SendGoalService.Request(goal_id=GOAL_ID))}


def run(server, taken):
    asyncio.run(server.execute(taken))


def test_a_goal_that_rclpy_accepted_and_forgot_is_executed(server):
    goal = server._goal_handles[bytes(GOAL_ID.uuid)] = Goal(GoalStatus.STATUS_ACCEPTED)
    server.error = RCLError("not taken")
    run(server, taken_goal())
    assert goal.executed == 1
    ((header, response),) = server._handle.goal_responses
    assert (header, response.accepted, response.stamp.sec) == ("header", True, 5)
    assert server._handle.statuses == 1
    assert "A response could not be delivered: not taken" in server._node.lines[0]


def test_a_goal_that_is_executing_is_left_alone(server):
    goal = server._goal_handles[bytes(GOAL_ID.uuid)] = Goal(GoalStatus.STATUS_EXECUTING)
    run(server, taken_goal())
    assert goal.executed == 0
    assert not server._node.delivered


def test_a_goal_that_was_refused_is_left_alone(server):
    run(server, taken_goal())
    assert not server._node.delivered


def test_other_requests_need_no_goal(server):
    server.error = RCLError("not taken")
    run(server, {"cancel": ("header", None)})
    assert len(server._node.lines) == 1


def test_results_are_delivered_with_retries(server):
    future = SimpleNamespace(result=lambda: "result")
    server._send_result_response("header", future)
    assert server._handle.results == [("header", "result")]
    assert len(server._node.delivered) == 1
