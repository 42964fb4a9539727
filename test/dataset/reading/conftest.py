"""Dataset folders with one episode each, to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.reading.dataset_folder import stored_episodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from altered_bags import AlteredDataset
    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode


@pytest.fixture
def stored(altered: Callable[..., AlteredDataset]) -> Callable[..., StoredEpisode]:
    """The episode of a copy of an emulated dataset: `stored("h264")`."""

    def read(images: str) -> StoredEpisode:
        (episode,) = stored_episodes(altered(images).folder)
        return episode

    return read
