"""Stored episodes: what the bag has is what the emulator showed, whatever the encoding of the pictures."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.emulator.prompts import applied_prompt
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.dataset.reading.stored_episode import StoredEpisode

PROMPTS = ("a fox", "it “rains”")
ENCODINGS = ("raw", "jpeg", "h264")


@pytest.mark.parametrize("images", ENCODINGS)
def test_each_picture_has_its_own_labels(images: str, stored: Callable[..., StoredEpisode]) -> None:
    episode = stored(images)
    pictures = list(episode.pictures())
    digests = {applied_prompt(prompt): prompt_digest(prompt) for prompt in PROMPTS}
    assert len(pictures) == episode.entry.frames
    for position, picture in enumerate(pictures):
        marker = read_marker(picture.frame.to_ndarray(format="rgb24"))
        assert marker is not None
        assert marker.prompt_id == digests[picture.labels.prompt]
        assert (picture.labels.position, picture.labels.index) == (position, position)
        assert picture.labels.stamp_ns == episode.entry.start_time_ns + picture.labels.media_time_ns
    assert [picture.labels for picture in pictures] == list(episode.labels())
    assert {picture.labels.prompt for picture in pictures} == set(digests)


@pytest.mark.parametrize("images", ENCODINGS)
def test_frames_are_as_the_bag_has_them(images: str, stored: Callable[..., StoredEpisode]) -> None:
    episode = stored(images)
    frames = list(episode.frames())
    assert [frame.labels for frame in frames] == list(episode.labels())
    assert {frame.image.format for frame in frames} == {{"raw": "rgb8"}.get(images, images)}


def test_events_are_those_of_the_stream(stored: Callable[..., StoredEpisode]) -> None:
    assert [event.prompt for event in stored("jpeg").events()][:2] == [
        applied_prompt(prompt) for prompt in PROMPTS
    ]


def test_sizes(stored: Callable[..., StoredEpisode]) -> None:
    assert stored("jpeg").sizes == ((1280, 704),)


def test_an_episode_can_be_sent_to_another_process(stored: Callable[..., StoredEpisode]) -> None:
    episode = stored("jpeg")
    assert pickle.loads(pickle.dumps(episode)) == episode


@pytest.mark.parametrize("images", ENCODINGS)
def test_a_cut_off_bag_is_an_error(images: str, stored: Callable[..., StoredEpisode]) -> None:
    episode = stored(images)
    (path,) = (episode.folder / episode.entry.bag).glob("*.mcap")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(EpisodeError) as caught:
        list(episode.pictures())
    assert caught.value.code is ErrorCode.BAG_BROKEN
    assert str(path) in caught.value.message


def test_unknown_pictures_are_an_error(stored: Callable[..., StoredEpisode]) -> None:
    episode = stored("jpeg")
    unknown = replace(episode, entry=replace(episode.entry, images="gif"))
    with pytest.raises(EpisodeError, match="the manifest says 'gif' pictures") as caught:
        list(unknown.frames())
    assert caught.value.code is ErrorCode.BAG_BROKEN


def test_metadata_that_would_be_parsed_for_minutes(stored: Callable[..., StoredEpisode]) -> None:
    episode = stored("jpeg")
    (episode.folder / episode.entry.bag / "metadata.yaml").write_text("- []\n" * 300_000)
    with pytest.raises(EpisodeError, match=r"metadata\.yaml .* it is larger than 1 MiB"):
        list(episode.labels())
