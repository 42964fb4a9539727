"""Errors of episodes in the vocabulary of topics and services."""

from __future__ import annotations

import pytest

from odyssey_ros.bridge.player.episode_errors import not_playable, playback_error
from odyssey_ros.client import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError


@pytest.mark.parametrize("code", [ErrorCode.VIDEO_BROKEN, ErrorCode.DISK_FULL])
def test_a_failure_keeps_its_message_and_code(code):
    error = playback_error(EpisodeError(code, "it failed"))
    assert error.code is code
    assert error.message == "it failed"


def test_an_episode_that_cannot_be_played_names_the_reason():
    error = not_playable(3, EpisodeError(ErrorCode.NO_VIDEO, "there is no video"))
    assert error.code is ErrorCode.NOT_PLAYABLE
    assert error.message.startswith("episode 3 cannot be played: ")
    assert "there is no video" in error.message
