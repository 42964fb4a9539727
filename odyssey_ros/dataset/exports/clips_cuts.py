"""Where an episode is cut into clips: at each change of the prompt, and by the options of the export."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING

from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.exports.frame_rate import nominal_rate, rate_faults, resampled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from odyssey_ros.dataset.reading.stored_episode import FrameLabels


class Omission(str, Enum):
    """Why frames are in no clip."""

    NO_PROMPT = "no_prompt"
    TOO_SHORT = "too_short"
    FLAGGED = "flagged"
    MISSING_FRAMES = "missing_frames"

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class CutRules:
    """The options that decide where clips begin and end.

    Attributes:
        min_seconds: Minimum length of a clip.
        max_seconds: Maximum length of a clip; None without a limit.
        resample: The frame rate in Hz to which the frames are resampled; None to keep them as they are.
    """

    min_seconds: Fraction = Fraction(0)
    max_seconds: Fraction | None = None
    resample: int | None = None

    def lengths(self, frames: int, rate: int) -> list[int]:
        """Return the numbers of frames of the parts of one prompt. Frames after the last part are left out.

        Without a limit there is one part. More frames than the maximum are divided into as few parts as
        possible, whose lengths differ by one frame at most. If one of these were shorter than the minimum,
        all parts have the maximum length, and the frames after them, fewer than the minimum, are left out.

        Args:
            frames: Number of frames with the prompt.
            rate: Frames per second.
        """
        least = max(-(-self.min_seconds.numerator * rate // self.min_seconds.denominator), 1)
        if frames < least:
            return []
        if self.max_seconds is None:
            return [frames]
        most = max(int(self.max_seconds * rate), least)
        parts = -(-frames // most)
        if frames < parts * least:
            return [most] * (parts - 1)
        length, longer = divmod(frames, parts)
        return [length + (part < longer) for part in range(parts)]


@dataclass(frozen=True, slots=True)
class Cut:
    """The frames of a clip.

    Attributes:
        number: Number of the prompt in the episode, from 0.
        part: Number of the part; None if all frames of the prompt are one clip.
        prompt: The prompt, without secrets and control characters.
        rate: Frames per second.
        shown: For each frame of the clip, the position in the bag.
        stamp_ns: The stamp of the first frame, in nanoseconds since the epoch.
    """

    number: int
    part: int | None
    prompt: str
    rate: int
    shown: tuple[int, ...]
    stamp_ns: int

    @property
    def first(self) -> int:
        """Position of the first frame in the bag."""
        return self.shown[0]

    @property
    def last(self) -> int:
        """Position of the last frame in the bag."""
        return self.shown[-1]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Frames of one prompt that are in no clip.

    Attributes:
        number: Number of the prompt in the episode.
        first: Position of the first of these frames in the bag.
        last: Position of the last one.
        reason: The reason.
        text: What was found, for messages; it may be empty.
    """

    number: int
    first: int
    last: int
    reason: Omission
    text: str = ""


def cuts_of(
    labels: Sequence[FrameLabels], rules: CutRules, flagged: Iterable[tuple[int, int]] = ()
) -> Iterator[Cut | LeftOut]:
    """Cut an episode into clips, in order.

    A prompt that recurs after another prompt makes another clip. A clip begins with the first frame that has
    the prompt, or with the frame after the part before, and ends with the last one, or before the next part.

    Args:
        labels: The labels of all frames.
        rules: The options.
        flagged: First and last positions of frames that no clip may have.

    Raises:
        EpisodeError: The episode has no whole frame rate, and is not resampled.
    """
    rate = rules.resample or nominal_rate([each.media_time_ns for each in labels])
    flags = tuple(flagged)
    for number, (prompt, group) in enumerate(groupby(labels, key=lambda each: each.prompt)):
        frames = list(group)
        caption = clean_text(prompt, is_prompt=True)  # bags of other programs may hold anything
        if caption.strip():
            yield from _parts(number, caption, frames, rate, rules, flags)
        else:
            yield _left_out(number, frames, Omission.NO_PROMPT)


def _parts(
    number: int,
    prompt: str,
    frames: Sequence[FrameLabels],
    rate: int,
    rules: CutRules,
    flags: Sequence[tuple[int, int]],
) -> Iterator[Cut | LeftOut]:
    shown = list(range(len(frames)))
    if rules.resample:
        shown = resampled([each.media_time_ns for each in frames], rate)
        shown[0] = 0  # where frames are dropped, the first frame with the prompt remains
    lengths = rules.lengths(len(shown), rate)
    is_divided = len(lengths) > 1 or sum(lengths) < len(shown)
    start = 0
    for part, length in enumerate(lengths):
        places = shown[start : start + length]
        start += length
        part_frames = frames[places[0] : places[-1] + 1]
        first, last = part_frames[0].position, part_frames[-1].position
        if any(first <= end and begin <= last for begin, end in flags):
            yield _left_out(number, part_frames, Omission.FLAGGED)
            continue
        times = [each.media_time_ns for each in part_frames]
        if not rules.resample and (faults := rate_faults(times, rate)) is not None:
            text = f"missing frames: {faults.missing}, too early: {faults.repeated}, at {rate} Hz"
            yield _left_out(number, part_frames, Omission.MISSING_FRAMES, text)
            continue
        yield Cut(
            number,
            part if is_divided else None,
            prompt,
            rate,
            tuple(frames[place].position for place in places),
            part_frames[0].stamp_ns,
        )
    if start < len(shown):
        yield _left_out(number, frames[shown[start] :], Omission.TOO_SHORT)


def _left_out(number: int, frames: Sequence[FrameLabels], reason: Omission, text: str = "") -> LeftOut:
    return LeftOut(number, frames[0].position, frames[-1].position, reason, text)
