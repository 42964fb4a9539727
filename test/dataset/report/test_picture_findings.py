"""Findings about single pictures: each fault is found at its frames, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from odyssey_ros.dataset.report.picture_findings import torn_pictures
from odyssey_ros.dataset.report.picture_states import PictureStates
from odyssey_ros.dataset.report.thresholds import THRESHOLDS
from synthetic_pictures import entry, findings, measured, pictures, scene


def numbers(*parts: range | list[int]) -> list[int]:
    return [number for part in parts for number in part]


def test_a_moving_scene_has_no_finding() -> None:
    assert findings(pictures([scene(number) for number in range(40)])) == []


def test_black_pictures() -> None:
    shown = [scene(number) for number in range(30)]
    for number in (10, 20, 21, 22):
        shown[number] = np.zeros_like(shown[0])
    assert findings(pictures(shown)) == [("black", 10, 10), ("black", 20, 22)]


@pytest.mark.parametrize(("count", "kind"), [(1, "repeated"), (3, "repeated"), (6, "frozen"), (20, "frozen")])
def test_a_picture_that_is_shown_again(count: int, kind: str) -> None:
    shown = numbers(range(15), [14] * count, range(15 + count, 40 + count))
    assert findings(pictures([scene(number) for number in shown])) == [(kind, 15, 14 + count)]


def test_a_freeze_to_the_end() -> None:
    shown = numbers(range(15), [14] * 8)
    assert findings(pictures([scene(number) for number in shown])) == [("frozen", 15, 22)]


def test_slow_motion_in_steps_is_neither_frozen_nor_repeated() -> None:
    assert findings(pictures([scene(number // 7) for number in range(70)])) == []
    assert findings(pictures([scene(number - number % 2) for number in range(40)])) == []


def test_a_still_video_is_frozen() -> None:
    assert findings(pictures([scene(0)] * 30)) == [("frozen", 1, 29)]


def test_pictures_that_are_replayed() -> None:
    shown = numbers(range(20), range(15, 40))
    assert findings(pictures([scene(number) for number in shown])) == [("repeated", 20, 24)]


def test_a_motion_to_and_fro_is_not_replayed() -> None:
    shown = numbers(range(20), range(18, 0, -1), range(20))
    kinds = [kind for kind, _, _ in findings(pictures([scene(number) for number in shown]))]
    assert "repeated" not in kinds
    assert "frozen" not in kinds


@pytest.mark.parametrize("count", [1, 2, 3])
def test_torn_pictures(count: int) -> None:
    shown = [scene(number) for number in range(30)]
    for number in range(12, 12 + count):
        shown[number][60 + 30 * (number - 12) :] = scene(50, seed=1)[60 + 30 * (number - 12) :]
    assert findings(pictures(shown)) == [("torn", 12, 11 + count)]


def test_a_view_that_moves_a_little_for_one_picture_is_not_torn() -> None:
    shown = [scene(0) for number in range(30)]
    shown[15] = np.roll(shown[15], 2, axis=1)
    for number, picture in enumerate(shown):
        picture[20:40, 5 * number : 5 * number + 20] = 255
    assert "torn" not in {kind for kind, _, _ in findings(pictures(shown))}


def test_the_text_says_what_is_torn() -> None:
    shown = [scene(number) for number in range(30)]
    shown[15][96:] = shown[8][96:]
    found = measured(pictures(shown))
    (torn,) = torn_pictures(entry(30), found, PictureStates.of(found, THRESHOLDS), [])
    assert torn.text == "1 picture of which a part is that of an earlier picture"
    shown[15][96:] = scene(8, seed=1)[:96]
    found = measured(pictures(shown))
    (torn,) = torn_pictures(entry(30), found, PictureStates.of(found, THRESHOLDS), [])
    assert "1 picture with a region that differs by" in torn.text


def test_pictures_that_the_decoder_guessed_until_the_next_key_frame() -> None:
    found = measured(pictures([scene(number) for number in range(20)]))
    corrupt, key = np.zeros(20, bool), np.zeros(20, bool)
    corrupt[[5, 6, 16]] = key[[0, 10]] = True
    found = replace(found, corrupt=corrupt, key=key)
    torn = torn_pictures(entry(20), found, PictureStates.of(found, THRESHOLDS), [])
    assert [(each.first, each.last) for each in torn] == [(5, 9), (16, 19)]
    assert "guessed parts of 5 pictures" in torn[0].text


def test_lost_references_of_the_manifest() -> None:
    shown = pictures([scene(number) for number in range(10)])
    assert findings(shown, losses={"lost_references": 2}) == [("torn", 0, 9)]
