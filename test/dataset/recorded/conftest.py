"""The command `bags` in this process, and the episodes that it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from inline_engine import inline_engine
from odyssey_ros.dataset import bags_command
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode


class Conversion:
    """Runs the command with one output folder."""

    def __init__(self, folder: Path, counter_of: Callable[[Any], int]) -> None:
        self.folder = folder
        self._counter_of = counter_of

    def run(self, *arguments: object) -> int:
        return main(["bags", *map(str, arguments), "-o", str(self.folder)])

    def episodes(self) -> dict[str, StoredEpisode]:
        return {episode.name: episode for episode in stored_episodes(self.folder)}

    def frames(self, episode: StoredEpisode) -> list[tuple[int, str]]:
        """Check each picture against its labels; return numbers and prompts."""
        found = []
        for picture in episode.pictures():
            assert self._counter_of(picture.frame.to_ndarray(format="rgb24")) == picture.labels.index
            found.append((picture.labels.index, picture.labels.prompt))
        return found

    def only(self) -> tuple[StoredEpisode, list[tuple[int, str]]]:
        """Check that the dataset has one episode without a fault; return it with its frames."""
        (episode,) = self.episodes().values()
        assert self.verify() == 0
        return episode, self.frames(episode)

    def verify(self) -> int:
        return main(["verify", "--deep", str(self.folder)])


@pytest.fixture
def conversion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counter_of: Callable[[Any], int]
) -> Conversion:
    monkeypatch.setattr(bags_command, "selected_engine", inline_engine)
    return Conversion(tmp_path / "dataset", counter_of)
