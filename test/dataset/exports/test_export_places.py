"""The places of episodes: by split, by size, or one for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.exports.export_places import ExportPlaces
from odyssey_ros.dataset.exports.splits import Splits
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode


@pytest.fixture
def episodes(walks: Callable[..., Path]) -> list[StoredEpisode]:
    walks("a", frames=12)
    return stored_episodes(walks("b", frames=12, size=(192, 320)))


def places(rule: ExportPlaces, episodes: list[StoredEpisode]) -> list[str]:
    return [str(rule.place(episode)) for episode in episodes]


def test_places(episodes: list[StoredEpisode]) -> None:
    splits = Splits.parse("train=0.5,val=0.5")
    of = [splits.of("a"), splits.of("b")]
    assert places(ExportPlaces(), episodes) == [".", "."]
    assert places(ExportPlaces(splits), episodes) == of
    assert places(ExportPlaces(by_size=True), episodes) == ["320x192", "192x320"]
    assert places(ExportPlaces(splits, by_size=True), episodes) == [f"320x192/{of[0]}", f"192x320/{of[1]}"]
    assert [ExportPlaces(splits).split(episode) for episode in episodes] == of
    assert ExportPlaces().split(episodes[0]) == ""


def test_several_sizes(episodes: list[StoredEpisode]) -> None:
    ExportPlaces().check(episodes[:1])
    ExportPlaces(by_size=True).check(episodes)
    with pytest.raises(PlanError, match=r"2 sizes, .*320x192 \(a\), 192x320 \(b\)\. Give --split-by size"):
        ExportPlaces().check(episodes)
