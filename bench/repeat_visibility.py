"""Which repeated pictures of a case nobody could see, because its scene itself stands still.

The scene is drawn again without the fault, and compared with what the fault shows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from finding_cases import FPS, make_scene

from odyssey_ros.dataset.report.frame_measures import planes_of
from odyssey_ros.dataset.report.thresholds import THRESHOLDS

if TYPE_CHECKING:
    from finding_cases import Case, Fault
    from numpy.typing import NDArray

PAUSE: Final = "short_freeze, no longer than a pause of the scene"
"""The variant of short freezes that are visible, but look like what the scene does without a fault."""

_STEP: Final = 4


def with_visible_repeats(case: Case) -> Case:
    """Return a case without the short freezes and replays that show what is right in all pictures.

    Short freezes that are not longer than a pause of the scene itself, in the pictures with which they are
    compared, have the variant `PAUSE`.
    """
    faults = []
    for fault in case.faults:
        if fault.variant in ("short_freeze", "replay"):
            if not _is_visible(case, fault):
                continue
            if fault.variant == "short_freeze" and _is_like_a_pause(case, fault):
                fault = replace(fault, variant=PAUSE)  # noqa: PLW2901 - the fault under another name
        faults.append(fault)
    return replace(case, faults=tuple(faults))


def _is_visible(case: Case, fault: Fault) -> bool:
    right = _pictures(_without(case, fault), range(fault.first - 1, fault.last + 1))
    if fault.variant == "short_freeze":
        return any(
            _differ(right[fault.first - 1], right[slot]) for slot in range(fault.first, fault.last + 1)
        )
    shown = _pictures(case, range(fault.first, fault.last + 1))
    return any(_differ(shown[slot], right[slot]) for slot in shown)


def _is_like_a_pause(case: Case, fault: Fault) -> bool:
    reach = round(THRESHOLDS.window_s * FPS)
    slots = range(max(fault.first - reach, 0), min(fault.last + reach + 1, case.frames))
    right = _pictures(case, slots)
    # The picture before the freeze is shown instead of those that it hides.
    shown = {slot: right[fault.first - 1 if fault.first <= slot <= fault.last else slot] for slot in slots}
    longest = length = 0
    own = 0
    run_has_fault = False
    for slot in [*slots[1:], None]:
        if slot is not None and not _differ(shown[slot], shown[slot - 1]):
            length += 1
            run_has_fault |= fault.first <= slot <= fault.last
            continue
        if run_has_fault:
            own = max(own, length)
        else:
            longest = max(longest, length)
        length, run_has_fault = 0, False
    return longest >= own


def _without(case: Case, fault: Fault) -> Case:
    return replace(case, faults=tuple(each for each in case.faults if each != fault))


def _pictures(case: Case, slots: range) -> dict[int, NDArray[np.uint8]]:
    """Return the luma of the pictures that the scene of a case draws, by slot."""
    scene = make_scene(case)
    prompts = {each.slot: each.text for each in case.prompts}
    pictures = {}
    for slot in range(slots.stop):
        if slot in prompts:
            scene.show(scene.prepare(prompts[slot]))
        if slot in slots:
            luma = planes_of(scene.render(slot * 1000 // FPS, slot))[0]
            pictures[slot] = luma[_STEP // 2 :: _STEP, _STEP // 2 :: _STEP].copy()
    return pictures


def _differ(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> bool:
    """Return whether the report could see that two pictures differ."""
    difference = np.maximum(a, b) - np.minimum(a, b)
    return bool((difference > THRESHOLDS.moved_level).mean() > THRESHOLDS.still_share)
