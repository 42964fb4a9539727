"""The prompts that were sent through this console, for all pages."""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.client import OdysseyError

MAX_PROMPTS: Final = 100
"""Prompts of one node that are kept."""

MAX_CHARACTERS: Final = 200_000
"""Characters of the prompts of one node that are kept."""

MAX_NODES: Final = 64

Kind = Literal["start", "interact"]


@dataclass(slots=True)
class LoggedPrompt:
    """A prompt that was sent.

    Attributes:
        id: Number, unique in this process.
        time: When it was sent, seconds since the epoch.
        text: The prompt as typed.
        kind: Whether it started a stream, or changed the running one.
        options: What a start asked for: `portrait`, `broadcast` and `picture`.
        state: `pending` until the node responds.
        applied: The prompt as the service applied it.
        stream_id: The stream that it started.
        error_code: An ErrorCode, when it failed.
        message: Why it failed.
    """

    id: int
    time: float
    text: str
    kind: Kind
    options: tuple[str, ...] = ()
    state: Literal["pending", "acknowledged", "failed"] = "pending"
    applied: str = ""
    stream_id: str = ""
    error_code: str = ""
    message: str = ""

    def value(self) -> dict[str, Any]:
        """Return the JSON value."""
        return {
            "id": self.id,
            "time": self.time,
            "text": self.text,
            "kind": self.kind,
            "options": list(self.options),
            "state": self.state,
            "applied": self.applied,
            "stream_id": self.stream_id,
            "error_code": self.error_code,
            "message": self.message,
        }

    @property
    def characters(self) -> int:
        """The number of characters that it takes."""
        return len(self.text) + len(self.applied)


class PromptLog:
    """The last prompts of each node. For the asyncio thread.

    Args:
        publish: Receives the name of a node and the JSON values of its prompts, oldest first, at each change.
        clock: Returns seconds since the epoch.
    """

    def __init__(
        self, publish: Callable[[str, list[dict[str, Any]]], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._publish = publish
        self._clock = clock
        self._ids = itertools.count(1)
        self._nodes: OrderedDict[str, deque[LoggedPrompt]] = OrderedDict()

    def add(self, node: str, text: str, kind: Kind, options: tuple[str, ...] = ()) -> LoggedPrompt:
        """Add a pending prompt to the log of a node; return it."""
        prompt = LoggedPrompt(next(self._ids), self._clock(), text, kind, options)
        self._nodes.setdefault(node, deque(maxlen=MAX_PROMPTS)).append(prompt)
        self._nodes.move_to_end(node)
        if len(self._nodes) > MAX_NODES:
            self._nodes.popitem(last=False)
        self._changed(node)
        return prompt

    def acknowledge(self, node: str, prompt: LoggedPrompt, applied: str, stream_id: str = "") -> None:
        """Note that the service applied a prompt."""
        prompt.state, prompt.applied, prompt.stream_id = "acknowledged", applied, stream_id
        self._changed(node)

    def fail(self, node: str, prompt: LoggedPrompt, error: OdysseyError) -> None:
        """Note that a prompt was refused or lost."""
        prompt.state, prompt.error_code, prompt.message = "failed", error.code.value, error.message
        self._changed(node)

    def prompts(self, node: str) -> list[dict[str, Any]]:
        """Return the JSON values of the prompts of a node, oldest first."""
        return [prompt.value() for prompt in self._nodes.get(node, ())]

    def _changed(self, node: str) -> None:
        prompts = self._nodes.get(node)
        if prompts is None:  # the log of this node was dropped
            return
        while len(prompts) > 1 and sum(prompt.characters for prompt in prompts) > MAX_CHARACTERS:
            prompts.popleft()
        self._publish(node, self.prompts(node))
