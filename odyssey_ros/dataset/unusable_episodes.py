"""Entries of the service that cannot be used, as episodes that fail and are reported like others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.dataset.errors import EpisodeError
from odyssey_ros.dataset.file_names import safe_name
from odyssey_ros.dataset.logs.events import NO_EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odyssey_ros.dataset.logs.events import EventLog
    from odyssey_ros.dataset.losses import Loss
    from odyssey_ros.dataset.service import RemoteStream
    from odyssey_ros.dataset.submissions.job_watch import JobReport


@dataclass(frozen=True, slots=True)
class UnusableEpisode:
    """An entry of the service that cannot be used. Its error is reported like that of any other episode."""

    name: str
    error: EpisodeError

    @property
    def expected_events(self) -> EventLog:
        """Always empty."""
        return NO_EVENTS

    def losses(self) -> Mapping[Loss, int]:
        """Return nothing: there is no episode."""
        return {}

    async def locate(self, report: JobReport) -> RemoteStream:  # noqa: ARG002
        """Raise the error."""
        raise self.error

    async def renew(self, stream: RemoteStream) -> RemoteStream:  # noqa: ARG002
        """Raise the error."""
        raise self.error

    def provenance(self) -> dict[str, Any]:
        """Return nothing: there is no episode."""
        return {}


def without_start(stream_id: str) -> UnusableEpisode:
    """Return the episode of a recording whose start is needed but unknown."""
    return UnusableEpisode(
        safe_name(stream_id),
        EpisodeError(
            ErrorCode.INVALID_RESPONSE,
            "the service gives no valid start time, so the recording may be outside of the time range: to "
            "make it, give its stream id",
        ),
    )


def unreadable_recordings(count: int) -> UnusableEpisode:
    """Return one episode for all entries of a list of recordings that cannot be read."""
    return UnusableEpisode(
        "unreadable-recordings",
        EpisodeError(
            ErrorCode.INVALID_RESPONSE,
            f"{count} entries of the service's list of recordings cannot be read: to make these recordings, "
            "give their stream ids",
        ),
    )
