"""Calls of services, of real nodes that answer, refuse, hang and leave."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from odyssey_ros.srv import Interact
from std_srvs.srv import Trigger

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph import kept_clients, ready_clients, service_calls
from odyssey_ros.console.graph.service_calls import ServiceCalls
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from foreign_nodes import ForeignNode, ForeignNodes
    from observer import Observer
    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls


@pytest.fixture
def calls(observer: Observer, executor: ExecutorCalls) -> ServiceCalls:
    """Calls services."""
    return ServiceCalls(observer.node, executor)


class HangingServer:
    """A node whose service takes requests and answers once it may."""

    def __init__(self, node: ForeignNode) -> None:
        self.taken = threading.Event()
        self.may_answer = threading.Event()
        self.node = node
        node.serve(Trigger, "/hang", self._answer)
        node.spin()

    def _answer(self, _: Any, response: Any) -> Any:
        self.taken.set()
        self.may_answer.wait(60)
        return response


@pytest.fixture
def hanging(others: ForeignNodes) -> Iterator[HangingServer]:
    """A server that hangs until the test ends."""
    server = HangingServer(others.node("hanging"))
    yield server
    server.may_answer.set()


async def pending(observer: Observer, name: str) -> int:
    """Return the number of requests that clients of a service wait for."""
    clients = [client for client in observer.node.clients if client.service_name == name]
    return sum(len(client._pending_requests) for client in clients)


async def test_returns_responses_and_raises_refusals(calls: ServiceCalls, others: ForeignNodes) -> None:
    """The code and the cleaned message of a refusal are those of the node."""

    def interact(request: Any, response: Any) -> Any:
        response.success = request.prompt == "sea"
        response.applied_prompt = request.prompt
        response.error_code = "NO_STREAM" if request.prompt == "sky" else "NEW_CODE"
        response.message = "no stream\n\x1b[31mhere"
        return response

    node = others.node("answering")
    node.serve(Interact, "/interact", interact)
    node.spin()
    response = await calls.call(Interact, "/interact", Interact.Request(prompt="sea"))
    assert response.applied_prompt == "sea"
    with pytest.raises(OdysseyError, match="no stream here") as raised:
        await calls.call(Interact, "/interact", Interact.Request(prompt="sky"))
    assert raised.value.code is ErrorCode.NO_STREAM
    with pytest.raises(OdysseyError) as raised:
        await calls.call(Interact, "/interact", Interact.Request(prompt="fog"))
    assert raised.value.code is ErrorCode.ODYSSEY_ERROR
    with pytest.raises(TypeError):
        await calls.call(Interact, "/interact", "not a request")


async def test_reports_a_service_that_is_not_there(
    calls: ServiceCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time for discovery."""
    monkeypatch.setattr(ready_clients, "READY_TIMEOUT_S", 0.2)
    with pytest.raises(OdysseyError, match="/nowhere is not there") as raised:
        await calls.call(Trigger, "/nowhere", Trigger.Request())
    assert raised.value.code is ErrorCode.UNREACHABLE


async def test_reports_a_service_that_does_not_respond(
    calls: ServiceCalls, observer: Observer, hanging: HangingServer
) -> None:
    """After the time limit, nothing waits for the response any more."""
    with pytest.raises(OdysseyError, match="did not respond within 0") as raised:
        await calls.call(Trigger, "/hang", Trigger.Request(), timeout_s=0.5)
    assert raised.value.code is ErrorCode.TIMEOUT
    await eventually(lambda: pending_is(observer, 0))
    assert not hanging.may_answer.is_set()


async def pending_is(observer: Observer, number: int, name: str = "/hang") -> bool:
    """Return whether a number of requests to a server are pending."""
    return await pending(observer, name) == number


async def test_forgets_a_call_that_is_cancelled(
    calls: ServiceCalls, observer: Observer, hanging: HangingServer
) -> None:
    """As when a browser closes the connection of its request."""
    call = asyncio.ensure_future(calls.call(Trigger, "/hang", Trigger.Request()))
    await eventually(hanging.taken.is_set)
    assert await pending_is(observer, 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await eventually(lambda: pending_is(observer, 0))
    hanging.may_answer.set()
    response = await calls.call(Trigger, "/hang", Trigger.Request())
    assert not response.success


async def test_reports_a_node_that_leaves_during_the_call(
    calls: ServiceCalls, observer: Observer, others: ForeignNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Soon, not only after the time limit of the call."""
    monkeypatch.setattr(service_calls, "LEFT_POLL_S", 0.1)
    leaving = others.node("leaving")  # it does not spin, so it does not answer
    leaving.serve(Trigger, "/leave")
    call = asyncio.ensure_future(calls.call(Trigger, "/leave", Trigger.Request(), timeout_s=3600))
    await eventually(lambda: pending_is(observer, 1, "/leave"))
    leaving.end()
    with pytest.raises(OdysseyError, match="/leave ended before it responded") as raised:
        await call
    assert raised.value.code is ErrorCode.UNREACHABLE


async def test_destroys_clients_without_calls(
    calls: ServiceCalls, observer: Observer, others: ForeignNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A while after the last call."""
    for module in (kept_clients, ready_clients):
        monkeypatch.setattr(module, "IDLE_S", 0.0)
    node = others.node("once")
    node.serve(Trigger, "/once")
    node.spin()
    await calls.call(Trigger, "/once", Trigger.Request())
    await eventually(lambda: all(client.service_name != "/once" for client in observer.node.clients))
