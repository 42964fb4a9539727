"""The servers of a service are watched, with real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from std_srvs.srv import Trigger

from odyssey_ros.console.graph.service_servers import Servers
from waiting import wait_until

if TYPE_CHECKING:
    from foreign_nodes import ForeignNodes
    from observer import Observer


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
