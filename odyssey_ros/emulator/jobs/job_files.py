"""Simulation jobs and their scripts on disk."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from odyssey_ros.emulator.http.json_fields import Fields
from odyssey_ros.emulator.jobs.job import Job, JobStatus, JobStream, time_text
from odyssey_ros.emulator.jobs.scripts import Script, parse_script

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["JobFiles"]

logger = logging.getLogger(__name__)

_SCRIPTS = ".scripts.json"


class JobFiles:
    """The files of the jobs: `<job id>.json`, and `<job id>.scripts.json` until the job is finished.

    Args:
        directory: the folder of the files; created when it does not exist.

    Raises:
        OSError: the folder cannot be created.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def read_all(self) -> list[Job]:
        """Return all jobs, oldest first, and remove scripts and partial files that belong to no job.

        Raises:
            OSError: the folder cannot be read.
        """
        jobs = []
        for path in self._directory.glob("*.json"):
            if not path.name.endswith(_SCRIPTS):
                try:
                    if not path.is_file():  # opening a pipe or a device could block
                        raise ValueError("not a regular file")
                    jobs.append(_read_job(path))
                except (OSError, ValueError) as error:
                    logger.warning("%s is not a valid simulation job; it is skipped: %s", path, error)
        unfinished = {f"{job.job_id}{_SCRIPTS}" for job in jobs if job.status.active}
        for path in [*self._directory.glob(f"*{_SCRIPTS}"), *self._directory.glob("*.partial")]:
            if path.name not in unfinished:
                path.unlink()
        return sorted(jobs, key=lambda job: (job.created_at, job.job_id))

    def write(self, job: Job) -> None:
        """Write a job's state atomically: a reader gets either the old or the new state."""
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
            "dispatched_at": time_text(job.dispatched_at),
            "started_at": time_text(job.started_at),
            "completed_at": time_text(job.completed_at),
            "error_message": job.error_message,
            "assigned_region": job.assigned_region,
            "retry_count": job.retry_count,
            "streams": [
                {"stream_id": stream.stream_id, "script_index": stream.script_index} for stream in job.streams
            ],
        }
        self._replace(f"{job.job_id}.json", json.dumps(values))

    def write_scripts(self, job_id: str, scripts: tuple[Script, ...]) -> None:
        """Write a job's scripts, input images included; blocks."""
        self._replace(f"{job_id}{_SCRIPTS}", json.dumps({"scripts": [s.to_json() for s in scripts]}))

    def read_scripts(self, job_id: str) -> tuple[Script, ...]:
        """Return the scripts of a job; empty when there is no file; blocks.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file is damaged.
        """
        path = self._directory / f"{job_id}{_SCRIPTS}"
        if not path.exists():
            return ()
        batch = Fields.parse(path.read_bytes()).items("scripts")
        return tuple(parse_script(item, ("scripts", index)) for index, item in enumerate(batch))

    def remove(self, job_id: str) -> None:
        """Forget a finished job."""
        (self._directory / f"{job_id}.json").unlink(missing_ok=True)

    def remove_scripts(self, job_id: str) -> None:
        """Remove the scripts of a finished job, if there are any."""
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
        dispatched_at=_optional_time(fields, "dispatched_at"),
        started_at=_optional_time(fields, "started_at"),
        completed_at=_optional_time(fields, "completed_at"),
        error_message=fields.optional_string("error_message"),
        assigned_region=fields.optional_string("assigned_region"),
        retry_count=fields.integer("retry_count"),
        streams=tuple(
            JobStream(item.string("stream_id"), item.integer("script_index"))
            for item in map(Fields.of, fields.items("streams"))
        ),
    )


def _optional_time(fields: Fields, name: str) -> datetime | None:
    text = fields.optional_string(name)
    return None if text is None else datetime.fromisoformat(text)
