"""What this package asks of the service: the part of the client's methods that concerns recorded streams."""

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
    """The methods of `odyssey_ros.client.Odyssey` that are used here; they need no connection."""

    async def simulate(
        self,
        script: Sequence[ScriptEntry] | None = None,
        scripts: Sequence[Sequence[ScriptEntry]] | None = None,
        script_url: str | None = None,
        portrait: bool = True,
        bypass_prompt_expansion: bool | None = None,
    ) -> SimulationJobDetail:
        """Submit a job."""

    async def get_simulate_status(self, job_id: str) -> SimulationJobDetail:
        """All about a job."""

    async def list_simulations(
        self,
        status: SimulationJobStatus | str | None = None,
        active: bool | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> SimulationJobsList:
        """A page of jobs, newest first."""

    async def get_recording(self, stream_id: str) -> Recording:
        """Where a stream's artifacts are."""

    async def list_stream_recordings(
        self, limit: int | None = None, offset: int | None = None
    ) -> StreamRecordingsList:
        """A page of recordings, newest first."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the manifest keeps of a job. Times as the service words them."""

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
        stream_id: The key of its recording.
        video_url: Presigned, for about an hour; a secret.
        events_url: As `video_url`; None when the service kept no log.
        start_time_ns: When it started, in nanoseconds since the epoch; 0 when the service does not say.
        frame_count: Its frames as the service counts them, if it does.
        duration_s: Its length as the service measures it, if it does.
        job: The job that made it, if one did.
    """

    stream_id: str
    video_url: str | None = field(repr=False)
    events_url: str | None = field(repr=False)
    start_time_ns: int = 0
    frame_count: int | None = None
    duration_s: float | None = None
    job: JobFacts | None = None
