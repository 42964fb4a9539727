"""The methods of the client that this package uses: jobs and recordings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.client.scripts import ScriptEntry
    from odyssey_ros.client.types import (
        Recording,
        SimulationJobDetail,
        SimulationJobsList,
        SimulationJobStatus,
        StreamRecordingsList,
    )


class Service(Protocol):
    """The methods of `odyssey_ros.client.Odyssey` that this package uses; they need no connection."""

    async def simulate(
        self,
        script: Sequence[ScriptEntry] | None = None,
        scripts: Sequence[Sequence[ScriptEntry]] | None = None,
        script_url: str | None = None,
        portrait: bool = True,
        bypass_prompt_expansion: bool | None = None,
    ) -> SimulationJobDetail:
        """Submit a job and return it."""

    async def get_simulate_status(self, job_id: str) -> SimulationJobDetail:
        """Return a job."""

    async def list_simulations(
        self,
        status: SimulationJobStatus | str | None = None,
        active: bool | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> SimulationJobsList:
        """Return a page of jobs, newest first."""

    async def get_recording(self, stream_id: str) -> Recording:
        """Return the URLs of the artifacts of a stream."""

    async def list_stream_recordings(
        self, limit: int | None = None, offset: int | None = None
    ) -> StreamRecordingsList:
        """Return a page of recordings, newest first."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """The properties of a job in the manifest. Times are texts of the service."""

    job_id: str
    script_index: int
    created_at: str
    started_at: str | None
    completed_at: str | None
    retry_count: int


@dataclass(frozen=True, slots=True)
class RemoteStream:
    """A finished stream at the service.

    Attributes:
        stream_id: Id of the recording.
        video_url: Presigned URL of the video, valid for about an hour; a secret. None when there is no video.
        events_url: Presigned URL of the events log; None when there is no log.
        start_time_ns: Start of the stream, in nanoseconds since the epoch; 0 when it is unknown.
        frame_count: Number of frames according to the service; None when it is unknown.
        duration_s: Duration in seconds according to the service; None when it is unknown.
        job: The job that made the stream; None for the recording of a live stream.
    """

    stream_id: str
    video_url: str | None = field(repr=False)
    events_url: str | None = field(repr=False)
    start_time_ns: int = 0
    frame_count: int | None = None
    duration_s: float | None = None
    job: JobFacts | None = None
