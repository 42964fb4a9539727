"""Entries that cannot be used are reported like failed episodes."""

from __future__ import annotations

from typing import Any

import pytest

from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.unusable_episodes import unreadable_recordings, without_start


@pytest.mark.parametrize(
    ("episode", "name", "text"),
    [
        (without_start("s1"), "s1", "no valid start time"),
        (unreadable_recordings(3), "unreadable-recordings", "3 entries"),
    ],
)
async def test_every_request_raises_the_error(episode: Any, name: str, text: str) -> None:
    assert (episode.name, episode.provenance(), episode.expected_events.events) == (name, {}, ())
    for request in (episode.locate, episode.renew):
        with pytest.raises(EpisodeError, match=text) as caught:
            await request(None)
        assert caught.value.code is ErrorCode.INVALID_RESPONSE
