"""Parsers of HTTP responses: pure functions from JSON objects to the client's types."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.service_address import parse_address
from odyssey_ros.client.signaling import SignalingEndpoint
from odyssey_ros.client.types import (
    PartialJobsList,
    PartialRecordingsList,
    Recording,
    SimulationJobDetail,
    SimulationJobInfo,
    SimulationJobsList,
    SimulationJobStatus,
    SimulationStream,
    StreamerCapabilities,
    StreamRecordingInfo,
    StreamRecordingsList,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from odyssey_ros.client.service_address import ServiceAddress

_T = TypeVar("_T")
_DEFAULT_ACCESS_LIFETIME_S = 3600.0
_DEFAULT_SESSION_LIFETIME_S = 600
_MAX_REGIONS = 32


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token for the HTTP API, and its lifetime in seconds."""

    token: str = field(repr=False)
    expires_in_s: float


@dataclass(frozen=True, slots=True)
class Region:
    """A region with streamers, and the address for measuring its latency."""

    region_id: str
    ping_url: str
    address: ServiceAddress


@dataclass(frozen=True, slots=True)
class SessionGrant:
    """A session that the service provisioned."""

    session_id: str
    signaling_url: str
    endpoint: SignalingEndpoint
    capabilities: StreamerCapabilities


@dataclass(frozen=True, slots=True)
class SessionToken:
    """The token that opens the signaling socket of a session, and its lifetime in seconds."""

    token: str = field(repr=False)
    expires_in_s: int


def parse_access_token(answer: JsonObject) -> AccessToken:
    """Parse the response to POST /auth/token."""
    lifetime = answer.optional_number("expires_in")
    token = answer.text("access_token")
    if not (token.isascii() and token.isprintable()):
        raise MalformedError("access_token must be printable ASCII")
    return AccessToken(token, _DEFAULT_ACCESS_LIFETIME_S if lifetime is None else lifetime)


def parse_regions(answer: JsonObject) -> list[Region]:
    """Parse the response to GET /regions; leave out invalid regions, and those after 32."""
    regions = []
    for item in answer.objects("regions"):
        try:
            url = item.text("ping_url")
            regions.append(Region(item.identifier("id"), url, parse_address(url)))
        except MalformedError:  # noqa: PERF203 -- one invalid region must not affect the others
            continue
    return regions[:_MAX_REGIONS]


def parse_session(answer: JsonObject) -> SessionGrant:
    """Parse the response to POST /sessions/request."""
    capabilities = answer.optional_object("capabilities")
    url = answer.text("signalling_url")
    return SessionGrant(
        session_id=answer.identifier("session_id"),
        signaling_url=url,
        endpoint=SignalingEndpoint.parse(url),
        capabilities=StreamerCapabilities.from_dict({} if capabilities is None else capabilities.to_dict()),
    )


def parse_session_token(answer: JsonObject) -> SessionToken:
    """Parse the response to POST /sessions/token."""
    return SessionToken(
        answer.text("session_token"), answer.integer("expires_in", default=_DEFAULT_SESSION_LIFETIME_S)
    )


def parse_recording(answer: JsonObject) -> Recording:
    """Parse the response to GET /recordings/{stream_id}."""
    return Recording(
        stream_id=answer.identifier("stream_id"),
        video_url=answer.optional_text("video_url"),
        events_url=answer.optional_text("events_url"),
        thumbnail_url=answer.optional_text("thumbnail_url"),
        preview_url=answer.optional_text("preview_url"),
        frame_count=answer.optional_count("frame_count"),
        duration_seconds=answer.optional_quantity("duration_seconds"),
    )


def parse_recordings(answer: JsonObject) -> StreamRecordingsList:
    """Parse the response to GET /stream-recordings. Rows that cannot be read are left out and counted."""
    items = answer.items("recordings")
    rows = list(_readable(_recording_row, items))
    page = _page(answer, len(items))
    ignored = len(items) - len(rows)
    return PartialRecordingsList(rows, *page, ignored) if ignored else StreamRecordingsList(rows, *page)


def _recording_row(row: JsonObject) -> StreamRecordingInfo:
    return StreamRecordingInfo(
        stream_id=row.identifier("stream_id"),
        width=row.optional_count("width"),
        height=row.optional_count("height"),
        started_at=row.optional_text("started_at") or "",
        ended_at=row.optional_text("ended_at"),
        duration_seconds=row.optional_quantity("duration_seconds"),
    )


def parse_job(answer: JsonObject) -> SimulationJobDetail:
    """Parse the response to POST /simulation-jobs or GET /simulation-jobs/{job_id}."""
    return SimulationJobDetail(
        job_id=answer.identifier("job_id"),
        status=_job_status(answer),
        priority=answer.optional_text("priority") or "normal",
        created_at=answer.optional_text("created_at") or "",
        dispatched_at=answer.optional_text("dispatched_at"),
        started_at=answer.optional_text("started_at"),
        completed_at=answer.optional_text("completed_at"),
        error_message=answer.message("error_message") or None,
        assigned_region=answer.optional_text("assigned_region"),
        retry_count=answer.integer("retry_count", default=0),
        streams=[_job_stream(stream) for stream in answer.objects("streams")],
        estimated_wait_minutes=answer.optional_number("estimated_wait_minutes"),
    )


def parse_job_row(answer: JsonObject) -> SimulationJobInfo:
    """Parse a row of GET /simulation-jobs, or the response to DELETE /simulation-jobs/{job_id}."""
    return SimulationJobInfo(
        job_id=answer.identifier("job_id"),
        status=_job_status(answer),
        priority=answer.optional_text("priority") or "normal",
        created_at=answer.optional_text("created_at") or "",
        completed_at=answer.optional_text("completed_at"),
        error_message=answer.message("error_message") or None,
    )


def parse_jobs(answer: JsonObject) -> SimulationJobsList:
    """Parse the response to GET /simulation-jobs. Rows that cannot be read are left out and counted."""
    items = answer.items("jobs")
    rows = list(_readable(parse_job_row, items))
    page = _page(answer, len(items))
    ignored = len(items) - len(rows)
    return PartialJobsList(rows, *page, ignored) if ignored else SimulationJobsList(rows, *page)


def _readable(parse: Callable[[JsonObject], _T], items: list[object]) -> Iterator[_T]:
    """Yield the rows that can be read: one bad row must not hide the others."""
    for item in items:
        with contextlib.suppress(MalformedError):
            yield parse(JsonObject.of(item))


def _job_status(answer: JsonObject) -> SimulationJobStatus:
    status: SimulationJobStatus = SimulationJobStatus(answer.text("status"))
    return status


def _job_stream(stream: JsonObject) -> SimulationStream:
    return SimulationStream(
        stream_id=stream.identifier("stream_id"),
        video_url=stream.optional_text("video_url"),
        events_url=stream.optional_text("events_url"),
        thumbnail_url=stream.optional_text("thumbnail_url"),
        preview_url=stream.optional_text("preview_url"),
        frame_count=stream.optional_count("frame_count"),
        duration_seconds=stream.optional_quantity("duration_seconds"),
        script_index=stream.integer("script_index", default=0),
    )


def _page(answer: JsonObject, rows: int) -> tuple[int, int, int]:
    total = answer.integer("total", default=rows)
    if total < 0:
        raise MalformedError("total must not be negative")
    return total, answer.integer("limit", default=rows), answer.integer("offset", default=0)
