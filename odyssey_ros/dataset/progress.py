"""Display of progress: bars on a terminal, or lines in a log."""

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

from odyssey_ros.client.service_text import clean_text

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.progress import TaskID

_logger = logging.getLogger(__name__)


class ProgressDisplay(Protocol):
    """Receives the progress of a run. Every method may be called from any thread."""

    def start(self, total: int, done: int) -> None:
        """Start the display: `total` episodes are requested, and `done` of them exist already."""

    def phase(self, episode: str, text: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        """Show the current phase of an episode, with `done` of `total` units; None when it is unknown."""

    def note(self, episode: str, text: str) -> None:
        """Show a message about an episode that continues."""

    def finished(self, episode: str, text: str) -> None:
        """Show that an episode is complete."""

    def failed(self, episode: str, reason: str) -> None:
        """Show that an episode failed."""


class EpisodeProgress:
    """The progress of one episode in a display.

    Args:
        display: The display.
        episode: Name of the episode.
    """

    def __init__(self, display: ProgressDisplay, episode: str) -> None:
        self._display = display
        self._episode = episode

    def phase(self, text: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        """Show the current phase; see `ProgressDisplay.phase`."""
        self._display.phase(self._episode, text, done, total, unit)

    def note(self, text: str) -> None:
        """Show a message."""
        self._display.note(self._episode, text)


class LogProgress:
    """Progress as log records: one for each change of phase."""

    def __init__(self) -> None:
        self._phases: dict[str, str] = {}
        self._total = self._done = 0

    def start(self, total: int, done: int) -> None:
        """Log the numbers of episodes."""
        self._total, self._done = total, done
        _logger.info("%d episodes, %d of them exist already", total, done)

    def phase(self, episode: str, text: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        """Log a phase when it starts."""
        del done, total, unit
        if self._phases.get(episode) != text:
            self._phases[episode] = text
            _logger.info("%s: %s", clean_text(episode), text)

    def note(self, episode: str, text: str) -> None:
        """Log the message as a warning."""
        _logger.warning("%s: %s", clean_text(episode), text)

    def finished(self, episode: str, text: str) -> None:
        """Log the text and the number of finished episodes."""
        self._phases.pop(episode, None)
        self._done += 1
        _logger.info("%s: %s (%d of %d)", clean_text(episode), text, self._done, self._total)

    def failed(self, episode: str, reason: str) -> None:
        """Log the reason as an error."""
        self._phases.pop(episode, None)
        _logger.error("%s: %s", clean_text(episode), reason)


class BarProgress:
    """Progress as bars on a terminal: one for all episodes, and one for each episode in work.

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

    def start(self, total: int, done: int) -> None:
        """Show the bar of all episodes."""
        self._all = self._bars.add_task(
            "episodes", total=total, completed=done, phase="", amount=f"{done}/{total}"
        )
        self._total, self._done = total, done

    def phase(self, episode: str, text: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        """Move the bar of an episode."""
        amount = f"{done}/{'?' if total is None else total} {unit}" if unit else ""
        if episode not in self._tasks:
            self._tasks[episode] = self._bars.add_task(
                clean_text(episode), total=None, phase=text, amount=amount
            )
        self._bars.update(self._tasks[episode], phase=text, completed=done, total=total, amount=amount)

    def note(self, episode: str, text: str) -> None:
        """Print the message above the bars."""
        self._bars.console.print(f"{clean_text(episode)}: {text}", markup=False, highlight=False)

    def finished(self, episode: str, text: str) -> None:
        """Remove the episode's bar and print the text."""
        self._remove(episode)
        self._done += 1
        if self._all is not None:
            self._bars.update(self._all, completed=self._done, amount=f"{self._done}/{self._total}")
        self._bars.console.print(f"{clean_text(episode)}: {text}", markup=False, highlight=False)

    def failed(self, episode: str, reason: str) -> None:
        """Remove the episode's bar and print the reason."""
        self._remove(episode)
        self._bars.console.print(
            f"{clean_text(episode)}: {reason}", markup=False, highlight=False, style="red"
        )

    def _remove(self, episode: str) -> None:
        task = self._tasks.pop(episode, None)
        if task is not None:
            self._bars.remove_task(task)
