"""The state of a dataset: what it reads is what it wrote, and episodes that do not fit are refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.exports.lerobot_episode import StagedEpisode
from odyssey_ros.dataset.exports.lerobot_state import DatasetState, VideoFormat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STAGED = StagedEpisode("0", 24, 20, 320, 192, "yuv420p", ((0, "a fox"),), {})


@pytest.fixture
def state(walks: Callable[..., Path], export_lerobot: Callable[..., Any], tmp_path: Path) -> DatasetState:
    export_lerobot(walks("a", "b"), tmp_path / "out")
    return DatasetState(tmp_path / "out", PurePosixPath(), "", None, "1.0")


def test_an_empty_dataset(tmp_path: Path) -> None:
    state = DatasetState(tmp_path, PurePosixPath("val"), "val", None, "1.0")
    assert (state.records, state.video, state.frames) == ({}, None, 0)
    state.check(STAGED)


def test_a_dataset_is_read_again(state: DatasetState) -> None:
    assert state.video == VideoFormat(20, 320, 192, "yuv420p")
    assert state.frames == 48
    assert [
        (record.episode, record.episode_index, record.stream_id, record.frames)
        for record in state.records.values()
    ] == [("a", 0, "stream-a", 24), ("b", 1, "stream-b", 24)]
    state.check(STAGED)


def test_findings_make_the_files_outdated(state: DatasetState) -> None:
    assert not state.is_outdated
    state.set_flagged("a", has_findings=False)  # the export asks for findings now
    assert state.is_outdated


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"rate": 30}, "its frame rate is 30 Hz, but that of the dataset is 20 Hz"),
        ({"width": 192, "height": 320}, "192x320 yuv420p, but those of the dataset are 320x192 yuv420p"),
        ({"pixel_format": "yuv444p"}, "320x192 yuv444p, but those of the dataset are 320x192 yuv420p"),
    ],
)
def test_episodes_that_do_not_fit(change: dict[str, Any], text: str, state: DatasetState) -> None:
    with pytest.raises(EpisodeError, match=text) as caught:
        state.check(replace(STAGED, **change))
    assert caught.value.code is ErrorCode.NOT_EXPORTABLE
