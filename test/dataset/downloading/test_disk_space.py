"""Space that stays free on the disk."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.downloading.disk_space import DiskSpace
from odyssey_ros.dataset.errors import EpisodeError

if TYPE_CHECKING:
    from pathlib import Path

_TIB = 1 << 40


@pytest.mark.parametrize(("reserve", "needed"), [(0, 1), (1, 0), (1, 1)])
def test_a_disk_with_too_little_room(reserve: int, needed: int, tmp_path: Path) -> None:
    size = shutil.disk_usage(tmp_path).total + _TIB
    DiskSpace(0).check(tmp_path, 0, "video.mp4")
    with pytest.raises(
        EpisodeError, match=r"no room for video\.mp4: .* MiB are needed .* free space or"
    ) as error:
        DiskSpace(reserve * size).check(tmp_path, needed * size, "video.mp4")
    assert (error.value.code, error.value.retryable) == (ErrorCode.DISK_FULL, False)
