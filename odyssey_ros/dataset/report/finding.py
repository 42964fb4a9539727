"""A finding: frames of an episode that a person should look at before training with them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FindingKind(str, Enum):
    """The kinds of findings. The value is the name in the report's JSON; docs/report.md explains each."""

    FROZEN = "frozen"
    """The picture does not change for a while."""

    BLACK = "black"
    """Pictures are black."""

    REPEATED = "repeated"
    """A moving video shows pictures twice."""

    TORN = "torn"
    """A part of a picture belongs to another picture, or is damaged."""

    MISSING = "missing"
    """Frames are not there, or could not be decoded."""

    TIME_JUMP = "time_jump"
    """The media time goes back, stops, or jumps although no frame is missing."""

    NO_EFFECT = "no_effect"
    """The pictures do not change after a prompt."""

    UNLOGGED_PROMPT = "unlogged_prompt"
    """The pictures change as after a prompt, but none is logged."""

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A finding.

    Attributes:
        first: Position in the bag of the first frame concerned.
        last: Position of the last one; not before `first`.
        kind: The kind.
        text: What was found, for people, with numbers.
    """

    first: int
    last: int
    kind: FindingKind
    text: str
