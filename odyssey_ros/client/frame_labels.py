"""What is in force while frames arrive: the running stream and its prompt, now and at earlier times."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_CHANGES: Final = 256  # of the label; frames wait for missing packets for seconds, not for minutes


@dataclass(frozen=True, slots=True)
class FrameLabel:
    """What is in force while frames arrive.

    Attributes:
        number: Changes when a stream starts or ends.
        stream_id: The running stream, if any.
        prompt: The prompt in force, if any.
    """

    number: int = 0
    stream_id: str | None = None
    prompt: str | None = None


class LabelHistory:
    """The label in force now, and those of the last changes. For the event loop.

    Args:
        monotonic_ns: Returns the time of a change in nanoseconds.
    """

    def __init__(self, *, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._monotonic_ns = monotonic_ns
        self._current = self._first = FrameLabel()
        self._changes: deque[tuple[int, FrameLabel]] = deque([(0, self._current)], maxlen=_MAX_CHANGES)

    @property
    def current(self) -> FrameLabel:
        """The label in force now."""
        return self._current

    @property
    def first(self) -> FrameLabel:
        """The label with which the running stream started; without a stream, the current label."""
        return self._first

    def now_ns(self) -> int:
        """Return the present time in nanoseconds, on the clock of the changes."""
        return self._monotonic_ns()

    def at(self, time_ns: int) -> FrameLabel:
        """Return the label that was in force at a time of `now_ns`."""
        for changed_ns, label in reversed(self._changes):
            if changed_ns <= time_ns:
                return label
        return self._changes[0][1]

    def start_stream(self, stream_id: str, prompt: str | None) -> None:
        """Label frames that arrive from now on with this stream and prompt."""
        self._change(FrameLabel(self._current.number + 1, stream_id, prompt))

    def set_prompt(self, prompt: str) -> None:
        """Label frames that arrive from now on with this prompt."""
        self._change(FrameLabel(self._current.number, self._current.stream_id, prompt))

    def end_stream(self) -> None:
        """Label frames that arrive from now on with no stream."""
        self._change(FrameLabel(self._current.number + 1))

    def _change(self, label: FrameLabel) -> None:
        if label.number != self._current.number:
            self._first = label
        self._current = label
        self._changes.append((self._monotonic_ns(), label))
