"""Responses that the middleware refuses at first."""

from __future__ import annotations

import queue
import warnings

import pytest
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.service import Service
from std_srvs.srv import Trigger

from odyssey_ros.bridge.runtime import response_retry
from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
from odyssey_ros.bridge.runtime.response_retry import RETRY_DELAYS_S, RCLError, ResponseRetry, is_accepted
from quiet_node import Quiet

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
        calls.get(timeout=60)()
        assert recipient.attempts == attempts
    with pytest.raises(queue.Empty):  # longer than each of the delays
        calls.get(timeout=0.1)


def test_retries_are_limited(posted):
    calls, retry = posted
    recipient = Recipient(99, warn)
    retry.send(recipient)
    for _ in range(3):
        calls.get(timeout=60)()
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
    monkeypatch.setattr(response_retry, "RETRY_DELAYS_S", (0.01, *RETRY_DELAYS_S))
    server.create_service(Trigger, "~/ask", lambda _, response: Trigger.Response(success=True))
    client = client_node.create_client(Trigger, "/server/ask")
    until(client.service_is_ready)
    future = client.call_async(Trigger.Request())
    until(future.done)
    assert future.result().success
    assert len(attempts) == 3
