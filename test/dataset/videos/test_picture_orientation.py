"""Pictures that their file's display matrix turns, against the definition of the matrix."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.videos.picture_orientation import (
    UPRIGHT,
    Orientation,
    UprightPictures,
    orientation_of,
)
from odyssey_ros.dataset.videos.video import Video
from video_kinds import KINDS, picture, set_display_matrix, write_kind

if TYPE_CHECKING:
    from pathlib import Path

MATRICES = [
    (1, 0, 0, 1),
    (0, 1, -1, 0),
    (-1, 0, 0, -1),
    (0, -1, 1, 0),
    (-1, 0, 0, 1),
    (1, 0, 0, -1),
    (0, 1, 1, 0),
    (0, -1, -1, 0),
]


@pytest.mark.parametrize("matrix", MATRICES)
def test_pictures_are_upright(matrix: tuple[int, int, int, int], tmp_path: Path) -> None:
    path = set_display_matrix(write_kind(tmp_path / "video.mp4", KINDS["mp4"]), *matrix)
    a, b, c, d = matrix
    plain = picture(11).astype(int)
    rows, columns = np.mgrid[: plain.shape[0], : plain.shape[1]]
    x, y = a * columns + c * rows, b * columns + d * rows
    x, y = x - x.min(), y - y.min()
    expected = np.zeros((y.max() + 1, x.max() + 1, 3), int)
    expected[y, x] = plain
    with Video(path) as video:
        frame = next(video.pictures(11)).frame
    assert (frame.width, frame.height) == expected.shape[1::-1]
    assert np.abs(frame.to_ndarray(format="rgb24") - expected).mean() < 4  # 30 or more if it is wrong


@pytest.mark.parametrize("matrix", [(1, 1, -1, 1), (2, 0, 0, 1), (1, 0, 1, 1), (0, 0, 0, 0)])
def test_other_matrices_are_refused(matrix: tuple[int, int, int, int], tmp_path: Path) -> None:
    path = set_display_matrix(write_kind(tmp_path / "video.mp4", KINDS["mp4"]), *matrix)
    with Video(path) as video, pytest.raises(EpisodeError, match="not a multiple of 90 degrees") as caught:
        list(video.pictures())
    assert caught.value.code is ErrorCode.VIDEO_UNSUPPORTED


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "gray"])
def test_turning_keeps_stamp_and_colours(pixel_format: str) -> None:
    rgb = np.full((32, 48, 3), (200, 30, 40), np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
    frame.pts, frame.colorspace, frame.color_range = 7, 1, 1
    before = frame.to_ndarray(format="rgb24")[0, 0].astype(int)
    turner = UprightPictures()
    assert turner.turned(frame, Fraction(1, 1000)) is frame
    turned = turner.applied(Orientation(transposed=True, flipped=True), frame, Fraction(1, 1000))
    assert (turned.width, turned.height, turned.pts) == (32, 48, 7)
    assert (turned.colorspace, turned.color_range) == (1, 1)
    assert np.abs(turned.to_ndarray(format="rgb24")[5, 5] - before).max() <= 2


def test_a_picture_without_a_matrix_is_upright() -> None:
    assert orientation_of(av.VideoFrame(16, 16, "yuv420p")) == UPRIGHT
