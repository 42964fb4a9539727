"""Clients of services are shared, and destroyed when nobody uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from std_srvs.srv import Trigger

from odyssey_ros.console.graph.service_clients import IDLE_S, Servers, ServiceClients
from waiting import wait_until

if TYPE_CHECKING:
    from foreign_nodes import ForeignNodes
    from observer import Observer


def test_destroys_clients_that_are_idle(observer: Observer) -> None:
    """A client that a call uses remains, however long the call takes."""
    now = [100.0]
    clients = ServiceClients(observer.node, lambda: now[0])

    def use() -> None:
        first = clients.acquire(Trigger, "/idle")
        assert clients.acquire(Trigger, "/idle") is first
        clients.acquire(Trigger, "/busy")
        clients.release(Trigger, "/idle")
        clients.release(Trigger, "/unknown")
        now[0] += 2 * IDLE_S
        clients.destroy_idle()
        assert len(clients) == 2
        clients.release(Trigger, "/idle")
        now[0] += IDLE_S - 1
        clients.destroy_idle()
        assert len(clients) == 2
        now[0] += 1
        clients.destroy_idle()

    before = len(list(observer.node.clients))
    observer.run(use)
    assert len(clients) == 1
    assert [client.service_name for client in observer.node.clients][before:] == ["/busy"]


def test_sees_servers_leave(observer: Observer, others: ForeignNodes) -> None:
    """Also when another server of the service has come in the meantime."""
    first = others.node("first")
    first.serve(Trigger, "/do")
    client = observer.run(lambda: observer.node.create_client(Trigger, "/do"))
    wait_until(client.service_is_ready)
    servers = observer.run(lambda: Servers(observer.node, client))
    assert observer.run(servers.remain)
    others.node("second").serve(Trigger, "/do")
    wait_until(lambda: not observer.run(servers.remain), "a successor")
    both = observer.run(lambda: Servers(observer.node, client))
    first.end()
    wait_until(lambda: not observer.run(servers.remain) and observer.node.count_services("/do") == 1)
    assert observer.run(both.remain)
