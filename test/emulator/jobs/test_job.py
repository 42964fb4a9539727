"""The states of jobs and their JSON on the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from odyssey_ros.emulator.jobs.job import Job, JobStatus, JobStream, time_text
from odyssey_ros.emulator.media.recording import Artifact, Recording

CREATED = datetime(2026, 11, 23, tzinfo=timezone.utc)
PENDING = Job(
    job_id="one",
    owner="local",
    status=JobStatus.PENDING,
    created_at=CREATED,
    portrait=False,
    output_video=True,
    bypass_expansion=False,
    duration_ms=1000,
)
RECORDING = Recording(
    stream_id="s",
    owner="local",
    width=1280,
    height=704,
    started_at=CREATED,
    frame_count=20,
    ended_at=CREATED,
)


def sign(stream_id: str, artifact: Artifact) -> str:
    return f"https://x/{stream_id}/{artifact.value}"


@pytest.mark.parametrize("status", JobStatus)
def test_active_and_cancellable_states(status: JobStatus) -> None:
    assert status.active is (status.value in {"pending", "dispatched", "processing"})
    assert status.cancellable is (status.value in {"pending", "dispatched"})


def test_a_pending_job_has_no_times_and_no_streams() -> None:
    detail = PENDING.detail_json(lambda _: None, sign, 2)
    assert detail == {
        "job_id": "one",
        "status": "pending",
        "priority": "normal",
        "created_at": "2026-11-23T00:00:00+00:00",
        "completed_at": None,
        "error_message": None,
        "dispatched_at": None,
        "started_at": None,
        "assigned_region": None,
        "retry_count": 0,
        "estimated_wait_minutes": 2,
        "streams": [],
    }


def test_urls_appear_with_the_recording() -> None:
    job = replace(PENDING, status=JobStatus.PROCESSING, streams=(JobStream("s", 0),))
    [stream] = job.detail_json(lambda _: None, sign, None)["streams"]
    assert {stream[name] for name in stream if name.endswith("_url")} == {None}
    assert stream["frame_count"] is None
    [stream] = job.detail_json(lambda _: RECORDING, sign, None)["streams"]
    assert stream["video_url"] == "https://x/s/video.mp4"
    assert stream["preview_url"] == "https://x/s/preview.mp4"
    assert stream["frame_count"] == 20


def test_a_job_without_video_output_has_no_urls_of_videos() -> None:
    job = replace(PENDING, output_video=False, streams=(JobStream("s", 0),))
    [stream] = job.detail_json(lambda _: RECORDING, sign, None)["streams"]
    assert (stream["video_url"], stream["preview_url"]) == (None, None)
    assert stream["events_url"] == "https://x/s/events.jsonl"


def test_times_are_iso_8601() -> None:
    assert time_text(CREATED) == "2026-11-23T00:00:00+00:00"
    assert time_text(None) is None
