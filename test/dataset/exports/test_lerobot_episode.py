"""Staged episodes: every frame of the video is the one of its labels, copied or encoded."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError, StateError
from odyssey_ros.dataset.exports.lerobot_episode import EpisodeTask, export_episode, read_staged
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
from odyssey_ros.dataset.videos.video import Video
from stored_episodes import START_NS, add_episode, video_without

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD_NS = 50_000_000


@pytest.fixture
def staged(tmp_path: Path) -> Callable[..., Path]:
    """Exports the only episode of a dataset folder; returns the staging folder."""

    def export(folder: Path, *, gop: int | None = None, resample: int | None = None) -> Path:
        (episode,) = stored_episodes(folder)
        task = EpisodeTask(episode, tmp_path / "staged", gop, resample)
        export_episode(task)
        return task.staged

    return export


@pytest.fixture
def shown(counter_of: Callable[[Any], int]) -> Callable[[Path], list[int]]:
    """Returns the numbers of the pictures of a staged video, whose times must be constant."""

    def read(folder: Path) -> list[int]:
        with Video(folder / "video.mp4") as video:
            pictures = list(video.pictures())
        assert [picture.media_time_ns for picture in pictures] == [
            number * PERIOD_NS for number in range(len(pictures))
        ]
        return [counter_of(picture.frame.to_ndarray(format="rgb24")) for picture in pictures]

    return read


def frames(folder: Path) -> dict[str, list[int]]:
    columns: dict[str, list[int]] = pq.read_table(folder / "frames.parquet").to_pydict()
    return columns


def key_frames(folder: Path) -> list[int]:
    with Video(folder / "video.mp4") as video:
        return [number for number, unit in enumerate(video.h264_packets()) if unit.is_key_frame]


def test_a_copied_episode(
    walks: Callable[..., Path], staged: Callable[..., Path], shown: Callable[[Path], list[int]]
) -> None:
    folder = walks("a")
    result = staged(folder)
    assert shown(result) == list(range(24))
    assert key_frames(result) == [0, 5, 10, 15, 20]
    assert frames(result) == {
        "frame_index": list(range(24)),
        "stamp_ns": [START_NS + number * PERIOD_NS for number in range(24)],
        "media_time_ns": [number * PERIOD_NS for number in range(24)],
        "stream_frame_index": list(range(24)),
    }
    found = read_staged(result)
    assert (found.frames, found.rate, found.width, found.height) == (24, 20, 320, 192)
    assert found.pixel_format == "yuv420p"
    assert found.prompts == ((0, "a fox"), (10, "it “rains”"))
    assert found.statistics["count"] == [1]
    assert found.notes == {}
    (entry,) = (episode.entry for episode in stored_episodes(folder))
    assert found.crc32 == entry.files[0].crc32


@pytest.mark.parametrize("images", ["raw", "jpeg", "h264"])
def test_an_encoded_episode(
    images: str,
    walks: Callable[..., Path],
    staged: Callable[..., Path],
    shown: Callable[[Path], list[int]],
) -> None:
    result = staged(walks("a", images=images), gop=2)
    assert shown(result) == list(range(24))
    assert key_frames(result) == list(range(0, 24, 2))
    assert read_staged(result).prompts == ((0, "a fox"), (10, "it “rains”"))
    assert read_staged(result).statistics["count"] == [5]


def test_statistics_of_the_pictures(walks: Callable[..., Path], staged: Callable[..., Path]) -> None:
    result = staged(walks("a"))
    with Video(result / "video.mp4") as video:
        first = next(iter(video.pictures())).frame.to_ndarray(format="rgb24")
    mean = np.asarray(read_staged(result).statistics["mean"]).ravel()
    assert mean == pytest.approx(first.reshape(-1, 3).mean(0) / 255, abs=0.01)


def test_gaps_are_filled(
    make_video: Callable[..., Path],
    staged: Callable[..., Path],
    shown: Callable[[Path], list[int]],
    tmp_path: Path,
) -> None:
    video = video_without(make_video(24), tmp_path / "gap.mp4", {9, 10, 15})
    add_episode(tmp_path / "walks", "a", video, [(0, "a fox"), (9, "it rains")])
    with pytest.raises(EpisodeError, match=r"3 frames .*at frame 9.*--resample 20") as caught:
        staged(tmp_path / "walks")
    assert caught.value.code is ErrorCode.NOT_EXPORTABLE
    assert not (tmp_path / "staged").exists()
    result = staged(tmp_path / "walks", resample=20)
    assert shown(result) == [*range(9), 8, 8, *range(11, 15), 14, *range(16, 24)]
    assert read_staged(result).notes == {"repeated_frames": 3}
    assert read_staged(result).prompts == ((0, "a fox"), (11, "it rains"))
    assert frames(result)["media_time_ns"][8:12] == [8 * PERIOD_NS] * 3 + [11 * PERIOD_NS]


def test_another_rate(walks: Callable[..., Path], staged: Callable[..., Path]) -> None:
    found = read_staged(staged(walks("a"), resample=10))
    assert (found.frames, found.rate) == (13, 10)
    assert found.notes == {"left_out_frames": 11}


def test_an_episode_without_gaps_is_copied_when_it_is_resampled(
    walks: Callable[..., Path], staged: Callable[..., Path]
) -> None:
    assert key_frames(staged(walks("a"), resample=20)) == [0, 5, 10, 15, 20]


@pytest.mark.parametrize("resample", [None, 20])
@pytest.mark.parametrize("images", ["raw", "jpeg"])
def test_pictures_that_must_be_encoded(
    images: str, resample: int | None, walks: Callable[..., Path], staged: Callable[..., Path]
) -> None:
    with pytest.raises(EpisodeError, match=f"its pictures are {images}.*give --gop N") as caught:
        staged(walks("a", images=images), resample=resample)
    assert caught.value.code is ErrorCode.NOT_EXPORTABLE


def test_frames_without_a_prompt_are_counted(
    make_video: Callable[..., Path], staged: Callable[..., Path], tmp_path: Path
) -> None:
    add_episode(tmp_path / "walks", "a", make_video(24), [], losses={"missing_prompts": 1})
    found = read_staged(staged(tmp_path / "walks"))
    assert found.prompts == ((0, ""),)
    assert found.notes == {"frames_without_prompt": 24}


def test_an_odd_size_cannot_be_encoded(
    make_video: Callable[..., Path], staged: Callable[..., Path], tmp_path: Path
) -> None:
    video = make_video(4, size=(321, 192), codec="mpeg4")
    add_episode(tmp_path / "walks", "a", video, images="raw")
    with pytest.raises(EpisodeError, match="321x192 pixels, but both must be even"):
        staged(tmp_path / "walks", gop=2)


def test_a_broken_bag(walks: Callable[..., Path], staged: Callable[..., Path], tmp_path: Path) -> None:
    folder = walks("a")
    (path,) = (folder / "episodes" / "a").glob("*.mcap")
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(EpisodeError) as caught:
        staged(folder)
    assert caught.value.code is ErrorCode.BAG_BROKEN
    assert [each.name for each in tmp_path.iterdir()] == ["walks"]


@pytest.mark.parametrize("gop", [None, 2])
def test_a_full_disk(gop: int | None, walks: Callable[..., Path], tmp_path: Path) -> None:
    """The limit of the size of files has the effect of a full disk."""
    code = f"""
import resource
from pathlib import Path
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.exports.lerobot_episode import EpisodeTask, export_episode
from odyssey_ros.dataset.reading.dataset_folder import stored_episodes
(episode,) = stored_episodes(Path({str(walks("a"))!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000))
try:
    export_episode(EpisodeTask(episode, Path({str(tmp_path / "staged")!r}), {gop}))
except EpisodeError as error:
    print(type(error).__name__, error)
"""
    assert resource.RLIMIT_FSIZE
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.startswith("EpisodeError DISK_FULL: no room to write"), done
    assert sorted(each.name for each in tmp_path.iterdir()) == ["walks"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1}', '{"format": 2, "prompts": []}', "[" * 10_000]
)
def test_a_result_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "episode.json").write_text(text)
    with pytest.raises(StateError, match=r"episode\.json"):
        read_staged(tmp_path)
