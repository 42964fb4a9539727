"""Clients of services of other nodes, lent to coroutines."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from std_srvs.srv import Trigger

from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.console.graph import kept_clients, ready_clients
from odyssey_ros.console.graph.kept_clients import KeptClients
from odyssey_ros.console.graph.ready_clients import ReadyClients
from waiting import eventually

if TYPE_CHECKING:
    from rclpy.client import Client

    from foreign_nodes import ForeignNodes
    from observer import Observer
    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls


async def test_lends_a_client_when_its_service_is_there(
    observer: Observer, executor: ExecutorCalls, others: ForeignNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is named. No client remains, also after a cancellation at any time."""
    for module in (kept_clients, ready_clients):
        monkeypatch.setattr(module, "IDLE_S", 0.0)
    monkeypatch.setattr(ready_clients, "READY_TIMEOUT_S", 60.0)
    kept: KeptClients[str, Client] = KeptClients(
        lambda name: observer.node.create_client(Trigger, name), observer.node.destroy_client
    )
    clients = ReadyClients(executor, kept, lambda client: client.service_is_ready())

    async def use() -> str:
        async with clients.use("/do", "service /do") as client:
            return str(client.service_name)

    waiting = asyncio.ensure_future(use())
    await eventually(lambda: len(kept) == 1)
    assert not waiting.done()
    others.node("node").serve(Trigger, "/do")
    assert await asyncio.wait_for(waiting, 60) == "/do"
    await eventually(lambda: len(kept) == 0)
    for steps in range(3):
        cancelled = asyncio.ensure_future(use())
        for _ in range(steps):
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
    await asyncio.sleep(0)
    monkeypatch.setattr(ready_clients, "READY_TIMEOUT_S", 0.1)
    with pytest.raises(OdysseyError, match="The service /none is not there") as missing:
        await clients.use("/none", "service /none").__aenter__()
    assert missing.value.code is ErrorCode.UNREACHABLE
    await eventually(lambda: len(kept) == 0)
