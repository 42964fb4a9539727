"""What waits for a page is bounded, and the newest."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from odyssey_ros.console.server.event_texts import MAX_EVENTS
from odyssey_ros.console.server.state_page import StatePage


async def taken(page: StatePage) -> list[dict[str, Any]]:
    """Take the messages of a page."""
    return [json.loads(text) for text in await page.take()]


async def test_newer_messages_replace_those_that_wait() -> None:
    """A page that takes nothing does not fill the memory."""
    page = StatePage()
    page.watch("/odyssey")
    page.put_backlog(['{"id":1}'])
    for number in range(10_000):
        page.put("status", f'{{"type":"status","number":{number}}}')
        page.put_event(f'{{"id":{number}}}')
    status, events = await taken(page)
    assert status == {"type": "status", "number": 9999}
    assert (events["type"], events["node"], events["replace"]) == ("events", "/odyssey", True)
    assert [event["id"] for event in events["events"]] == list(range(10_000 - MAX_EVENTS, 10_000))
    page.put_event('{"id":5}')
    (more,) = await taken(page)
    assert (more["replace"], more["events"]) == (False, [{"id": 5}])


async def test_waits_until_there_is_something() -> None:
    """A page that has everything waits."""
    page = StatePage()
    waiting = asyncio.ensure_future(page.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    page.put("nodes", '{"type":"nodes"}')
    assert await waiting == ['{"type":"nodes"}']


async def test_drops_what_waits_of_the_node_before() -> None:
    """The list of the nodes remains."""
    page = StatePage()
    page.watch("/one")
    page.put("nodes", '{"type":"nodes"}')
    page.put("status", '{"type":"status"}')
    page.put_event("{}")
    page.watch("/two")
    assert await taken(page) == [{"type": "nodes"}]
