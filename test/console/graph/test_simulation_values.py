"""Jobs as JSON values: without addresses, and with null for what is unknown."""

from __future__ import annotations

import math

from builtin_interfaces.msg import Time
from odyssey_ros.msg import SimulationJobDetail, SimulationJobInfo, SimulationStream

from odyssey_ros.console.graph.simulation_values import (
    MAX_STREAMS,
    job_detail_value,
    job_info_value,
    job_value,
    streams_of,
)

SECRET = "https://example.com/video?signature=secret"


def stream(index: int, name: str, **fields: str) -> SimulationStream:
    """Return a video of a job."""
    return SimulationStream(
        stream_id=name, script_index=index, frame_count=-1, duration_seconds=math.nan, **fields
    )


def test_an_entry_of_the_list() -> None:
    job = SimulationJobInfo(
        job_id="a\x1b[31mb", status="pending", created_at=Time(sec=5, nanosec=500_000_000)
    )
    assert job_info_value(job) == {
        "job_id": "a b",
        "status": "pending",
        "priority": "",
        "created_at": 5.5,
        "completed_at": None,
        "error_message": "",
    }


def test_a_job_has_no_addresses() -> None:
    streams = [stream(-1, "c"), stream(1, "b"), stream(0, "a", video_url=SECRET, events_url=SECRET)]
    job = SimulationJobDetail(job_id="job", estimated_wait_minutes=math.nan, streams=streams)
    value = job_value(job)
    assert (value["estimated_wait_minutes"], value["videos"]) == (None, 3)
    detail = job_detail_value(job)
    assert "secret" not in str(detail)
    assert [one["stream_id"] for one in detail["streams"]] == ["a", "b", "c"]
    assert detail["streams"][0] == {
        "index": 0,
        "script_index": 0,
        "stream_id": "a",
        "duration": None,
        "frame_count": None,
        "has_video": True,
        "has_preview": False,
        "has_thumbnail": False,
        "has_prompts": True,
    }
    assert detail["streams"][2]["script_index"] is None
    assert [one.stream_id for one in streams_of(job)] == ["a", "b", "c"]


def test_videos_are_bounded() -> None:
    """Any node can send any number."""
    job = SimulationJobDetail(streams=[stream(0, "a")] * (MAX_STREAMS + 1))
    assert len(job_detail_value(job)["streams"]) == len(streams_of(job)) == MAX_STREAMS
