"""Names of clips: safe as file names, different for different episodes, and no names of splits."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey_ros.dataset.exports.clips_names import clip_name, clip_stem


@pytest.mark.parametrize("name", ["walk-0123456789ab", "Fox_2", "contest", "evaluate", "latest-1", "trains"])
def test_safe_names_are_kept(name: str) -> None:
    assert clip_stem(name) == name


@pytest.mark.parametrize(
    "name", ["test-0123456789ab", "walk_val", "fox-dev-1", "train", "2eval2", "a-testing_b", "Test-1"]
)
def test_no_name_contains_the_word_of_a_split(name: str) -> None:
    stem = clip_stem(name)
    assert not re.search(
        "(^|[-._ 0-9/])(train|training|validation|valid|dev|val|test|testing|eval|evaluation)[-._ 0-9]",
        f"{stem}-000.mp4",
    )
    assert stem != clip_stem(stem.rpartition("-")[0])
    assert clip_stem(name) == stem


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=130), st.text(min_size=1, max_size=130))
def test_names_are_safe_and_differ(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,120}", clip_stem(one))
    assert (clip_stem(one) == clip_stem(other)) == (one == other)


def test_numbers_and_parts() -> None:
    assert clip_name("walk", 7, None) == "walk-007"
    assert clip_name("walk", 7, 0) == "walk-007p00"
    names = [
        clip_name(stem, number, part)
        for stem in ("walk", "walk-000", "walk-000p00")
        for number in (0, 1, 1000)
        for part in (None, 0, 1, 100)
    ]
    assert len(set(names)) == len(names)
