"""Messages become bounded, clean JSON values."""

from __future__ import annotations

import json

from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from odyssey_ros.msg import PlaybackStatus, PlaybackTimeline, StreamEvent, StreamStatus, TimelinePrompt
from std_msgs.msg import Header

from odyssey_ros.console.graph.message_values import (
    MAX_DIAGNOSTICS,
    MAX_TIMELINE_TEXT,
    diagnostics_values,
    event_value,
    playback_value,
    status_value,
    timeline_value,
)

TERMINAL = "red\x1b[31m\x00\u202e"


def test_status_has_all_fields_of_the_message() -> None:
    """Times in seconds; newlines of the prompt remain."""
    value = status_value(
        StreamStatus(
            stamp=Time(sec=5, nanosec=250_000_000),
            connection=3,
            message=TERMINAL,
            prompt="sea\nsky\x00",
            frames_received=2**40,
        )
    )
    assert set(value) == set(StreamStatus.get_fields_and_field_types())
    assert value["stamp"] == 5.25
    assert (value["message"], value["prompt"]) == ("red", "sea\nsky")
    assert value["capabilities"] == {"image_to_video": False}
    assert json.loads(json.dumps(value)) == value


def test_playback_has_positions_in_seconds() -> None:
    """Also those before 0."""
    value = playback_value(PlaybackStatus(position=Duration(sec=-1, nanosec=500_000_000), frame_count=-1))
    assert (value["position"], value["frame_count"]) == (-0.5, -1)


def test_time_line_is_bounded_as_the_player_does() -> None:
    """Few prompts may be long, many are shortened."""
    few = timeline_value(
        PlaybackTimeline(
            episode=2,
            frame_count=90,
            duration=Duration(sec=3),
            prompts=[TimelinePrompt(position=Duration(sec=1), frame_index=30, prompt="x" * 30_000)],
        )
    )
    assert few["prompts"] == [{"position": 1.0, "frame_index": 30, "prompt": "x" * 30_000}]
    assert (few["episode"], few["frame_count"], few["duration"]) == (2, 90, 3.0)
    long = [TimelinePrompt(prompt="y" * 30_000) for _ in range(100)]
    many = timeline_value(PlaybackTimeline(prompts=long))
    assert len(many["prompts"]) == 100
    assert sum(len(one["prompt"]) for one in many["prompts"]) <= MAX_TIMELINE_TEXT


def test_events_have_a_kind_and_a_time() -> None:
    """A kind that a newer node publishes is called unknown."""
    event = StreamEvent(
        header=Header(stamp=Time(sec=7)),
        type=StreamEvent.STREAM_ERROR,
        error_code="STREAM_ERROR",
        message="lost\nit",
        fatal=True,
    )
    assert event_value(event) == {
        "time": 7.0,
        "kind": "stream_error",
        "stream_id": "",
        "prompt": "",
        "error_code": "STREAM_ERROR",
        "message": "lost it",
        "fatal": True,
    }
    assert event_value(StreamEvent(type=200))["kind"] == "unknown"


def test_diagnostics_are_those_of_the_node() -> None:
    """With the names of its parts. Other nodes whose names begin alike are left out."""
    statuses = [
        DiagnosticStatus(
            name="robot/odyssey: stream",
            level=DiagnosticStatus.WARN,
            message=TERMINAL,
            values=[KeyValue(key="rate", value="1\n2")] * 1000,
        ),
        DiagnosticStatus(name="robot/odyssey2: stream"),
        DiagnosticStatus(name="odyssey: stream"),
        DiagnosticStatus(name="/robot/odyssey: connection", level=b"\x09"),
    ]
    values = diagnostics_values(DiagnosticArray(status=statuses), "/robot/odyssey")
    assert [(one["name"], one["level"], one["message"]) for one in values] == [
        ("stream", "warn", "red"),
        ("connection", "stale", ""),
    ]
    assert values[0]["values"] == [["rate", "1 2"]] * MAX_DIAGNOSTICS
    many = DiagnosticArray(status=[DiagnosticStatus(name="odyssey: x")] * 1000)
    assert len(diagnostics_values(many, "/odyssey")) == MAX_DIAGNOSTICS
