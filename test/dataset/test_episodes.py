"""Frames with their labels, from the first or from any other frame on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVENTS = EventLog((Event(EventKind.STARTED, 0, "first"), Event(EventKind.PROMPTED, 500_000_000, "then")))
START_NS = 1_700_000_000_000_000_000


@pytest.mark.parametrize("first", [0, 1, 9, 11])
def test_decoded_frames(
    first: int, make_video: Callable[..., Path], counter_of: Callable[[Any], int]
) -> None:
    episode = Episode("stream", make_video(), EVENTS, START_NS)
    frames = list(episode.frames(first))
    assert [frame.picture.index for frame in frames] == list(range(first, 12))
    for frame in frames:
        index = frame.picture.index
        assert counter_of(frame.picture.frame.to_ndarray(format="rgb24")) == index
        assert frame.stamp_ns == START_NS + index * 50_000_000
        assert frame.prompt == ("first" if index < 10 else "then")


def test_encoded_frames_have_the_same_labels(make_video: Callable[..., Path]) -> None:
    episode = Episode("stream", make_video(first_ms=150), EVENTS, START_NS)
    decoded = [
        (frame.picture.index, frame.picture.media_time_ns, frame.stamp_ns, frame.prompt)
        for frame in episode.frames()
    ]
    encoded = [
        (frame.picture.index, frame.picture.media_time_ns, frame.stamp_ns, frame.prompt)
        for frame in episode.encoded_frames()
    ]
    assert decoded == encoded
    # Times in the log count from the start of the stream, which is before the first frame here.
    assert [prompt for *_, prompt in decoded].index("then") == 7
    assert decoded[0][1:3] == (0, START_NS + 150_000_000)


def test_the_file_is_closed_when_the_iteration_is_abandoned(make_video: Callable[..., Path]) -> None:
    frames = Episode("stream", make_video()).frames()
    assert next(frames).picture.index == 0
    frames.close()  # type: ignore[attr-defined]
