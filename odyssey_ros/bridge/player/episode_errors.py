"""The errors of single episodes, in the vocabulary of topics and services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.client import ErrorCode, OdysseyError

if TYPE_CHECKING:
    from odyssey_ros.dataset.errors import EpisodeError


def playback_error(error: EpisodeError) -> OdysseyError:
    """Return the failure of an episode with its own message and code."""
    return OdysseyError(error.message, code=error.code)


def not_playable(number: int, error: EpisodeError) -> OdysseyError:
    """Return the error of a request for an episode that cannot be played."""
    return OdysseyError(f"episode {number} cannot be played: {error}", code=ErrorCode.NOT_PLAYABLE)
