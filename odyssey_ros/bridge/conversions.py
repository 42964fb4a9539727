"""The client's values as messages. What the SDK calls None is an empty string, NaN, -1 or the time 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from builtin_interfaces.msg import Time

from odyssey_ros import msg
from odyssey_ros.bridge.live.stream_state import EventKind
from odyssey_ros.client import ConnectionStatus
from odyssey_ros.dataset.iso_time import parse_time_ns

if TYPE_CHECKING:
    from odyssey_ros.bridge.live.stream_state import Event, SessionState
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

CONNECTIONS = {
    ConnectionStatus.DISCONNECTED: msg.StreamStatus.DISCONNECTED,
    ConnectionStatus.AUTHENTICATING: msg.StreamStatus.AUTHENTICATING,
    ConnectionStatus.CONNECTING: msg.StreamStatus.CONNECTING,
    ConnectionStatus.CONNECTED: msg.StreamStatus.CONNECTED,
    ConnectionStatus.RECONNECTING: msg.StreamStatus.RECONNECTING,
    ConnectionStatus.FAILED: msg.StreamStatus.FAILED,
}
EVENTS = {kind: getattr(msg.StreamEvent, kind.name) for kind in EventKind}


def text_field(value: str | None) -> str:
    """Return a text that a message can hold: the middleware takes no lone surrogates, which JSON allows."""
    return (value or "").encode("utf-8", "replace").decode("utf-8")


def count_field(value: int | None, bits: int = 32) -> int:
    """Return a count that fits into a signed integer of so many bits; -1 for None."""
    limit = 1 << (bits - 1)
    return -1 if value is None else max(-limit, min(value, limit - 1))


def number_field(value: float | None) -> float:
    """Return a number, NaN for None."""
    return math.nan if value is None else value


def time_field(text: str | None) -> Time:
    """Return the time of an ISO 8601 text; UTC where it names no zone.

    None, what is no time, and what lies outside of the message's range (1970 to 2038) give 0: not known.
    """
    time_ns = parse_time_ns(text or "", date_only=False)
    if time_ns is None:
        return Time()
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return Time(sec=seconds, nanosec=nanoseconds) if 0 <= seconds < 1 << 31 else Time()


def capabilities_message(capabilities: StreamerCapabilities | None) -> msg.StreamerCapabilities:
    """Return what a streamer can do; None is unknown, hence nothing."""
    return msg.StreamerCapabilities(image_to_video=capabilities is not None and capabilities.image_to_video)


def status_message(state: SessionState) -> msg.StreamStatus:
    """Return the session's part of the status."""
    return msg.StreamStatus(
        connection=CONNECTIONS[state.connection],
        connection_text=state.connection.value,
        message=text_field(state.message),
        error_code=text_field(state.error_code),
        session_id=text_field(state.session_id),
        capabilities=capabilities_message(state.capabilities),
        streaming=state.streaming,
        stream_id=text_field(state.stream_id),
        prompt=text_field(state.prompt),
        prompts_acknowledged=state.prompts_acknowledged,
        reconnects=state.reconnects,
    )


def event_message(event: Event) -> msg.StreamEvent:
    """Return an event without its header."""
    return msg.StreamEvent(
        type=EVENTS[event.kind],
        stream_id=text_field(event.stream_id),
        prompt=text_field(event.prompt),
        error_code=text_field(event.error_code),
        message=text_field(event.message),
        fatal=event.fatal,
    )


def recording_message(recording: Recording) -> msg.Recording:
    """Return where a recording is."""
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
    """Return a row of the list of recordings."""
    return msg.StreamRecordingInfo(
        stream_id=text_field(recording.stream_id),
        width=count_field(recording.width),
        height=count_field(recording.height),
        started_at=time_field(recording.started_at),
        ended_at=time_field(recording.ended_at),
        duration_seconds=number_field(recording.duration_seconds),
    )


def job_message(job: SimulationJobDetail, *, with_urls: bool = True) -> msg.SimulationJobDetail:
    """Return a job in full; without the addresses of its videos where anybody on the graph can listen."""
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
    """Return a video of a job."""
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
    """Return a row of the list of jobs."""
    return msg.SimulationJobInfo(
        job_id=text_field(job.job_id),
        status=job.status.value,
        priority=text_field(job.priority),
        created_at=time_field(job.created_at),
        completed_at=time_field(job.completed_at),
        error_message=text_field(job.error_message),
    )


def credentials_message(credentials: ClientCredentials) -> msg.ClientCredentials:
    """Return minted credentials: a secret."""
    return msg.ClientCredentials(
        session_id=text_field(credentials.session_id),
        signaling_url=text_field(credentials.signaling_url),
        session_token=text_field(credentials.session_token),
        expires_in=count_field(credentials.expires_in),
        capabilities=capabilities_message(credentials.capabilities),
    )


def broadcast_message(broadcast: BroadcastInfo) -> msg.BroadcastInfo:
    """Return how to watch a broadcast; the token in it is a secret."""
    return msg.BroadcastInfo(
        webrtc_url=text_field(broadcast.webrtc_url),
        spectator_token=text_field(broadcast.spectator_token),
        hls_url=text_field(broadcast.hls_url),
    )
