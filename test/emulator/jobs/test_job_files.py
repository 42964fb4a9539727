"""Jobs and scripts are kept on disk, and damaged or left-over files do no harm."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.emulator.jobs.job import Job, JobStatus, JobStream
from odyssey_ros.emulator.jobs.job_files import JobFiles
from odyssey_ros.emulator.jobs.scripts import parse_script

if TYPE_CHECKING:
    from pathlib import Path

CREATED = datetime(2026, 11, 23, tzinfo=timezone.utc)
JOB = Job(
    job_id="one",
    owner="local",
    status=JobStatus.PROCESSING,
    created_at=CREATED,
    portrait=False,
    output_video=True,
    bypass_expansion=True,
    duration_ms=1000,
    script_url="http://x",
    dispatched_at=CREATED,
    started_at=CREATED,
    assigned_region="local",
    retry_count=2,
    streams=(JobStream("s", 0), JobStream("t", 1)),
)
SCRIPTS = (parse_script([{"timestamp_ms": 0, "start": {"prompt": "嵐"}}, {"timestamp_ms": 1000, "end": {}}]),)


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path / "jobs")


def test_jobs_are_read_as_they_were_written_oldest_first(files: JobFiles) -> None:
    later = replace(
        JOB,
        job_id="a later one",
        status=JobStatus.FAILED,
        created_at=CREATED + timedelta(seconds=1),
        completed_at=CREATED,
        error_message="out of memory",
    )
    files.write(later)
    files.write(JOB)
    assert files.read_all() == [JOB, later]


def test_the_newest_state_is_read(files: JobFiles) -> None:
    files.write(JOB)
    done = replace(JOB, status=JobStatus.COMPLETED)
    files.write(done)
    assert files.read_all() == [done]


def test_scripts_are_read_as_they_were_written_until_they_are_removed(files: JobFiles) -> None:
    assert files.read_scripts("one") == ()
    files.write_scripts("one", SCRIPTS)
    assert files.read_scripts("one") == SCRIPTS
    files.remove_scripts("one")
    files.remove_scripts("one")
    assert files.read_scripts("one") == ()


def test_damaged_scripts_are_an_error(files: JobFiles, tmp_path: Path) -> None:
    (tmp_path / "jobs" / "one.scripts.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        files.read_scripts("one")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"job_id": "x", "status": "lost"}'])
def test_a_damaged_job_is_skipped_with_a_warning(
    files: JobFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    files.write(JOB)
    damaged = tmp_path / "jobs" / "damaged.json"
    damaged.write_text(content)
    assert files.read_all() == [JOB]
    assert "damaged.json is not a valid simulation job" in caplog.text
    assert damaged.exists()


def test_left_over_files_are_removed(files: JobFiles, tmp_path: Path) -> None:
    files.write(JOB)
    files.write_scripts(JOB.job_id, SCRIPTS)
    files.write(replace(JOB, job_id="done", status=JobStatus.COMPLETED))
    files.write_scripts("done", SCRIPTS)
    files.write_scripts("unknown", SCRIPTS)
    (tmp_path / "jobs" / "cut.partial").write_text("")
    files.read_all()
    names = {path.name for path in (tmp_path / "jobs").iterdir()}
    assert names == {"one.json", "one.scripts.json", "done.json"}


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        JobFiles(tmp_path / "file" / "jobs")


def test_a_pipe_in_the_folder_does_not_block(tmp_path):
    files = JobFiles(tmp_path)
    os.mkfifo(tmp_path / "job.json")
    assert files.read_all() == []
