"""Prompts without effect, and changes of the scene that no prompt explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from odyssey_ros.dataset.report.prompt_findings import prompt_starts
from synthetic_pictures import PERIOD_NS, entry, findings, measured, pictures, scene

PROMPTS = ["a fox"] * 20 + ["it rains"] * 30


def shown(change: int | None, prompts: list[str] = PROMPTS, **options: Any) -> list[Any]:
    """Return pictures of a scene that changes to another one at a frame."""
    return pictures(
        [
            scene(number, seed=0 if change is None or number < change else 1, **options)
            for number in range(len(prompts))
        ],
        prompts,
    )


def test_a_prompt_with_an_effect_has_no_finding() -> None:
    assert findings(shown(20)) == []
    assert findings(shown(26)) == []  # the service needs some time


def test_a_prompt_without_an_effect() -> None:
    assert findings(shown(None)) == [("no_effect", 20, 49)]


def test_a_prompt_whose_effect_grows_has_no_finding() -> None:
    arrays = []
    for number in range(50):
        share = min(max(number - 22, 0) / 40, 1.0)
        mixed = (1 - share) * scene(number) + share * 255.0
        arrays.append(mixed.astype(np.uint8))
    assert findings(pictures(arrays, PROMPTS)) == []


def test_a_change_that_no_prompt_explains() -> None:
    assert findings(shown(20, ["a fox"] * 50)) == [("unlogged_prompt", 20, 20)]


def test_one_prompt_explains_one_change() -> None:
    arrays = [scene(number, seed=number // 20) for number in range(60)]
    assert findings(pictures(arrays, ["a fox"] * 20 + ["it rains"] * 40)) == [("unlogged_prompt", 40, 40)]


def test_a_change_over_a_black_picture_is_judged_by_the_pictures_around() -> None:
    arrays = [scene(number, seed=0 if number < 21 else 1) for number in range(50)]
    arrays[20] = np.zeros_like(arrays[0])
    assert findings(pictures(arrays)) == [("black", 20, 20), ("unlogged_prompt", 21, 21)]


def test_a_prompt_with_the_text_of_the_one_before_is_judged_by_its_time() -> None:
    prompts = (
        {"time_ns": 0, "prompt": "a fox"},
        {"time_ns": 20 * PERIOD_NS - 100_000, "prompt": "a fox"},
    )
    still = ["a fox"] * 50
    assert findings(shown(None, still), prompts=prompts) == [("no_effect", 20, 49)]
    assert findings(shown(20, still), prompts=prompts) == []


@pytest.mark.parametrize(
    ("second", "starts"),
    [
        ({"time_ns": 20 * PERIOD_NS}, [20]),
        ({"time_ns": 0, "frame_index": 7}, [7]),
        ({"time_ns": 99 * PERIOD_NS}, []),
        ({}, []),
        ({"time_ns": "soon"}, []),
    ],
)
def test_the_start_of_a_repeated_prompt(second: dict[str, Any], starts: list[int]) -> None:
    prompts = ({"time_ns": 0, "prompt": "a fox"}, {"prompt": "a fox", **second})
    frames = measured(pictures([scene(0, size=(16, 16))] * 30))
    assert prompt_starts(entry(30, prompts=prompts), frames) == starts


def test_too_few_frames_are_not_judged() -> None:
    assert findings(shown(None, ["a fox"] * 20 + ["it rains"] * 2)) == []


def test_what_the_manifest_says_about_prompts() -> None:
    steady = shown(None, ["a fox"] * 30)
    assert findings(steady, losses={"unlogged_prompts": 1}) == [("unlogged_prompt", 0, 29)]
    assert findings(steady, losses={"missing_prompts": 1}) == [("unlogged_prompt", 0, 29)]
    changed = shown(20, ["a fox"] * 50)
    assert findings(changed, losses={"unlogged_prompts": 1}) == [("unlogged_prompt", 20, 20)]
