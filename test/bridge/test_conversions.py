"""Conversion of the client's values to messages."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from odyssey_ros import client, msg
from odyssey_ros.bridge import conversions
from odyssey_ros.bridge.conversions import count_field, number_field, text_field, time_field


def survives(message):
    """Return whether a message is unchanged by serialization."""
    return repr(deserialize_message(serialize_message(message), type(message))) == repr(message)


@pytest.mark.parametrize(
    ("text", "sec", "nanosec"),
    [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("2026-11-23T01:02:03Z", 1795395723, 0),
        ("2026-11-23T01:02:03.5z", 1795395723, 500_000_000),
        ("2026-11-23T01:02:03.123456789Z", 1795395723, 123_456_789),
        ("2026-11-23T01:02:03.1234567899999Z", 1795395723, 123_456_789),
        ("2026-11-23T01:02:03,25+00:00", 1795395723, 250_000_000),
        ("2026-11-23T03:02:03+02:00", 1795395723, 0),
        ("2026-11-22T20:32:03-0430", 1795395723, 0),
        ("2026-11-23 01:02:03", 1795395723, 0),
    ],
)
def test_times(text, sec, nanosec):
    assert (time_field(text).sec, time_field(text).nanosec) == (sec, nanosec)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "2026-13-01T00:00:00Z",
        "2026-11-23",
        "2100-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+01:00",
        "2026-11-23T01:02:03Z\n",
        "٢٠٢٦-11-23T01:02:03Z",
    ],
)
def test_an_invalid_time_is_0(text):
    assert (time_field(text).sec, time_field(text).nanosec) == (0, 0)


@given(
    st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 -- hypothesis adds the zone
        max_value=datetime(2038, 1, 18),  # noqa: DTZ001
        timezones=st.timezones() | st.none(),
    )
)
def test_any_time_that_python_writes_is_read(time):
    utc = time if time.tzinfo else time.replace(tzinfo=timezone.utc)
    if utc.utcoffset().total_seconds() % 60:
        return  # ISO 8601 has no seconds in offsets
    field = time_field(time.isoformat())
    assert field.sec == math.floor(utc.timestamp())
    assert field.nanosec == time.microsecond * 1000


@given(st.text() | st.none())
def test_time_of_any_text(text):
    time_field(text)


@given(st.text(alphabet=st.characters(exclude_categories=[])) | st.none())
def test_any_text_can_be_sent(text):
    # The middleware's strings end at a null character.
    message = msg.Recording(stream_id=text_field(text).replace("\0", ""))
    assert survives(message)


def test_counts_and_numbers():
    assert count_field(None) == -1
    assert count_field(7) == 7
    assert count_field(1 << 40) == (1 << 31) - 1
    assert count_field(-(1 << 40)) == -(1 << 31)
    assert count_field(1 << 70, 64) == (1 << 63) - 1
    assert math.isnan(number_field(None))
    assert number_field(2.5) == 2.5


def test_unknown_values():
    recording = conversions.recording_message(client.Recording("s"))
    assert (recording.stream_id, recording.video_url, recording.frame_count) == ("s", "", -1)
    assert math.isnan(recording.duration_seconds)
    row = conversions.recording_info_message(client.StreamRecordingInfo("s", None, None, "", None, None))
    assert (row.width, row.height, row.started_at.sec, row.ended_at.sec) == (-1, -1, 0, 0)
    job = conversions.job_message(
        client.SimulationJobDetail("j", client.SimulationJobStatus.PENDING, "normal", "2026-11-23T01:02:03Z")
    )
    assert (job.status, job.created_at.sec, job.completed_at.sec) == ("pending", 1795395723, 0)
    assert math.isnan(job.estimated_wait_minutes)
    assert (job.assigned_region, job.error_message, list(job.streams)) == ("", "", [])
    broadcast = conversions.broadcast_message(client.BroadcastInfo("http://w", "token"))
    assert (broadcast.webrtc_url, broadcast.spectator_token, broadcast.hls_url) == ("http://w", "token", "")


def test_known_values():
    stream = client.SimulationStream("s", "http://v", "http://e", "http://t", "http://p", 60, 3.0, 2)
    job = client.SimulationJobDetail(
        "j",
        client.SimulationJobStatus.COMPLETED,
        "normal",
        "2026-11-23T01:02:03Z",
        completed_at="2026-11-23T01:02:04Z",
        assigned_region="north",
        retry_count=1,
        streams=[stream],
        estimated_wait_minutes=0.5,
    )
    message = conversions.job_message(job)
    assert message.streams[0] == msg.SimulationStream(
        stream_id="s",
        video_url="http://v",
        events_url="http://e",
        thumbnail_url="http://t",
        preview_url="http://p",
        frame_count=60,
        duration_seconds=3.0,
        script_index=2,
    )
    assert (message.retry_count, message.assigned_region, message.estimated_wait_minutes) == (1, "north", 0.5)
    assert survives(message)


def test_addresses_can_be_left_out():
    stream = client.SimulationStream("s", *["https://x/y?signature=secret"] * 4)
    job = client.SimulationJobDetail("j", client.SimulationJobStatus.COMPLETED, "n", "", streams=[stream])
    message = conversions.job_message(job, with_urls=False)
    assert "secret" not in repr(message)
    assert message.streams[0].stream_id == "s"


def test_values_outside_the_range_of_a_field_are_limited():
    job = client.SimulationJobInfo(
        "j\ud800", client.SimulationJobStatus.UNKNOWN, "n", "x", error_message="\udfff"
    )
    assert survives(conversions.job_info_message(job))
    recording = client.Recording("s", frame_count=1 << 80, duration_seconds=1e300)
    assert survives(conversions.recording_message(recording))
