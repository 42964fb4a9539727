"""Which encoded pictures of a recorded bag can be decoded: from a key frame on, up to a missing picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.client.unit_content import H264Reader, UnitContent, vp8_content
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.recorded.recorded_pictures import PictureKind
from odyssey_ros.dataset.videos.h264_references import MissingPictureError, ReferenceOrder

if TYPE_CHECKING:
    from collections import Counter

    from odyssey_ros.dataset.recorded.label_table import Label
    from odyssey_ros.dataset.recorded.recorded_pictures import RecordedPicture


class EncodedOrder:
    """Checks consecutive pictures of a stream, in order. For one thread.

    A missing picture is found by the numbers of packets, by those in the H.264 stream, and by the numbers of
    frames: the bridge leaves out no frame without sending a key frame after it.

    Args:
        kind: H.264 or VP8.
        losses: Where labelled pictures that cannot be decoded are counted.
    """

    def __init__(self, kind: PictureKind, losses: Counter[Loss]) -> None:
        self._kind = kind
        self._losses = losses
        self._reader = H264Reader()
        self._references = ReferenceOrder()
        self._begun = False
        self._waits = True  # for a key frame
        self._next_number: int | None = None
        self._next_index: int | None = None
        self._size = (0, 0)

    def wait(self) -> None:
        """Take no picture up to the next key frame: one was left out, or cannot be decoded."""
        self._waits = True

    def check(
        self, picture: RecordedPicture, label: Label | None
    ) -> tuple[UnitContent, tuple[int, int]] | None:
        """Check the next picture.

        Args:
            picture: The picture.
            label: Its labels, if it has any.

        Returns:
            The access unit, which has its parameter sets if it is a key frame, and its size in pixels; None
            if it cannot be decoded.
        """
        data = bytes(picture.image.data)
        content = self._reader.content(data) if self._kind is PictureKind.H264 else vp8_content(data)
        key_is_usable = content.is_key_frame and content.size is not None
        if not content.is_picture or not content.is_usable or (content.is_key_frame and not key_is_usable):
            self._waits = True
            self._count(Loss.UNREADABLE_PICTURES, label)
            return None
        missing = self._is_after_gap(content, picture, label)
        if content.is_key_frame:
            self._begun, self._waits = True, False
            self._size = content.size or self._size
        elif missing:
            self._waits = True
        if self._waits:
            self._count(Loss.PICTURES_AFTER_GAP if self._begun else Loss.PICTURES_BEFORE_KEY_FRAME, label)
            return None
        return content, self._size

    def _is_after_gap(self, content: UnitContent, picture: RecordedPicture, label: Label | None) -> bool:
        missing = self._next_number is not None and picture.number not in (None, self._next_number)
        self._next_number = None if picture.number is None else picture.number + 1
        if label is not None:
            missing |= self._next_index is not None and label.frame_index != self._next_index
            self._next_index = label.frame_index + 1
        elif self._next_index is not None:
            self._next_index += 1
        if self._kind is PictureKind.H264:
            try:
                self._references.check(content.data)
            except MissingPictureError:
                missing = True
        return missing

    def _count(self, loss: Loss, label: Label | None) -> None:
        self._losses[loss] += label is not None
