"""What a page has not been sent yet: bounded, however slow the page is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from odyssey_ros.console.server.answers import json_text
from odyssey_ros.console.server.event_texts import EventTexts

if TYPE_CHECKING:
    from collections.abc import Iterable


class StatePage:
    """The messages that wait for a page. For the asyncio thread.

    A newer message of a kind replaces the one that waits, so a slow page gets fewer messages, never old ones.
    Of events, the newest wait.

    Attributes:
        node: The name of the node that the page watches; empty for none.
    """

    def __init__(self) -> None:
        self.node = ""
        self._pending: dict[str, str] = {}
        self._events = EventTexts()
        self._replace_events = False
        self._wake = asyncio.Event()

    def watch(self, node: str) -> None:
        """Watch another node: drop what waits of the last one."""
        self.node = node
        self._pending = {kind: text for kind, text in self._pending.items() if kind == "nodes"}
        self._events = EventTexts()
        self._replace_events = False

    def put(self, kind: str, text: str) -> None:
        """Let a message wait, in place of one of the same kind."""
        self._pending[kind] = text
        self._wake.set()

    def put_event(self, text: str) -> None:
        """Let an event wait: its JSON object."""
        self._events.add(text)
        self._wake.set()

    def put_backlog(self, texts: Iterable[str]) -> None:
        """Let events wait that replace all that the page has."""
        self._events = EventTexts(texts)
        self._replace_events = True
        self._wake.set()

    async def take(self) -> list[str]:
        """Wait until there is something; return all messages that wait."""
        await self._wake.wait()
        self._wake.clear()
        messages = list(self._pending.values())
        self._pending.clear()
        if self._events or self._replace_events:
            head = json_text({"type": "events", "node": self.node, "replace": self._replace_events})[:-1]
            messages.append(f'{head},"events":[{",".join(self._events)}]}}')
            self._events = EventTexts()
            self._replace_events = False
        return messages
