"""Messages of simulation jobs as JSON values for pages. They contain no presigned address."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from odyssey_ros.client.service_text import clean_text

if TYPE_CHECKING:
    from builtin_interfaces.msg import Time

    from odyssey_ros.msg import SimulationJobDetail, SimulationJobInfo, SimulationStream

MAX_STREAMS: Final = 1000
"""Videos of a job that pages are told about. A job has up to 100 scripts."""


def job_info_value(job: SimulationJobInfo | SimulationJobDetail) -> dict[str, Any]:
    """Return what the list has of a job; times in seconds since 1970, null before they are reached."""
    return {
        "job_id": clean_text(job.job_id),
        "status": clean_text(job.status),
        "priority": clean_text(job.priority),
        "created_at": _time(job.created_at),
        "completed_at": _time(job.completed_at),
        "error_message": clean_text(job.error_message),
    }


def job_value(job: SimulationJobDetail) -> dict[str, Any]:
    """Return all details of a job, except its videos."""
    wait = job.estimated_wait_minutes
    return job_info_value(job) | {
        "dispatched_at": _time(job.dispatched_at),
        "started_at": _time(job.started_at),
        "assigned_region": clean_text(job.assigned_region),
        "retry_count": job.retry_count,
        "estimated_wait_minutes": None if math.isnan(wait) else wait,
        "videos": len(job.streams),
    }


def job_detail_value(job: SimulationJobDetail) -> dict[str, Any]:
    """Return all details of a job with its videos, in the order of their scripts."""
    return job_value(job) | {
        "streams": [_stream_value(index, stream) for index, stream in enumerate(streams_of(job))]
    }


def streams_of(job: SimulationJobDetail) -> list[SimulationStream]:
    """Return the videos of a job in the order of their scripts; those of unknown scripts are last.

    At most `MAX_STREAMS`; any node can send more.
    """
    return sorted(
        job.streams[:MAX_STREAMS],
        key=lambda stream: (stream.script_index < 0, stream.script_index, stream.stream_id),
    )


def _stream_value(index: int, stream: SimulationStream) -> dict[str, Any]:
    return {
        "index": index,
        "script_index": stream.script_index if stream.script_index >= 0 else None,
        "stream_id": clean_text(stream.stream_id),
        "duration": None if math.isnan(stream.duration_seconds) else stream.duration_seconds,
        "frame_count": stream.frame_count if stream.frame_count >= 0 else None,
        "has_video": bool(stream.video_url),
        "has_preview": bool(stream.preview_url),
        "has_thumbnail": bool(stream.thumbnail_url),
        "has_prompts": bool(stream.events_url),
    }


def _time(time: Time) -> float | None:
    seconds = float(time.sec + time.nanosec * 1e-9)
    return seconds or None
