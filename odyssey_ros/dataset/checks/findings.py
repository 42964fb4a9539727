"""What a check of an episode found: faults, and notes that are no faults."""

from __future__ import annotations

from collections import Counter
from typing import Final

from odyssey_ros.client.service_text import clean_text

MAX_LINES: Final = 10
"""Lines of one rule for one episode; further faults of the rule are only counted."""

_MAX_VALUE: Final = 120  # characters of a quoted value


class Findings:
    """The faults and notes of one episode, as lines of text. For one thread.

    Args:
        episode: Name of the episode, with which each line begins.

    Attributes:
        episode: The name, as it is printed.
        faults: Number of faults, also of those without a line.
    """

    def __init__(self, episode: str) -> None:
        self.episode = clean_text(episode)
        self.faults = 0
        self._lines: list[str] = []
        self._notes: list[str] = []
        self._of_rule: Counter[str] = Counter()

    @property
    def notes(self) -> list[str]:
        """The lines of the notes."""
        return list(self._notes)

    def fault(self, rule: str, text: str, *, topic: str = "", frame: int | None = None) -> None:
        """Add a fault.

        Args:
            rule: What was expected, in a few words. At most `MAX_LINES` faults of a rule have a line.
            text: The difference, with both values.
            topic: The topic that has the fault; empty for none.
            frame: Number of the frame in the bag, from 0.
        """
        self.faults += 1
        self._of_rule[rule] += 1
        if self._of_rule[rule] <= MAX_LINES:
            place = "" if frame is None else f"frame {frame}: "
            self._lines.append(self._line(f"{f'{topic}: ' if topic else ''}{place}{text}"))

    def note(self, text: str) -> None:
        """Add a note: something that the user may want to know, but that is no fault."""
        self._notes.append(self._line(text))

    def fault_lines(self) -> list[str]:
        """Return one line for each fault, in the order in which they were found.

        The faults of a rule beyond `MAX_LINES` share a line at the end.
        """
        more = (
            self._line(f"{count - MAX_LINES} further faults of this kind: {rule}")
            for rule, count in self._of_rule.items()
            if count > MAX_LINES
        )
        return [*self._lines, *more]

    def _line(self, text: str) -> str:
        # The text may quote a damaged file.
        return clean_text(f"{self.episode}: {text}")


def quoted(value: object) -> str:
    """Return a value of a file for a line: a short text without control characters."""
    text = repr(value)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}... ({len(text)} characters)"
