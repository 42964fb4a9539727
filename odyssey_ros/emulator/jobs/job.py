"""Simulation jobs: what they are, and how they are kept on disk."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from odyssey_ros.emulator.http.json_fields import Fields, InvalidFieldError
from odyssey_ros.emulator.jobs.scripts import Script, parse_script
from odyssey_ros.emulator.media.recording import Artifact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from odyssey_ros.emulator.media.recording import Recording

__all__ = ["MAX_SCRIPTS", "Job", "JobFiles", "JobRequest", "JobStatus", "JobStream"]

logger = logging.getLogger(__name__)

_SCRIPTS = ".scripts.json"

MAX_SCRIPTS = 20
"""Most scripts of one job."""


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
        """Whether the job is not over."""
        return self in {JobStatus.PENDING, JobStatus.DISPATCHED, JobStatus.PROCESSING}

    @property
    def cancellable(self) -> bool:
        """Whether the job can still be cancelled."""
        return self in {JobStatus.PENDING, JobStatus.DISPATCHED}


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What `POST /simulation-jobs` asks for.

    Attributes:
        portrait: 704 x 1280 rather than 1280 x 704.
        output_video: whether the outputs have a video and a preview.
        bypass_expansion: prompts are to be applied as they are.
        scripts: one simulation each; empty when they are to be fetched.
        script_url: where the one script is to be fetched.
    """

    portrait: bool
    output_video: bool
    bypass_expansion: bool
    scripts: tuple[Script, ...]
    script_url: str | None

    @classmethod
    def parse(cls, fields: Fields) -> JobRequest:
        """Read and check the body of the request.

        Raises:
            InvalidFieldError: it is not as it must be; says where, and why.
        """
        sources = [name for name in ("script", "scripts", "script_url") if name in fields]
        if len(sources) != 1:
            raise InvalidFieldError((), "exactly one of script, scripts and script_url is needed")
        scripts: tuple[Script, ...] = ()
        script_url = None
        if sources == ["script"]:
            scripts = (parse_script(fields.raw("script"), ("script",)),)
        elif sources == ["scripts"]:
            batch = fields.items("scripts")
            if not 1 <= len(batch) <= MAX_SCRIPTS:
                raise InvalidFieldError(("scripts",), f"must have 1 to {MAX_SCRIPTS} scripts")
            scripts = tuple(parse_script(item, ("scripts", index)) for index, item in enumerate(batch))
        else:
            script_url = fields.string("script_url")
            if not script_url.lower().startswith(("http://", "https://")):
                raise InvalidFieldError(("script_url",), "must be an http or https URL")
        return cls(
            portrait=fields.boolean("portrait", default=True),
            output_video=fields.boolean("output_video", default=True),
            bypass_expansion=fields.boolean("bypass_vlm_expansion", default=False),
            scripts=scripts,
            script_url=script_url,
        )


@dataclass(frozen=True, slots=True)
class JobStream:
    """One output of a job.

    Attributes:
        stream_id: names its recording.
        script_index: which of the job's scripts it shows.
    """

    stream_id: str
    script_index: int


@dataclass(frozen=True, slots=True)
class Job:
    """A simulation job as it is now. All times have a time zone.

    Attributes:
        job_id: names the job.
        owner: name of the account.
        status: state.
        created_at: when it was submitted.
        portrait: 704 x 1280 rather than 1280 x 704.
        output_video: whether the outputs have a video and a preview.
        bypass_expansion: prompts are applied as they are.
        duration_ms: simulated time of all scripts together; 0 while they are not known.
        script_url: where the script is to be fetched, if it is.
        dispatched_at: when a worker took it.
        started_at: when rendering began.
        completed_at: when it came to an end, whatever the end.
        error_message: why it failed.
        assigned_region: region of the worker.
        retry_count: how often it had to be begun again.
        streams: its outputs; known when rendering begins.
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
            "completed_at": _text(self.completed_at),
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
            recording: finds the recording of a stream.
            sign: makes the URL of a file of a recording.
            estimated_wait_minutes: minutes until the job begins.
        """
        return {
            **self.summary_json(),
            "dispatched_at": _text(self.dispatched_at),
            "started_at": _text(self.started_at),
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
        def url(artifact: Artifact, *, wanted: bool = True) -> str | None:
            return sign(stream.stream_id, artifact) if recording is not None and wanted else None

        return {
            "stream_id": stream.stream_id,
            "video_url": url(Artifact.VIDEO, wanted=self.output_video),
            "events_url": url(Artifact.EVENTS),
            "thumbnail_url": url(Artifact.THUMBNAIL),
            "preview_url": url(Artifact.PREVIEW, wanted=self.output_video),
            "frame_count": recording.frame_count if recording else None,
            "duration_seconds": recording.duration_seconds if recording else None,
            "script_index": stream.script_index,
        }


class JobFiles:
    """The jobs on disk: `<directory>/<job id>.json`, and `<job id>.scripts.json` while it is not over."""

    def __init__(self, directory: Path) -> None:
        """Use, or make, ``directory``.

        Raises:
            OSError: it cannot be made.
        """
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def read_all(self) -> list[Job]:
        """Return all jobs, oldest first, and remove what belongs to none of them.

        Raises:
            OSError: the folder cannot be read.
        """
        jobs = []
        for path in self._directory.glob("*.json"):
            if not path.name.endswith(_SCRIPTS):
                try:
                    jobs.append(_read_job(path))
                except (OSError, ValueError) as error:
                    logger.warning("%s is no simulation job and is left alone: %s", path, error)
        unfinished = {f"{job.job_id}{_SCRIPTS}" for job in jobs if job.status.active}
        for path in [*self._directory.glob(f"*{_SCRIPTS}"), *self._directory.glob("*.partial")]:
            if path.name not in unfinished:
                path.unlink()
        return sorted(jobs, key=lambda job: (job.created_at, job.job_id))

    def write(self, job: Job) -> None:
        """Write a job's state; a reader sees the old or the new one."""
        values = {
            "job_id": job.job_id,
            "owner": job.owner,
            "status": job.status.value,
            "created_at": job.created_at.isoformat(),
            "portrait": job.portrait,
            "output_video": job.output_video,
            "bypass_expansion": job.bypass_expansion,
            "duration_ms": job.duration_ms,
            "script_url": job.script_url,
            "dispatched_at": _text(job.dispatched_at),
            "started_at": _text(job.started_at),
            "completed_at": _text(job.completed_at),
            "error_message": job.error_message,
            "assigned_region": job.assigned_region,
            "retry_count": job.retry_count,
            "streams": [
                {"stream_id": stream.stream_id, "script_index": stream.script_index} for stream in job.streams
            ],
        }
        self._replace(f"{job.job_id}.json", json.dumps(values))

    def write_scripts(self, job_id: str, scripts: tuple[Script, ...]) -> None:
        """Write a job's scripts, with their pictures; blocks."""
        self._replace(f"{job_id}{_SCRIPTS}", json.dumps({"scripts": [s.to_json() for s in scripts]}))

    def read_scripts(self, job_id: str) -> tuple[Script, ...]:
        """Return the scripts of a job; none when they were never written; blocks.

        Raises:
            OSError: the file cannot be read.
            ValueError: it does not hold what was written.
        """
        path = self._directory / f"{job_id}{_SCRIPTS}"
        if not path.exists():
            return ()
        batch = Fields.parse(path.read_bytes()).items("scripts")
        return tuple(parse_script(item, ("scripts", index)) for index, item in enumerate(batch))

    def remove_scripts(self, job_id: str) -> None:
        """Remove the scripts of a job that is over."""
        (self._directory / f"{job_id}{_SCRIPTS}").unlink(missing_ok=True)

    def _replace(self, name: str, text: str) -> None:
        path = self._directory / name
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="ascii")
        partial.replace(path)


def _read_job(path: Path) -> Job:
    fields = Fields.parse(path.read_bytes())
    return Job(
        job_id=fields.string("job_id"),
        owner=fields.string("owner"),
        status=JobStatus(fields.string("status")),
        created_at=datetime.fromisoformat(fields.string("created_at")),
        portrait=fields.boolean("portrait", default=True),
        output_video=fields.boolean("output_video", default=True),
        bypass_expansion=fields.boolean("bypass_expansion", default=False),
        duration_ms=fields.integer("duration_ms"),
        script_url=fields.optional_string("script_url"),
        dispatched_at=_time(fields, "dispatched_at"),
        started_at=_time(fields, "started_at"),
        completed_at=_time(fields, "completed_at"),
        error_message=fields.optional_string("error_message"),
        assigned_region=fields.optional_string("assigned_region"),
        retry_count=fields.integer("retry_count"),
        streams=tuple(
            JobStream(item.string("stream_id"), item.integer("script_index"))
            for item in map(Fields.of, fields.items("streams"))
        ),
    )


def _time(fields: Fields, name: str) -> datetime | None:
    text = fields.optional_string(name)
    return None if text is None else datetime.fromisoformat(text)


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
