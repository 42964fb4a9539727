"""Clients are shared, and destroyed when nobody uses them."""

from __future__ import annotations

from odyssey_ros.console.graph.kept_clients import IDLE_S, KeptClients


def test_destroys_clients_that_are_idle() -> None:
    """A client that somebody uses remains, however long it takes."""
    now = [100.0]
    destroyed: list[object] = []
    clients: KeptClients[str, list[str]] = KeptClients(lambda key: [key], destroyed.append, lambda: now[0])
    first = clients.acquire("idle")
    assert clients.acquire("idle") is first
    clients.acquire("busy")
    clients.release("idle")
    clients.release("unknown")
    now[0] += 2 * IDLE_S
    clients.destroy_idle()
    assert len(clients) == 2
    clients.release("idle")
    now[0] += IDLE_S - 1
    clients.destroy_idle()
    assert len(clients) == 2
    now[0] += 1
    clients.destroy_idle()
    assert len(clients) == 1
    assert destroyed == [["idle"]]
    assert clients.acquire("idle") is not first
