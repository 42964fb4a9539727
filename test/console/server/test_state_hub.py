"""The hub sends each page the last values of the node that it watches."""

from __future__ import annotations

import json
from typing import Any

from odyssey_ros.console.server.event_texts import MAX_EVENTS
from odyssey_ros.console.server.state_hub import MAX_NODES, StateHub
from odyssey_ros.console.server.state_page import StatePage


class Watcher:
    """A page, and what it was sent, by kind."""

    def __init__(self, hub: StateHub, node: str) -> None:
        self.page = StatePage()
        hub.add(self.page)
        hub.watch(self.page, node)

    async def received(self) -> dict[str, Any]:
        """Return what was sent since the last call."""
        self.page.put("end", '{"type":"end","end":0}')
        messages = [json.loads(text) for text in await self.page.take()]
        return {one["type"]: one[one["type"]] for one in messages if one["type"] != "end"}


async def test_pages_get_the_values_of_their_node() -> None:
    """Those known before, and each new one; a value that is the same is not sent again."""
    hub = StateHub()
    hub.publish("/one", "status", {"rate": float("nan")})
    hub.publish_nodes([{"name": "/one"}])
    hub.publish_event("/one", {"kind": "started"})
    first, other = Watcher(hub, "/one"), Watcher(hub, "/two")
    got = await first.received()
    assert got["status"] == {"rate": None}
    assert got["nodes"] == [{"name": "/one"}]
    assert [event["kind"] for event in got["events"]] == ["started"]
    assert set(await other.received()) == {"nodes", "events"}
    hub.publish("/one", "status", {"rate": 20.0})
    hub.publish_event("/one", {"kind": "ended"})
    got = await first.received()
    assert got["status"] == {"rate": 20.0}
    assert [event["kind"] for event in got["events"]] == ["ended"]
    hub.publish("/one", "status", {"rate": 20.0})
    hub.publish_nodes([{"name": "/one"}])
    assert await first.received() == {}
    assert await other.received() == {}


async def test_pages_are_told_that_a_value_is_not_known_any_more() -> None:
    """A page that comes later does not get it at all."""
    hub = StateHub()
    page = Watcher(hub, "/one")
    hub.publish("/one", "status", {"rate": 20.0})
    hub.publish("/one", "prompts", [1])
    await page.received()
    hub.forget("/one", ("status", "lifecycle"))
    assert await page.received() == {"status": None}
    assert hub.last("/one", "status") is None
    assert await Watcher(hub, "/one").received() == {"events": [], "prompts": [1]}


async def test_pages_that_closed_get_nothing() -> None:
    """Removing a page twice is no error."""
    hub = StateHub()
    page = Watcher(hub, "/one")
    await page.received()
    hub.remove(page.page)
    hub.remove(page.page)
    hub.publish("/one", "status", 1)
    assert (await page.received(), hub.pages) == ({}, 0)


async def test_memory_is_bounded() -> None:
    """In nodes and in events; the ids of events increase."""
    hub = StateHub()
    for number in range(MAX_EVENTS + 10):
        hub.publish_event("/one", {"number": number})
    (events,) = (await Watcher(hub, "/one").received()).values()
    assert [event["number"] for event in events] == list(range(10, MAX_EVENTS + 10))
    assert [event["id"] for event in events] == sorted(event["id"] for event in events)
    for number in range(2 * MAX_NODES):
        hub.publish(f"/{number}", "status", number)
    assert hub.last("/0", "status") is None
    assert hub.last(f"/{2 * MAX_NODES - 1}", "status")


async def test_watched_nodes_are_not_forgotten() -> None:
    """However many others there are."""
    hub = StateHub()
    hub.publish("/watched", "prompts", [1])
    page = Watcher(hub, "/watched")
    for number in range(2 * MAX_NODES):
        hub.publish(f"/{number}", "status", number)
    assert hub.last("/watched", "prompts")
    assert page.page.node == "/watched"
