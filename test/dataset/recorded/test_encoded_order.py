"""Which encoded pictures can be decoded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.reading.message_reader import ImageMessage
from odyssey_ros.dataset.recorded.encoded_order import EncodedOrder
from odyssey_ros.dataset.recorded.label_table import Label
from odyssey_ros.dataset.recorded.recorded_pictures import PictureKind, RecordedPicture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    MakeVideo = Callable[..., Path]


def _taken(
    video: Path, numbers: Sequence[int], losses: Counter[Loss], *, packets: bool = True, vp8: bool = False
) -> list[int]:
    """Return the numbers of the pictures that can be decoded; those below 0 have no label."""
    units = [frame.picture for frame in Episode("s", video).packets()]
    order = EncodedOrder(PictureKind.VP8 if vp8 else PictureKind.H264, losses)
    taken = []
    for number in numbers:
        unit = units[abs(number)]
        image = ImageMessage(unit.index, "f", unit.codec, unit.data)
        picture = RecordedPicture(PictureKind.H264, image, unit.index if packets else None)
        label = Label(unit.index, unit.index, unit.index, "") if number >= 0 else None
        checked = order.check(picture, label)
        if checked is not None:
            assert checked[1] == (320, 192)
            taken.append(number)
    return taken


@pytest.mark.parametrize("packets", [True, False])
def test_gaps_and_key_frames(make_video: MakeVideo, packets: bool) -> None:
    """The key frames are 0, 5 and 10."""
    video, losses = make_video(), Counter[Loss]()
    assert _taken(video, [2, 3, 5, 6, 8, 9, 10, 11], losses, packets=packets) == [5, 6, 10, 11]
    assert losses == {Loss.PICTURES_BEFORE_KEY_FRAME: 2, Loss.PICTURES_AFTER_GAP: 2}


@pytest.mark.parametrize("packets", [True, False])
def test_pictures_without_labels_are_decoded(make_video: MakeVideo, packets: bool) -> None:
    video, losses = make_video(), Counter[Loss]()
    assert _taken(video, [-5, -6, 7, -8, 9], losses, packets=packets) == [-5, -6, 7, -8, 9]
    assert not +losses


def test_vp8(make_video: MakeVideo) -> None:
    """Its only key frame is the first picture."""
    losses: Counter[Loss] = Counter()
    video = make_video(codec="libvpx", suffix="webm")
    assert _taken(video, [0, 1, 2, 4, 5], losses, vp8=True) == [0, 1, 2]
    assert losses == {Loss.PICTURES_AFTER_GAP: 2}


def test_damaged_units() -> None:
    losses: Counter[Loss] = Counter()
    order = EncodedOrder(PictureKind.H264, losses)
    for data in (b"", b"noise", b"\0\0\0\1\x65", b"\0\0\0\1\x67\x42"):
        picture = RecordedPicture(PictureKind.H264, ImageMessage(1, "f", "h264", data))
        assert order.check(picture, Label(1, 1, 1, "")) is None
    assert losses == {Loss.UNREADABLE_PICTURES: 4}
