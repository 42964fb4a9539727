"""Episodes of exported datasets as the player plays them: prompts, files, and what is refused."""

from __future__ import annotations

import asyncio
import json

import pytest

from exported_dataset_files import write_dataset
from exported_dataset_numbers import number_of
from odyssey_ros.bridge.player import exported_episodes
from odyssey_ros.bridge.player.episode_library import DatasetRequest
from odyssey_ros.bridge.player.exported_episodes import open_dataset
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.dataset.errors import EpisodeError

PROMPTS = [["a fox"] * 4 + ["rain"] * 3 + ["a fox"] * 2, ["", "snow", "snow"], ["rain"] * 5]


class FakeObserver:
    """Records what is reported."""

    def __init__(self):
        self.count, self.episodes = None, []

    def episodes_found(self, count):
        self.count = count

    def fetching(self, text):
        pass

    def episode_fetched(self, number, episode):
        assert number == len(self.episodes)
        assert episode.script_index == -1
        self.episodes.append(episode.episode)


def opened(folder, tmp_path, episode=-1):
    """Return what is reported of a dataset, and the warnings."""
    observer, warnings = FakeObserver(), []
    (tmp_path / "copies").mkdir(exist_ok=True)
    request = DatasetRequest(folder, episode)
    asyncio.run(open_dataset(request, tmp_path / "copies", observer, warn=warnings.append))
    assert observer.count == len(observer.episodes)
    return observer.episodes, warnings


def content(episode):
    """Return the number and the prompt of each frame, decoded from the file of an episode."""
    return [
        (number_of(frame.picture.frame.to_ndarray(format="rgb24")), frame.prompt)
        for frame in episode.frames()
    ]


def expected(number):
    first = sum(map(len, PROMPTS[:number]))
    return [(first + frame, prompt) for frame, prompt in enumerate(PROMPTS[number])]


def test_all_episodes(tmp_path):
    episodes, warnings = opened(write_dataset(tmp_path / "set", PROMPTS), tmp_path)
    assert [content(episode) for episode in episodes] == [expected(number) for number in range(3)]
    assert [episode.stream_id for episode in episodes] == [f"episode_00000{number}" for number in range(3)]
    assert episodes[0].events.prompts() == ("a fox", "rain", "a fox")
    assert warnings == ["The labels of the dataset are incomplete: some frames have no prompt"]
    assert not list((tmp_path / "copies").iterdir())


@pytest.mark.parametrize("number", [0, 1, 2])
def test_one_episode_of_a_shared_file_is_copied(tmp_path, number):
    folder = write_dataset(tmp_path / "set", PROMPTS, shared=True, gop=3)
    (episode,), _ = opened(folder, tmp_path, number)
    assert content(episode) == expected(number)
    assert episode.video_path.parent == tmp_path / "copies"
    with pytest.raises(OdysseyError, match="share video files: set dataset_episode") as caught:
        opened(folder, tmp_path)
    assert caught.value.code is ErrorCode.CONFIGURATION


def test_stream_ids_and_cameras(tmp_path):
    cameras = ("observation.images.left", "observation.images.odyssey")
    folder = write_dataset(tmp_path / "set", PROMPTS, cameras=cameras)
    records = [{"episode_index": 1, "stream_id": "walk\n7"}]
    (folder / "meta" / "odyssey.json").write_text(json.dumps({"episodes": records}))
    (episode,), _ = opened(folder, tmp_path, 1)
    assert episode.stream_id == "walk 7"
    assert "observation.images.odyssey" in episode.video_path.parts


def test_prompts_are_cleaned(tmp_path):
    (episode,), _ = opened(write_dataset(tmp_path / "set", [["a\x00b\u202e\nc"] * 2]), tmp_path)
    assert episode.events.prompts() == ("ab\nc",)


@pytest.mark.parametrize("text", ["", "[]", '{"episodes": [{"episode_index": 1}]}', "[" * 100_000])
def test_a_damaged_dataset(tmp_path, text):
    folder = write_dataset(tmp_path / "set", PROMPTS)
    (folder / "meta" / "odyssey.json").write_text(text)
    with pytest.raises(OdysseyError, match=r"odyssey\.json is damaged") as caught:
        opened(folder, tmp_path)
    assert caught.value.code is ErrorCode.CONFIGURATION


def test_what_is_not_there(tmp_path):
    folder = write_dataset(tmp_path / "set", PROMPTS, cameras=())
    with pytest.raises(OdysseyError, match="has no video"):
        opened(folder, tmp_path)
    folder = write_dataset(tmp_path / "set2", PROMPTS)
    with pytest.raises(OdysseyError, match="has no episode 3; it has 3, counted from 0"):
        opened(folder, tmp_path, 3)
    with pytest.raises(OdysseyError, match="is no LeRobotDataset"):
        opened(tmp_path, tmp_path)


def test_one_broken_episode_leaves_the_others(tmp_path, monkeypatch):
    folder = write_dataset(tmp_path / "set", PROMPTS)
    (folder / "data" / "chunk-000" / "file-001.parquet").write_bytes(b"PAR1")
    (first, second, third), _ = opened(folder, tmp_path)
    assert content(first) == expected(0)
    assert content(third) == expected(2)
    assert isinstance(second, EpisodeError)
    assert second.code is ErrorCode.NOT_PLAYABLE
    monkeypatch.setattr(exported_episodes, "MAX_EVENTS", 2)
    (first, _, third), _ = opened(folder, tmp_path)
    assert "changes 2 times; 2 prompts are played at most" in str(first)
    assert content(third) == expected(2)


def test_an_episode_that_cannot_be_copied(tmp_path):
    folder = write_dataset(tmp_path / "set", PROMPTS, shared=True, gop=100)  # without a key frame of its own
    (episode,), _ = opened(folder, tmp_path, 1)
    assert isinstance(episode, EpisodeError)
    assert episode.code is ErrorCode.VIDEO_BROKEN
    assert "cannot be cut: 3 pictures have to follow a key frame at 0.9000 s" in str(episode)
