"""What the manifest says about frames that the video lacks, or that have the time of the frame before.

Such losses are recorded when the bag is made. The check accepts as many of them as are recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.dataset.losses import UNRECORDED_LOSSES, Loss

if TYPE_CHECKING:
    from collections.abc import Mapping


class RecordedGaps:
    """The losses of one episode that explain a gap or a repeated stamp; each explains one only.

    Args:
        losses: The losses in the manifest.

    Attributes:
        left_out_first: Number of frames before the first one of the bag.
        duplicates: Whether frames may have the stamp of the frame before.
        lost_references: Number of places at which a picture is missing on which later ones are based.
    """

    def __init__(self, losses: Mapping[str, int]) -> None:
        self.left_out_first = losses.get(Loss.UNDECODABLE_START.value, 0)
        self.lost_references = losses.get(Loss.LOST_REFERENCES.value, 0)
        self._missing = losses.get(Loss.MISSING_PICTURES.value, 0)
        self._unrecorded = sum(losses.get(loss.value, 0) for loss in UNRECORDED_LOSSES)
        self._duplicates = losses.get(Loss.DUPLICATE_STAMPS.value, 0)
        self.duplicates = self._duplicates > 0

    def missing(self, count: int) -> bool:
        """Return whether a gap of `count` frames is recorded; each recorded frame is used only once."""
        if not 0 < count <= self._missing + self._unrecorded:
            return False
        from_video = min(count, self._missing)
        self._missing -= from_video
        self._unrecorded -= count - from_video
        return True

    def unrecorded(self, count: int) -> bool:
        """Return whether a live recording lacks `count` frames; each recorded frame is used only once."""
        if not 0 < count <= self._unrecorded:
            return False
        self._unrecorded -= count
        return True

    def duplicate(self) -> bool:
        """Return whether one more frame with the stamp of the frame before is recorded; each is used once."""
        if self._duplicates <= 0:
            return False
        self._duplicates -= 1
        return True
