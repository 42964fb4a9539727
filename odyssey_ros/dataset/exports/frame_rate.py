"""The frame rate of an episode: whether it is constant, and which frames a constant rate would show.

Trainers load constant rates only: they compute the number of a frame from a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NANOSECONDS: Final = 1_000_000_000
_MAX_DEVIATION: Final = Fraction(1, 100)
_MAX_RATE: Final = 1000  # Hz
_MAX_RESAMPLED: Final = 5_000_000  # frames: 46 hours at 30 Hz


@dataclass(frozen=True, slots=True)
class RateFaults:
    """Where the times of an episode are not those of a constant rate.

    Attributes:
        missing: Number of frames that are missing.
        repeated: Number of frames that come less than half a period after the frame before.
        first: Position of the first such frame.
    """

    missing: int
    repeated: int
    first: int


def nominal_rate(media_times_ns: Sequence[int]) -> int:
    """Return the frame rate in Hz, from the median distance between frames.

    Args:
        media_times_ns: Presentation times in nanoseconds, in order.

    Raises:
        EpisodeError: There are fewer than two frames, or the rate is not within 1 % of a whole number up to
            1000.
    """
    distances = [after - before for before, after in pairwise(media_times_ns)]
    distances = [distance for distance in distances if distance > 0]
    if not distances:
        raise EpisodeError(ErrorCode.NOT_EXPORTABLE, "it has fewer than two frames, so it has no frame rate")
    rate = Fraction(_NANOSECONDS) / Fraction(median(distances))
    nearest = round(rate)
    if not 1 <= nearest <= _MAX_RATE or abs(rate - nearest) > _MAX_DEVIATION * nearest:
        raise EpisodeError(
            ErrorCode.NOT_EXPORTABLE,
            f"its frame rate is {float(rate):.3f} Hz, but only whole numbers up to {_MAX_RATE} are possible: "
            "give --resample FPS",
        )
    return nearest


def rate_faults(media_times_ns: Sequence[int], rate: int) -> RateFaults | None:
    """Compare the times of an episode with a constant rate; return None if each frame has its place.

    Each frame is compared with the frame before: jitter of less than half a period does not matter.
    """
    missing = repeated = 0
    first: int | None = None
    for position in range(1, len(media_times_ns)):
        distance = media_times_ns[position] - media_times_ns[position - 1]
        steps = _rounded(distance * rate, _NANOSECONDS)
        if steps != 1:
            first = position if first is None else first
            missing += max(steps - 1, 0)
            repeated += steps < 1
    return None if first is None else RateFaults(missing, repeated, first)


def resampled(media_times_ns: Sequence[int], rate: int) -> list[int]:
    """Return the position of the frame that is shown in each period of a constant rate.

    That is the newest frame whose time, rounded to periods since the first frame, is not later. Frames of a
    gap repeat the frame before the gap; of two frames in one period, the later one is shown.

    Raises:
        EpisodeError: A gap is so long that there would be more than five million frames.
    """
    shown: list[int] = []
    for position, time_ns in enumerate(media_times_ns):
        slot = _rounded((time_ns - media_times_ns[0]) * rate, _NANOSECONDS)
        if slot >= _MAX_RESAMPLED:
            seconds = (time_ns - media_times_ns[0]) / _NANOSECONDS
            raise EpisodeError(
                ErrorCode.NOT_EXPORTABLE,
                f"its media time is {seconds:.0f} s at frame {position}, "
                f"so at {rate} Hz it would have more than {_MAX_RESAMPLED} frames",
            )
        while len(shown) < slot:
            shown.append(position - 1)
        if len(shown) == slot:
            shown.append(position)
        elif shown:
            shown[-1] = position
    return shown


def _rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
