"""All findings of an episode together."""

from __future__ import annotations

import numpy as np

from odyssey_ros.dataset.report.findings import findings_of
from odyssey_ros.dataset.report.thresholds import THRESHOLDS
from synthetic_pictures import entry, findings, measured, pictures, scene


def test_several_faults_of_one_episode_are_found_in_order() -> None:
    numbers = [*range(20), *[19] * 10, *range(30, 60)]
    arrays = [scene(number) for number in numbers]
    arrays[40] = np.zeros_like(arrays[0])
    arrays[50][96:] = scene(3, seed=2)[96:]
    prompts = ["a fox"] * 54 + ["it rains"] * 6
    assert findings(pictures(arrays, prompts), losses={"missing_prompts": 1}) == [
        ("unlogged_prompt", 0, 59),
        ("frozen", 20, 29),
        ("black", 40, 40),
        ("torn", 50, 50),
        ("no_effect", 54, 59),
    ]


def test_an_episode_without_frames() -> None:
    assert findings_of(entry(0), measured([]), THRESHOLDS) == ()


def test_positions_are_those_of_the_bag() -> None:
    """The decoder left out picture 3, so the pictures after it have other numbers than places."""
    shown = pictures([scene(number) for number in [*range(15), *[14] * 8, *range(23, 30)]])
    assert findings([*shown[:3], *shown[4:]]) == [("missing", 2, 4), ("frozen", 15, 22)]
