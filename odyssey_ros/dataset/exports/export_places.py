"""Where the episodes of an export go: one dataset, or one for each size and each split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from odyssey_ros.dataset.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from odyssey_ros.dataset.exports.splits import Splits
    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode


@dataclass(frozen=True, slots=True)
class ExportPlaces:
    """The rule by which episodes are distributed. A place is a folder relative to that of the export.

    Attributes:
        splits: The splits by episode, or None for no splits.
        by_size: Whether pictures of different sizes go to different datasets.
    """

    splits: Splits | None = None
    by_size: bool = False

    def place(self, episode: StoredEpisode) -> PurePosixPath:
        """Return the place of an episode. It depends only on its name and the size of its first picture."""
        width, height = episode.sizes[0]
        size = (f"{width}x{height}",) if self.by_size else ()
        return PurePosixPath(*size, self.split(episode))

    def split(self, episode: StoredEpisode) -> str:
        """Return the name of the split of an episode; empty without splits."""
        return "" if self.splits is None else self.splits.of(episode.name)

    def check(self, episodes: Iterable[StoredEpisode]) -> None:
        """Check that the pictures of all episodes have the same size, unless the sizes are separated.

        Raises:
            PlanError: There are several sizes.
        """
        if self.by_size:
            return
        first: dict[tuple[int, int], str] = {}
        for episode in episodes:
            first.setdefault(episode.sizes[0], episode.name)
        if len(first) > 1:
            found = ", ".join(f"{width}x{height} ({name})" for (width, height), name in first.items())
            raise PlanError(
                f"the episodes have pictures of {len(first)} sizes, but a dataset has one: {found}. Give "
                "--split-by size to make one dataset for each size"
            )
