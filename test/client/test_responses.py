"""Parsers of HTTP responses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client import responses
from odyssey_ros.client.json_object import JsonObject, MalformedError

PARSERS = [
    responses.parse_access_token,
    responses.parse_regions,
    responses.parse_session,
    responses.parse_session_token,
    responses.parse_recording,
    responses.parse_recordings,
    responses.parse_job,
    responses.parse_job_row,
    responses.parse_jobs,
]
NAMES = st.sampled_from(
    [
        "access_token",
        "expires_in",
        "regions",
        "id",
        "ping_url",
        "session_id",
        "signalling_url",
        "capabilities",
        "image_to_video",
        "session_token",
        "stream_id",
        "video_url",
        "frame_count",
        "duration_seconds",
        "recordings",
        "width",
        "started_at",
        "total",
        "limit",
        "offset",
        "job_id",
        "status",
        "priority",
        "streams",
        "script_index",
        "jobs",
        "retry_count",
        "estimated_wait_minutes",
    ]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["wss://host/base", "pending", "http://h/ping"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, values), st.sampled_from(PARSERS))
def test_any_response_is_parsed_or_refused(answer, parse):
    try:
        assert parse(JsonObject(answer)) is not None
    except MalformedError as error:
        assert str(error)  # noqa: PT017 - not every input raises


def test_a_session_without_capabilities_cannot_start_from_images():
    grant = responses.parse_session(JsonObject({"session_id": "s", "signalling_url": "https://h/base/"}))
    assert grant.capabilities.image_to_video is False
    assert grant.endpoint.ws_base == "wss://h/base"


def test_a_region_whose_ping_url_is_not_http_is_left_out():
    regions = JsonObject(
        {"regions": [{"id": "a", "ping_url": "file:///etc/passwd"}, {"id": "b", "ping_url": "https://b"}]}
    )
    assert [region.region_id for region in responses.parse_regions(regions)] == ["b"]


def test_an_access_token_without_a_lifetime_lasts_an_hour():
    assert responses.parse_access_token(JsonObject({"access_token": "a"})).expires_in_s == 3600


def test_a_negative_total_is_refused():
    with pytest.raises(MalformedError):
        responses.parse_jobs(JsonObject({"jobs": [], "total": -1}))
