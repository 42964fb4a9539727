"""The thresholds of the findings, all in one place. docs/report.md explains them; the report repeats them."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds. Levels are those of 8-bit luma and chroma, 0 to 255.

    Attributes:
        frozen_s: Shortest time without a change that is a finding, in seconds.
    """

    frozen_s: float = 0.3

    def to_json(self) -> dict[str, float]:
        """Return the thresholds for the report, by name."""
        return {name: float(value) for name, value in asdict(self).items()}


THRESHOLDS = Thresholds()
"""The thresholds in use."""
