"""Conversion of the client's values to messages; None becomes an empty string, NaN, -1 or the time 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from builtin_interfaces.msg import Time

from odyssey_ros import msg
from odyssey_ros.dataset.iso_time import parse_time_ns

if TYPE_CHECKING:
    from odyssey_ros.client import (
        BroadcastInfo,
        ClientCredentials,
        Recording,
        SimulationJobDetail,
        SimulationJobInfo,
        SimulationStream,
        StreamerCapabilities,
        StreamRecordingInfo,
    )


def text_field(value: str | None) -> str:
    """Return a text for a message: lone surrogates, which the middleware refuses, are replaced."""
    return (value or "").encode("utf-8", "replace").decode("utf-8")


def count_field(value: int | None, bits: int = 32) -> int:
    """Return a count, limited to a signed integer of `bits` bits; -1 for None."""
    limit = 1 << (bits - 1)
    return -1 if value is None else max(-limit, min(value, limit - 1))


def number_field(value: float | None) -> float:
    """Return a number; NaN for None."""
    return math.nan if value is None else value


def time_field(text: str | None) -> Time:
    """Return the time of an ISO 8601 text; UTC when the text has no zone.

    None, an invalid text and a time outside the range of the message (1970 to 2038) give 0, which means
    unknown.
    """
    time_ns = parse_time_ns(text or "", date_only=False)
    if time_ns is None:
        return Time()
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return Time(sec=seconds, nanosec=nanoseconds) if 0 <= seconds < 1 << 31 else Time()


def capabilities_message(capabilities: StreamerCapabilities | None) -> msg.StreamerCapabilities:
    """Return the capabilities of a streamer; None means that they are unknown, and gives none."""
    return msg.StreamerCapabilities(image_to_video=capabilities is not None and capabilities.image_to_video)


def recording_message(recording: Recording) -> msg.Recording:
    """Return a recording with its presigned addresses."""
    return msg.Recording(
        stream_id=text_field(recording.stream_id),
        video_url=text_field(recording.video_url),
        events_url=text_field(recording.events_url),
        thumbnail_url=text_field(recording.thumbnail_url),
        preview_url=text_field(recording.preview_url),
        frame_count=count_field(recording.frame_count, 64),
        duration_seconds=number_field(recording.duration_seconds),
    )


def recording_info_message(recording: StreamRecordingInfo) -> msg.StreamRecordingInfo:
    """Return an entry of the list of recordings."""
    return msg.StreamRecordingInfo(
        stream_id=text_field(recording.stream_id),
        width=count_field(recording.width),
        height=count_field(recording.height),
        started_at=time_field(recording.started_at),
        ended_at=time_field(recording.ended_at),
        duration_seconds=number_field(recording.duration_seconds),
    )


def job_message(job: SimulationJobDetail, *, with_urls: bool = True) -> msg.SimulationJobDetail:
    """Return all details of a job; topics must not contain the presigned addresses (`with_urls` False)."""
    return msg.SimulationJobDetail(
        job_id=text_field(job.job_id),
        status=job.status.value,
        priority=text_field(job.priority),
        created_at=time_field(job.created_at),
        dispatched_at=time_field(job.dispatched_at),
        started_at=time_field(job.started_at),
        completed_at=time_field(job.completed_at),
        error_message=text_field(job.error_message),
        assigned_region=text_field(job.assigned_region),
        retry_count=count_field(job.retry_count),
        estimated_wait_minutes=number_field(job.estimated_wait_minutes),
        streams=[simulation_stream_message(stream, with_urls=with_urls) for stream in job.streams],
    )


def simulation_stream_message(stream: SimulationStream, *, with_urls: bool = True) -> msg.SimulationStream:
    """Return a video of a job, with or without its presigned addresses."""
    return msg.SimulationStream(
        stream_id=text_field(stream.stream_id),
        video_url=text_field(stream.video_url if with_urls else None),
        events_url=text_field(stream.events_url if with_urls else None),
        thumbnail_url=text_field(stream.thumbnail_url if with_urls else None),
        preview_url=text_field(stream.preview_url if with_urls else None),
        frame_count=count_field(stream.frame_count, 64),
        duration_seconds=number_field(stream.duration_seconds),
        script_index=count_field(stream.script_index),
    )


def job_info_message(job: SimulationJobInfo) -> msg.SimulationJobInfo:
    """Return an entry of the list of jobs."""
    return msg.SimulationJobInfo(
        job_id=text_field(job.job_id),
        status=job.status.value,
        priority=text_field(job.priority),
        created_at=time_field(job.created_at),
        completed_at=time_field(job.completed_at),
        error_message=text_field(job.error_message),
    )


def credentials_message(credentials: ClientCredentials) -> msg.ClientCredentials:
    """Return client credentials, which contain a secret."""
    return msg.ClientCredentials(
        session_id=text_field(credentials.session_id),
        signaling_url=text_field(credentials.signaling_url),
        session_token=text_field(credentials.session_token),
        expires_in=count_field(credentials.expires_in),
        capabilities=capabilities_message(credentials.capabilities),
    )


def broadcast_message(broadcast: BroadcastInfo) -> msg.BroadcastInfo:
    """Return the addresses of a broadcast, with the token, which is a secret."""
    return msg.BroadcastInfo(
        webrtc_url=text_field(broadcast.webrtc_url),
        spectator_token=text_field(broadcast.spectator_token),
        hls_url=text_field(broadcast.hls_url),
    )
