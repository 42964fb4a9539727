"""One episode's clips: each begins and ends at the frames of its prompt, whatever the bag holds."""

from __future__ import annotations

import pickle
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from decoded_files import pictures_in
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.exports.clips_cuts import CutRules
from odyssey_ros.dataset.exports.clips_task import ClipsTask, export_clips
from odyssey_ros.dataset.reading.stored_episode import StoredEpisode
from stored_episodes import add_episode, contents
from video_kinds import write_sizes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROMPTS = ((0, "a fox"), (5, "it “rains”\nhard 🌧"), (7, ""), (10, "a fox"), (13, "snow"), (23, "night"))


def task_of(folder: Path, entry: Any, gop: int | None = None, **rules: Any) -> ClipsTask:
    (folder / "staging").mkdir(exist_ok=True)
    return ClipsTask(StoredEpisode(folder, entry), folder / "staging", "", CutRules(**rules), gop)


@pytest.mark.parametrize("gop", [None, 3])
@pytest.mark.parametrize("images", ["h264", "jpeg", "raw"])
def test_clips_begin_and_end_at_their_frames(
    images: str,
    gop: int | None,
    make_video: Callable[..., Path],
    tmp_path: Path,
    counter_of: Callable[[Any], int],
) -> None:
    task = task_of(tmp_path, add_episode(tmp_path, "walk", make_video(24), PROMPTS, images=images), gop)
    record = export_clips(pickle.loads(pickle.dumps(task)))
    assert [(clip.file_name, clip.text, clip.first_frame, clip.last_frame) for clip in record.clips] == [
        ("walk-000.mp4", "a fox", 0, 4),
        ("walk-001.mp4", "it “rains”\nhard 🌧", 5, 6),
        ("walk-003.mp4", "a fox", 10, 12),
        ("walk-004.mp4", "snow", 13, 22),
        ("walk-005.mp4", "night", 23, 23),
    ]
    for clip in record.clips:
        pictures = pictures_in(task.staged / clip.file_name)
        assert [counter_of(picture) for picture in pictures] == list(
            range(clip.first_frame, clip.last_frame + 1)
        )
        assert clip.frames == len(pictures)
        assert pictures[0].shape == (clip.height, clip.width, 3) == (192, 320, 3)
        assert (task.staged / clip.caption_name).read_bytes() == clip.text.encode()
        assert clip.fps == 20
        assert clip.copied == (images == "h264" and gop is None and clip.first_frame % 5 == 0)
    assert sorted(contents(task.staged)) == sorted(
        ["episode.json", *(name for clip in record.clips for name in (clip.file_name, clip.caption_name))]
    )


def test_a_task_that_runs_again_changes_nothing(make_video: Callable[..., Path], tmp_path: Path) -> None:
    task = task_of(tmp_path, add_episode(tmp_path, "walk", make_video(24), PROMPTS))
    record = export_clips(task)
    before = contents(task.staging)
    assert export_clips(task) == record
    assert contents(task.staging) == before


def test_resampled_clips(
    make_video: Callable[..., Path], tmp_path: Path, counter_of: Callable[[Any], int]
) -> None:
    entry = add_episode(tmp_path, "walk", make_video(12), [(0, "a fox"), (5, "rain")])
    task = task_of(tmp_path, entry, resample=40, max_seconds=Fraction("0.2"))
    record = export_clips(task)
    assert [(clip.file_name, clip.frames, clip.fps, clip.copied) for clip in record.clips] == [
        ("walk-000p00.mp4", 5, 40, False),
        ("walk-000p01.mp4", 4, 40, False),
        ("walk-001p00.mp4", 7, 40, False),
        ("walk-001p01.mp4", 6, 40, False),
    ]
    shown = [
        [counter_of(picture) for picture in pictures_in(task.staged / clip.file_name)]
        for clip in record.clips
    ]
    assert shown == [[0, 0, 1, 1, 2], [2, 3, 3, 4], [5, 5, 6, 6, 7, 7, 8], [8, 9, 9, 10, 10, 11]]
    assert [(clip.repeated_frames, clip.dropped_frames) for clip in record.clips] == [
        (2, 0), (1, 0), (3, 0), (2, 0)
    ]  # fmt: skip


def test_pictures_of_several_sizes_are_refused(tmp_path: Path) -> None:
    video = tmp_path / "sizes.mp4"
    write_sizes(video, [(320, 192), (192, 320)], 3)
    task = task_of(tmp_path, add_episode(tmp_path, "walk", video, [(0, "a fox")], images="jpeg"))
    with pytest.raises(EpisodeError, match="several sizes: 320x192, 192x320") as caught:
        export_clips(task)
    assert caught.value.code is ErrorCode.NOT_EXPORTABLE
    assert not list(task.staging.iterdir())


def test_a_broken_bag_leaves_nothing(make_video: Callable[..., Path], tmp_path: Path) -> None:
    entry = add_episode(tmp_path, "walk", make_video(24), PROMPTS)
    path = tmp_path / entry.files[0].path
    path.write_bytes(path.read_bytes()[:-2000])
    task = task_of(tmp_path, entry)
    with pytest.raises(EpisodeError) as caught:
        export_clips(task)
    assert caught.value.code is ErrorCode.BAG_BROKEN
    assert not list(task.staging.iterdir())


def test_a_disk_that_fails(make_video: Callable[..., Path], tmp_path: Path) -> None:
    task = task_of(tmp_path, add_episode(tmp_path, "walk", make_video(24), PROMPTS))
    task.staging.rmdir()
    task.staging.touch()
    with pytest.raises(EpisodeError, match="cannot write the clips") as caught:
        export_clips(task)
    assert caught.value.code is ErrorCode.DISK_FAILED
