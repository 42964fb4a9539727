"""The assessment of a node's health."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from odyssey_ros.bridge.live.diagnostics import (
    FrameHealth,
    Health,
    Level,
    LimitHealth,
    bridge_diagnostics,
    service_host,
)
from odyssey_ros.bridge.live.stream_state import SessionState
from odyssey_ros.client import ConnectionStatus

OK, WARN, ERROR = Level

STREAMING = Health(
    lifecycle="active",
    state=SessionState(connection=ConnectionStatus.CONNECTED, streaming=True, stream_id="s", prompt="a sea"),
    frames=FrameHealth(20.0, 20.1, 0.04, 1280, 704, received=500, published=500, recently_received=100),
)


def assess(part, health):
    assessment = bridge_diagnostics(health)[part]
    return assessment.level, assessment.message


def connection(status, lifecycle="active", message="", **health):
    state = SessionState(connection=status, message=message)
    return assess("connection", Health(lifecycle=lifecycle, state=state, **health))


def frames(**changes):
    return assess("frames", replace(STREAMING, frames=replace(STREAMING.frames, **changes)))


def test_a_streaming_node_is_ok():
    assert {part: assessment.level for part, assessment in bridge_diagnostics(STREAMING).items()} == {
        "connection": OK,
        "stream": OK,
        "frames": OK,
        "limits": OK,
    }


def test_a_new_node_is_ok():
    assert {assessment.level for assessment in bridge_diagnostics(Health()).values()} == {OK}


@pytest.mark.parametrize(
    ("arguments", "level", "message"),
    [
        (("CONNECTED", "active"), OK, "Connected"),
        (("CONNECTED", "active", "", {"recent_reconnects": 2}), OK, "Connected"),
        (
            ("CONNECTED", "active", "", {"recent_reconnects": 3}),
            WARN,
            "Connected, but lost 3 times in five minutes",
        ),
        (("DISCONNECTED", "unconfigured"), OK, "Not wanted: the node is unconfigured"),
        (("FAILED", "unconfigured", "no API key"), ERROR, "Failed: no API key"),
        (("CONNECTING", "inactive", "", {"unconnected_s": 4.0}), OK, "Connecting for 4 s"),
        (
            ("AUTHENTICATING", "active", "no network", {"unconnected_s": 10.0}),
            WARN,
            "Authenticating for 10 s: no network",
        ),
        (("CONNECTING", "active", "", {"unconnected_s": 60.0}), ERROR, "Connecting for 60 s"),
        (("RECONNECTING", "active", "lost", {"unconnected_s": 0.5}), WARN, "Reconnecting for 0 s: lost"),
        (("RECONNECTING", "active", "lost", {"unconnected_s": 61.0}), ERROR, "Reconnecting for 61 s: lost"),
    ],
)
def test_connections(arguments, level, message):
    status, lifecycle, *rest = arguments
    text, health = (*rest, "", {})[:2] if len(rest) != 1 else (rest[0], {})
    assert connection(ConnectionStatus[status], lifecycle, text, **health) == (level, message)


@pytest.mark.parametrize(
    ("health", "level", "message"),
    [
        ({"lifecycle": "inactive"}, OK, "Not wanted: the node is inactive"),
        ({}, OK, "Waiting for a prompt"),
        ({"error": "MODERATION_FAILED"}, WARN, "Waiting for a prompt (MODERATION_FAILED: not this)"),
        ({"streamless_s": 3.0}, OK, "No stream for 3 s"),
        ({"streamless_s": 30.0}, WARN, "No stream for 30 s"),
        (
            {"streamless_s": 60.0, "error": "LEASE_DENIED"},
            ERROR,
            "No stream for 60 s (LEASE_DENIED: not this)",
        ),
    ],
)
def test_streams(health, level, message):
    code = health.get("error")
    state = SessionState(
        connection=ConnectionStatus.CONNECTED, error_code=code, message="not this" if code else ""
    )
    health = Health(health.get("lifecycle", "active"), state, streamless_s=health.get("streamless_s"))
    assert assess("stream", health) == (level, message)


@pytest.mark.parametrize(
    ("changes", "level", "message"),
    [
        ({}, OK, "20.1 Hz"),
        ({"age_s": None}, OK, "No stream"),
        ({"hz": None}, OK, "The stream has just started"),
        ({"hz": 15.0}, OK, "15.0 Hz"),
        ({"hz": 14.9}, WARN, "14.9 Hz instead of 20.0 Hz"),
        ({"age_s": 2.1}, ERROR, "No frame for 2.1 s"),
        ({"age_s": 2.1, "hz": None}, ERROR, "No frame for 2.1 s"),
        ({"age_s": 9.0, "expected_hz": 0.5, "hz": 0.5}, OK, "0.5 Hz"),
        ({"recently_failed": 2}, ERROR, "2 frames could not be published: see the log"),
        ({"recently_skipped": 5}, OK, "20.1 Hz"),
        (
            {"recently_skipped": 6},
            WARN,
            "6 of 100 frames not decoded: decoding is slower than the frame rate, or frames are damaged",
        ),
        ({"recently_dropped": 5}, OK, "20.1 Hz"),
        (
            {"recently_dropped": 6},
            WARN,
            "6 of 100 frames dropped: publishing is slower than the frame rate",
        ),
        ({"recently_withheld": 5}, OK, "20.1 Hz"),
        (
            {"recently_withheld": 6},
            WARN,
            "6 of 100 frames withheld until the next key frame: frames before them were lost",
        ),
        (
            {"recently_withheld": 40, "age_s": 2.1},
            ERROR,
            "No key frame for 2.1 s: frames cannot be decoded",
        ),
        ({"recent_packets": 950, "recently_lost": 50}, OK, "20.1 Hz"),
        ({"recent_packets": 900, "recently_lost": 100}, WARN, "100 of 1000 packets lost"),
    ],
)
def test_frames(changes, level, message):
    assert frames(**changes) == (level, message)


@pytest.mark.parametrize(
    ("limits", "level", "message"),
    [
        (LimitHealth(), OK, "No limit was reached"),
        (LimitHealth(1, "RATE_LIMITED", "slow down", 5.0), WARN, "RATE_LIMITED: slow down"),
        (LimitHealth(1, "RATE_LIMITED", "slow down", 61.0), OK, "The last limit was reached 61 s ago"),
        (
            LimitHealth(1, "MONTHLY_LIMIT_REACHED", "used up", 999.0, True),
            ERROR,
            "MONTHLY_LIMIT_REACHED: used up",
        ),
    ],
)
def test_limits(limits, level, message):
    assert assess("limits", replace(STREAMING, limits=limits)) == (level, message)


def test_every_figure_is_in_the_values():
    marked = FrameHealth(**{
        field.name: index + 0.5 if isinstance(field.default, float) or field.default is None else index + 1000
        for index, field in enumerate(fields(FrameHealth))
    })  # fmt: skip
    shown = " ".join(
        str(value)
        for value in bridge_diagnostics(replace(STREAMING, frames=marked))["frames"].values.values()
    )
    for field in fields(FrameHealth):
        if not field.name.startswith("recent") and field.name != "jitter_s":
            assert str(getattr(marked, field.name)) in shown, field.name


def test_the_hardware_id_is_the_host_of_the_service():
    assert service_host("https://user:secret@api.odyssey.ml:8443/x?y=z") == "api.odyssey.ml:8443"
    assert service_host("") == service_host("http://[") == ""
