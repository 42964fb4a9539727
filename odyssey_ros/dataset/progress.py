"""Showing people how far the work is: bars on a terminal, lines in a log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.progress import TaskID

_logger = logging.getLogger(__name__)


class ProgressDisplay(Protocol):
    """Hears what happens. Every method may be called from any thread."""

    def begin(self, total: int, done: int) -> None:
        """So many episodes are wanted, and so many of them are there already."""

    def phase(self, episode: str, text: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        """What an episode is at, and how far: so many units of so many, None when nobody knows."""

    def note(self, episode: str, text: str) -> None:
        """Something that people should know of an episode that goes on."""

    def finished(self, episode: str, text: str) -> None:
        """An episode is complete."""

    def failed(self, episode: str, reason: str) -> None:
        """An episode cannot be made."""


class LogProgress:
    """Progress as log records: one for each change of phase."""

    def __init__(self) -> None:
        self._phases: dict[str, str] = {}
        self._total = self._done = 0

    def begin(self, total: int, done: int) -> None:
        """Log the figures."""
        self._total, self._done = total, done
        _logger.info("%d episodes, %d of them there already", total, done)

    def phase(self, episode: str, text: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        """Log a phase when it begins."""
        del done, total, unit
        if self._phases.get(episode) != text:
            self._phases[episode] = text
            _logger.info("%s: %s", episode, text)

    def note(self, episode: str, text: str) -> None:
        """Log it as a warning."""
        _logger.warning("%s: %s", episode, text)

    def finished(self, episode: str, text: str) -> None:
        """Log it, with how many there are now."""
        self._phases.pop(episode, None)
        self._done += 1
        _logger.info("%s: %s (%d of %d)", episode, text, self._done, self._total)

    def failed(self, episode: str, reason: str) -> None:
        """Log it as an error."""
        self._phases.pop(episode, None)
        _logger.error("%s: %s", episode, reason)


class BarProgress:
    """Progress as bars on a terminal: one for all episodes, one for each that is at work.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[phase]}", markup=False),
            TextColumn("{task.fields[amount]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._all: TaskID | None = None
        self._total = self._done = 0
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> BarProgress:
        self._bars.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, total: int, done: int) -> None:
        """PlayerSession the bar of all episodes."""
        self._all = self._bars.add_task(
            "episodes", total=total, completed=done, phase="", amount=f"{done}/{total}"
        )
        self._total, self._done = total, done

    def phase(self, episode: str, text: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        """Move the bar of an episode."""
        amount = f"{done}/{'?' if total is None else total} {unit}" if unit else ""
        if episode not in self._tasks:
            self._tasks[episode] = self._bars.add_task(episode, total=None, phase=text, amount=amount)
        self._bars.update(self._tasks[episode], phase=text, completed=done, total=total, amount=amount)

    def note(self, episode: str, text: str) -> None:
        """Print it above the bars."""
        self._bars.console.print(f"{episode}: {text}", markup=False, highlight=False)

    def finished(self, episode: str, text: str) -> None:
        """Take the bar away, and print what there is now."""
        self._end(episode)
        self._done += 1
        if self._all is not None:
            self._bars.update(self._all, completed=self._done, amount=f"{self._done}/{self._total}")
        self._bars.console.print(f"{episode}: {text}", markup=False, highlight=False)

    def failed(self, episode: str, reason: str) -> None:
        """Take the bar away, and print why."""
        self._end(episode)
        self._bars.console.print(f"{episode}: {reason}", markup=False, highlight=False, style="red")

    def _end(self, episode: str) -> None:
        task = self._tasks.pop(episode, None)
        if task is not None:
            self._bars.remove_task(task)
