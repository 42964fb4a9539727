"""Responses that the middleware refuses at first."""

from __future__ import annotations

import queue
import warnings

import pytest
from action_msgs.msg import GoalStatus
from odyssey_ros.action import RunSimulation
from rclpy.action import ActionClient
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.service import Service
from std_srvs.srv import Trigger

from odyssey_ros.bridge.bridge_node import BridgeNode
from odyssey_ros.bridge.runtime import response_retry
from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
from odyssey_ros.bridge.runtime.managed_node import ManagedNode
from odyssey_ros.bridge.runtime.response_retry import RCLError, ResponseRetry, is_accepted

NOT_FOUND = "failed to send response (timeout): client will not receive response, at service.c:400"


class Recipient:
    """Accepts a response after some attempts; refuses as rclpy does for services, or for actions."""

    def __init__(self, refusals, refuse):
        self.attempts = 0
        self._refusals = refusals
        self._refuse = refuse

    def __call__(self, *_):
        self.attempts += 1
        if self.attempts <= self._refusals:
            self._refuse()


def warn():
    warnings.warn(NOT_FOUND, RuntimeWarning, stacklevel=1)


def fail():
    raise RCLError("Failed to send goal response")


@pytest.fixture
def posted():
    """Calls that wait for the executor's thread, and the retry that posts them."""
    calls = queue.SimpleQueue()

    class Calls:
        post = staticmethod(calls.put)

    thread = AsyncioThread("test")
    yield calls, ResponseRetry(Calls(), thread)
    assert thread.stop(5)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(response_retry, "RETRY_DELAYS_S", (0.01, 0.02, 0.03))


@pytest.mark.parametrize("refuse", [warn, fail])
def test_a_response_is_sent_until_it_is_accepted(posted, refuse):
    calls, retry = posted
    recipient = Recipient(2, refuse)
    retry.send(recipient)
    assert recipient.attempts == 1
    for attempts in (2, 3):
        calls.get(timeout=10)()
        assert recipient.attempts == attempts
    with pytest.raises(queue.Empty):  # longer than each of the delays
        calls.get(timeout=0.1)


def test_retries_are_limited(posted):
    calls, retry = posted
    recipient = Recipient(99, warn)
    retry.send(recipient)
    for _ in range(3):
        calls.get(timeout=10)()
    assert recipient.attempts == 4
    with pytest.raises(queue.Empty):  # longer than each of the delays
        calls.get(timeout=0.1)


def test_a_destroyed_service_is_not_retried():
    def destroyed():
        raise InvalidHandle("the service is gone")

    assert is_accepted(destroyed)


def test_other_errors_are_raised():
    def broken():
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")

    with pytest.raises(UnicodeEncodeError):
        is_accepted(broken)


def test_other_warnings_are_passed_on():
    with pytest.warns(UserWarning, match="something else"):
        assert is_accepted(lambda: warnings.warn("something else", UserWarning, stacklevel=1))


# -- with the real middleware; only its refusals are simulated -----------------------------------------------


class Quiet(ManagedNode):
    def configure(self):
        pass

    release = activate = deactivate = configure


@pytest.fixture
def graph(local_graph):
    return local_graph.context, local_graph.add, local_graph.until


def test_a_response_of_a_service_arrives(graph, monkeypatch):
    context, add, until = graph
    server, client_node = add(Quiet("server", context=context)), add(Node("client", context=context))
    attempts, send_response = [], Service.send_response

    def refused_twice(service, response, header):
        if service.srv_type is Trigger:
            attempts.append(header)
            if len(attempts) <= 2:
                warn()
                return
        send_response(service, response, header)

    monkeypatch.setattr(Service, "send_response", refused_twice)
    server.create_service(Trigger, "~/ask", lambda _, response: Trigger.Response(success=True))
    client = client_node.create_client(Trigger, "/server/ask")
    until(client.service_is_ready)
    future = client.call_async(Trigger.Request())
    until(future.done)
    assert future.result().success
    assert len(attempts) == 3


def test_a_goal_whose_response_was_refused_is_executed(graph, monkeypatch):
    context, add, until = graph
    monkeypatch.delenv("ODYSSEY_API_KEY", raising=False)
    bridge = add(BridgeNode(context=context, parameter_overrides=[]))
    client_node = add(Node("client", context=context))
    server = bridge._simulations._server
    real, refusals = server._handle, []

    class Handle:
        """The server's handle, whose first response to a goal is refused."""

        def __getattr__(self, name):
            return getattr(real, name)

        def __enter__(self):
            return real.__enter__()

        def __exit__(self, *error):
            return real.__exit__(*error)

        def send_goal_response(self, *arguments):
            refusals.append(arguments)
            if len(refusals) == 1:
                fail()
            real.send_goal_response(*arguments)

    execute = server._execute_goal_request

    async def with_refusal(data):
        # The goal's own handle is made from the real one.
        from rclpy.action import server as rclpy_server

        make = rclpy_server.ServerGoalHandle

        def made(_, *arguments):
            server._handle = real
            handle = make(server, *arguments)
            server._handle = Handle()
            return handle

        monkeypatch.setattr(rclpy_server, "ServerGoalHandle", made)
        server._handle = Handle()
        try:
            await execute(data)
        finally:
            server._handle = real
            monkeypatch.setattr(rclpy_server, "ServerGoalHandle", make)

    monkeypatch.setattr(server, "_execute_goal_request", with_refusal)
    client = ActionClient(client_node, RunSimulation, "/odyssey/run_simulation")
    until(client.server_is_ready)
    sent = client.send_goal_async(RunSimulation.Goal())
    until(sent.done)
    assert sent.result().accepted
    ended = sent.result().get_result_async()
    until(ended.done)
    assert ended.result().status == GoalStatus.STATUS_ABORTED
    assert ended.result().result.error_code == "UNCONFIGURED"
    assert len(refusals) == 1
    client.destroy()
