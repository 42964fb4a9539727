"""Simulation jobs: their states, their outputs, and their JSON on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from odyssey_ros.emulator.media.recording import Artifact

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from odyssey_ros.emulator.media.recording import Recording

__all__ = ["Job", "JobStatus", "JobStream", "time_text"]


class JobStatus(Enum):
    """The states of a job: pending, dispatched, processing, then one of the last three."""

    PENDING = "pending"
    DISPATCHED = "dispatched"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def active(self) -> bool:
        """Whether the job is unfinished."""
        return self in {JobStatus.PENDING, JobStatus.DISPATCHED, JobStatus.PROCESSING}

    @property
    def cancellable(self) -> bool:
        """Whether the job can still be cancelled."""
        return self in {JobStatus.PENDING, JobStatus.DISPATCHED}


@dataclass(frozen=True, slots=True)
class JobStream:
    """One output of a job.

    Attributes:
        stream_id: id of its recording.
        script_index: index of its script in the job.
    """

    stream_id: str
    script_index: int


@dataclass(frozen=True, slots=True)
class Job:
    """A simulation job in its current state. All times have a time zone.

    Attributes:
        job_id: id of the job.
        owner: name of the account.
        status: the state.
        created_at: when the job was submitted.
        portrait: 704 x 1280 rather than 1280 x 704.
        output_video: whether the outputs have a video and a preview.
        bypass_expansion: whether prompts are applied unchanged.
        duration_ms: simulated time of all scripts together; 0 until the script is fetched from `script_url`.
        script_url: the URL of the only script, or None.
        dispatched_at: when a worker took the job.
        started_at: when rendering started.
        completed_at: when the job completed, failed or was cancelled.
        error_message: why the job failed.
        assigned_region: region of the worker.
        retry_count: how often the job was restarted.
        streams: the outputs; empty until rendering starts.
    """

    job_id: str
    owner: str
    status: JobStatus
    created_at: datetime
    portrait: bool
    output_video: bool
    bypass_expansion: bool
    duration_ms: int
    script_url: str | None = None
    dispatched_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None
    assigned_region: str | None = None
    retry_count: int = 0
    streams: tuple[JobStream, ...] = ()

    priority = "normal"

    def summary_json(self) -> dict[str, object]:
        """Return a row of `GET /simulation-jobs`."""
        return {
            "job_id": self.job_id,
            "status": self.status.value,
            "priority": self.priority,
            "created_at": self.created_at.isoformat(),
            "completed_at": time_text(self.completed_at),
            "error_message": self.error_message,
        }

    def detail_json(
        self,
        recording: Callable[[str], Recording | None],
        sign: Callable[[str, Artifact], str],
        estimated_wait_minutes: int | None,
    ) -> dict[str, object]:
        """Return the answer of `GET` and `POST /simulation-jobs`.

        Args:
            recording: returns the recording of a stream, or None.
            sign: returns the URL of a file of a recording.
            estimated_wait_minutes: minutes until the job starts.
        """
        return {
            **self.summary_json(),
            "dispatched_at": time_text(self.dispatched_at),
            "started_at": time_text(self.started_at),
            "assigned_region": self.assigned_region,
            "retry_count": self.retry_count,
            "estimated_wait_minutes": estimated_wait_minutes,
            "streams": [
                self._stream_json(stream, recording(stream.stream_id), sign) for stream in self.streams
            ],
        }

    def _stream_json(
        self, stream: JobStream, recording: Recording | None, sign: Callable[[str, Artifact], str]
    ) -> dict[str, object]:
        def url(artifact: Artifact, *, include: bool = True) -> str | None:
            return sign(stream.stream_id, artifact) if recording is not None and include else None

        return {
            "stream_id": stream.stream_id,
            "video_url": url(Artifact.VIDEO, include=self.output_video),
            "events_url": url(Artifact.EVENTS),
            "thumbnail_url": url(Artifact.THUMBNAIL),
            "preview_url": url(Artifact.PREVIEW, include=self.output_video),
            "frame_count": recording.frame_count if recording else None,
            "duration_seconds": recording.duration_seconds if recording else None,
            "script_index": stream.script_index,
        }


def time_text(time: datetime | None) -> str | None:
    """Return a time in ISO 8601 format, or None."""
    return None if time is None else time.isoformat()
