"""Messages of bags: the asked topics, in order; every damage is an error that names the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.reading.bag_messages import bag_messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode

INFO = "/odyssey/frame_info"


@pytest.fixture
def bag(stored: Callable[..., StoredEpisode]) -> Path:
    episode = stored("jpeg")
    (path,) = (episode.folder / episode.entry.bag).glob("*.mcap")
    return path


def test_only_the_asked_topics(bag: Path) -> None:
    messages = list(bag_messages(bag, [INFO, "/odyssey/events"]))
    assert {message.topic for message in messages} == {INFO, "/odyssey/events"}
    assert [message.time_ns for message in messages] == sorted(message.time_ns for message in messages)


def test_a_topic_that_is_not_there(bag: Path) -> None:
    with pytest.raises(EpisodeError, match="it has no topic /other"):
        list(bag_messages(bag, [INFO, "/other"]))


@pytest.mark.parametrize("kept", [0, 7, 100, 5000, -20, -1])
def test_a_cut_off_file(kept: int, bag: Path) -> None:
    bag.write_bytes(bag.read_bytes()[:kept])
    with pytest.raises(EpisodeError) as caught:
        list(bag_messages(bag, [INFO]))
    assert caught.value.code is ErrorCode.BAG_BROKEN
    assert str(bag) in caught.value.message


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match="No such file"):
        list(bag_messages(tmp_path / "none.mcap", [INFO]))


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match="it is a folder"):
        list(bag_messages(tmp_path, [INFO]))
