"""Splits: each episode is in one, in the given shares, and stays there."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.exports.splits import Splits


def test_shares_are_nearly_met() -> None:
    splits = Splits.parse("train=0.9,val=0.1")
    counts = Counter(splits.of(f"episode-{number}") for number in range(5000))
    assert counts["train"] + counts["val"] == 5000
    assert 400 < counts["val"] < 600


def test_an_episode_stays_in_its_split() -> None:
    """The values are fixed: another hash would move the episodes of existing datasets."""
    splits = Splits.parse("train=0.5,val=0.25,test=0.25")
    assert [splits.of(f"walk-{number}") for number in range(6)] == [
        "train",
        "test",
        "val",
        "val",
        "train",
        "train",
    ]


@given(st.text(max_size=30))
def test_every_name_has_a_split(name: str) -> None:
    assert Splits.parse("a=0.333,b=0.333,c=0.334").of(name) in {"a", "b", "c"}


def test_a_single_split_has_everything() -> None:
    assert {Splits.parse("all=1").of(str(number)) for number in range(100)} == {"all"}


@pytest.mark.parametrize(
    "text",
    ["", "train", "train=", "train=0.9", "train=0.9,val=0.2", "train=1,val=0", "a=0.5,a=0.5", "../x=1",
     "a=nan", "a=inf,b=0.5", "a=-1,b=2", "a=1_0", "a b=1"],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(PlanError):
        Splits.parse(text)


@pytest.mark.parametrize("text", ["train=0.9,val=0.1", "a=1", "a=0.333,b=0.333,c=0.334"])
def test_the_text_of_splits_is_that_of_the_option(text: str) -> None:
    """A message about other settings shows what the option has to be."""
    assert str(Splits.parse(text)) == text
