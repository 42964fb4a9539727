"""Findings about prompts: those that change nothing, and changes that no prompt explains."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.report.finding import Finding, FindingKind
from odyssey_ros.dataset.report.picture_states import coarse_change

if TYPE_CHECKING:
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.report.frame_measures import MeasuredFrames
    from odyssey_ros.dataset.report.picture_states import PictureStates
    from odyssey_ros.dataset.report.thresholds import Thresholds

_MIN_FRAMES: Final = 3
"""Fewest frames with a prompt from which its effect can be judged."""


class PromptedFrames:
    """The pictures of an episode, and the frames at which prompts begin.

    Args:
        entry: The manifest's entry.
        measured: The measures of the pictures, at least one.
        states: The states of the pictures.
        thresholds: The thresholds.
    """

    def __init__(
        self, entry: ManifestEntry, measured: MeasuredFrames, states: PictureStates, thresholds: Thresholds
    ) -> None:
        self._entry = entry
        self._measured = measured
        self._thresholds = thresholds
        self._states = states
        self._effect_frames = states.frames_in(thresholds.effect_s)
        self._early_frames = states.frames_in(thresholds.early_s)
        self._usable = ~(states.black | states.torn | measured.corrupt)
        self._starts = prompt_starts(entry, measured)
        self._cuts = self._scene_cuts()

    def without_effect(self) -> list[Finding]:
        """Return a finding for each prompt, but the first, after which the pictures do not change."""
        found = []
        bounds = [0, *self._starts, len(self._measured)]
        for before, start, end in zip(bounds, bounds[1:], bounds[2:], strict=False):
            finding = self._without_effect(before, start, end)
            if finding is not None:
                found.append(finding)
        return found

    def unlogged(self) -> list[Finding]:
        """Return a finding for each change of the scene without a prompt, and what the manifest says."""
        waiting = list(self._starts)
        found = []
        for cut in self._cuts:
            explains = [
                start for start in waiting if -self._early_frames <= cut - start <= self._effect_frames
            ]
            if explains:
                waiting.remove(explains[0])
                continue
            change = self._change(cut, cut - 1)
            text = f"the scene changes by {change:.1f} levels, as after a prompt, but no prompt is logged"
            found.append(self._finding(cut, cut, FindingKind.UNLOGGED_PROMPT, text))
        unlogged = self._entry.losses.get(Loss.UNLOGGED_PROMPTS.value, 0)
        if unlogged > len(found):
            text = f"{unlogged} prompts of the script are missing in the events log"
            found.append(self._whole(text))
        if self._entry.losses.get(Loss.MISSING_PROMPTS.value, 0):
            found.append(self._whole("the frames have no prompt, because no events log has one"))
        return found

    def _without_effect(self, before: int, start: int, end: int) -> Finding | None:
        usable = self._usable
        reference = start - 1
        while reference > before and not usable[reference]:
            reference -= 1
        after = [each for each in range(start, min(end, start + self._effect_frames)) if usable[each]]
        if len(after) < _MIN_FRAMES or not usable[reference]:
            return None
        low, high = max(start - self._early_frames, 1), after[-1]
        if any(low <= cut <= high for cut in self._cuts):
            return None
        length = after[-1] - reference
        earlier = [each for each in range(max(before, reference - length), reference) if usable[each]]
        change = max(self._change(each, reference) for each in after)
        drift = 0.0
        if earlier:
            drift = max(self._change(each, reference) for each in earlier) * length / (reference - earlier[0])
        limit = self._thresholds.cut_change + self._thresholds.drift_ratio * drift
        if not change < limit:
            return None
        seconds = len(after) * self._states.period_ns / 1e9
        text = (
            f"the picture changes by {change:.1f} levels in the {seconds:.1f} s after the prompt; "
            f"as much as before it, or less than the {limit:.1f} that count"
        )
        return self._finding(start, end - 1, FindingKind.NO_EFFECT, text)

    def _scene_cuts(self) -> list[int]:
        """Return the frames at which the scene changes at once, and remains changed."""
        usable = self._usable
        usual = self._thresholds.cut_ratio * self._states.usual_steps
        cuts = []
        for frame in range(1, len(self._measured)):
            reference = frame - 1
            while reference > 0 and not usable[reference]:
                reference -= 1
            if not usable[frame] or not usable[reference]:
                continue
            least = max(self._thresholds.cut_change, float(usual[frame]))
            limit = least + self._expected_drift(reference, frame)
            if not self._change(frame, reference) >= limit:
                continue
            later = [each for each in range(frame + 1, min(frame + 4, len(usable))) if usable[each]]
            if not later or self._change(later[-1], reference) >= self._thresholds.cut_change:
                cuts.append(frame)
        return cuts

    def _expected_drift(self, reference: int, frame: int) -> float:
        """Return how much the picture changes without a cut while frames are missing, unusable or still."""
        labels, period = self._measured.labels, self._states.period_ns
        start = reference
        while start > 0 and self._states.still[start]:
            start -= 1
        elapsed_ns = labels[frame].media_time_ns - labels[reference].media_time_ns
        count = frame - 1 - start
        if period and elapsed_ns > self._thresholds.gap_periods * period:
            count += round(elapsed_ns / period) - (frame - reference)
        if count <= 0:
            return 0.0
        first = max(start - self._states.frames_in(self._thresholds.window_s), 0)
        steps = [self._change(each, each - 1) for each in range(first + 1, start + 1)]
        steps = [step for step in steps if step < self._thresholds.cut_change]
        return min(count * sum(steps) / len(steps), self._thresholds.cut_change * 3) if steps else 0.0

    def _change(self, frame: int, other: int) -> float:
        return coarse_change(self._measured, frame, other)

    def _finding(self, first: int, last: int, kind: FindingKind, text: str) -> Finding:
        labels = self._measured.labels
        return Finding(labels[first].position, labels[last].position, kind, text)

    def _whole(self, text: str) -> Finding:
        return self._finding(0, len(self._measured) - 1, FindingKind.UNLOGGED_PROMPT, text)


def prompt_starts(entry: ManifestEntry, measured: MeasuredFrames) -> list[int]:
    """Return the indexes of the frames at which a prompt begins, without the first frame.

    A prompt with the same text as the one before changes no label; the manifest has its time.
    """
    labels = measured.labels
    starts = {index for index in range(1, len(labels)) if labels[index].prompt != labels[index - 1].prompt}
    for before, prompt in pairwise(entry.prompts):
        if before.get("prompt") != prompt.get("prompt"):
            continue
        number, time_ns = prompt.get("frame_index"), prompt.get("time_ns")
        for index, each in enumerate(labels):
            if isinstance(number, int):
                reached = each.index >= number
            else:
                reached = isinstance(time_ns, int) and each.stamp_ns - entry.start_time_ns >= time_ns
            if reached:
                starts.add(index)
                break
    return sorted(starts - {0})
