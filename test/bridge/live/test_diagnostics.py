"""What /diagnostics says, as a pure function and on a real graph."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from odyssey_ros.msg import StreamStatus
from odyssey_ros.srv import ListRecordings
from sensor_msgs.msg import Image

from odyssey_ros.bridge.live.diagnostics import (
    FrameHealth,
    Health,
    Judgement,
    LimitHealth,
    bridge_diagnostics,
    diagnostic_status,
    service_host,
)
from odyssey_ros.bridge.live.stream_state import SessionState
from odyssey_ros.client import ConnectionStatus

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
KEY = "ody_test_key"

STREAMING = Health(
    lifecycle="active",
    state=SessionState(connection=ConnectionStatus.CONNECTED, streaming=True, stream_id="s", prompt="a sea"),
    frames=FrameHealth(20.0, 20.1, 0.04, 1280, 704, received=500, published=500, recently_received=100),
)


def judge(part, health):
    judgement = bridge_diagnostics(health)[part]
    return judgement.level, judgement.message


def connection(status, lifecycle="active", message="", **health):
    state = SessionState(connection=status, message=message)
    return judge("connection", Health(lifecycle=lifecycle, state=state, **health))


def frames(**changes):
    return judge("frames", replace(STREAMING, frames=replace(STREAMING.frames, **changes)))


def test_all_is_well():
    assert {part: judgement.level for part, judgement in bridge_diagnostics(STREAMING).items()} == {
        "connection": OK,
        "stream": OK,
        "frames": OK,
        "limits": OK,
    }


def test_a_new_node_is_well():
    assert {judgement.level for judgement in bridge_diagnostics(Health()).values()} == {OK}


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
    code = health.get("error", "")
    state = SessionState(
        connection=ConnectionStatus.CONNECTED, error_code=code, message="not this" if code else ""
    )
    judged = Health(health.get("lifecycle", "active"), state, streamless_s=health.get("streamless_s"))
    assert judge("stream", judged) == (level, message)


@pytest.mark.parametrize(
    ("changes", "level", "message"),
    [
        ({}, OK, "20.1 Hz"),
        ({"age_s": None}, OK, "No stream"),
        ({"hz": None}, OK, "The stream has just begun"),
        ({"hz": 15.0}, OK, "15.0 Hz"),
        ({"hz": 14.9}, WARN, "14.9 Hz instead of 20.0 Hz"),
        ({"age_s": 2.1}, ERROR, "No frame for 2.1 s"),
        ({"age_s": 2.1, "hz": None}, ERROR, "No frame for 2.1 s"),
        ({"age_s": 9.0, "expected_hz": 0.5, "hz": 0.5}, OK, "0.5 Hz"),
        ({"recently_failed": 2}, ERROR, "2 frames could not be published; the log tells why"),
        ({"recently_dropped": 5}, OK, "20.1 Hz"),
        (
            {"recently_dropped": 6},
            WARN,
            "6 of 100 frames dropped: publishing them takes longer than they last",
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
        (LimitHealth(), OK, "No limit was met"),
        (LimitHealth(1, "RATE_LIMITED", "slow down", 5.0), WARN, "RATE_LIMITED: slow down"),
        (LimitHealth(1, "RATE_LIMITED", "slow down", 61.0), OK, "The last limit was met 61 s ago"),
        (
            LimitHealth(1, "MONTHLY_LIMIT_REACHED", "used up", 999.0, True),
            ERROR,
            "MONTHLY_LIMIT_REACHED: used up",
        ),
    ],
)
def test_limits(limits, level, message):
    assert judge("limits", replace(STREAMING, limits=limits)) == (level, message)


def test_every_figure_is_shown():
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


def test_a_judgement_as_a_message():
    status = diagnostic_status(
        "odyssey: frames",
        "host",
        Judgement(WARN, "slow\ud800", {"Hz": 12.3456789, "n": 123456, "x": "", "b": True}),
    )
    assert (status.level, status.name, status.message, status.hardware_id) == (
        WARN, "odyssey: frames", "slow?", "host",
    )  # fmt: skip
    assert [(value.key, value.value) for value in status.values] == [
        ("Hz", "12.35"), ("n", "123456"), ("x", ""), ("b", "True"),
    ]  # fmt: skip


def test_the_hardware_is_the_service():
    assert service_host("https://user:secret@api.odyssey.ml:8443/x?y=z") == "api.odyssey.ml:8443"
    assert service_host("") == service_host("http://[") == ""


def test_on_a_graph(start_bridge, probe, emulator, wait_until):
    arrays = probe.listen(DiagnosticArray, "/diagnostics")
    probe.listen(Image, "/odyssey/image_raw", 5)
    bridge = start_bridge({"prompt": "a calm sea", "expected_frame_rate": 2.0, "frame_timeout": 8.0})
    seen = 0

    def becomes(part, level, text):
        nonlocal seen

        def found():
            nonlocal seen
            while seen < len(arrays):
                named = {one.name: one for one in arrays[seen].status}
                seen += 1
                one = named[f"odyssey: {part}"]
                if one.level == level and text in one.message:
                    return one
            return None

        return wait_until(found, f"{part} to be {text!r}; the last were {arrays[-3:]}")

    well = becomes("frames", OK, "Hz")
    assert well.hardware_id == emulator.url.removeprefix("http://")
    values = {value.key: value.value for value in well.values}
    assert 1.5 < float(values["frame rate (Hz)"]) < 12
    assert float(values["age of the last frame (s)"]) < 2.5
    assert int(values["published"]) > 3
    assert [one.name for one in arrays[-1].status] == [
        f"odyssey: {part}" for part in ("connection", "stream", "frames", "limits")
    ]
    stamps = [array.header.stamp.sec for array in arrays]
    assert stamps == sorted(stamps)

    emulator.fault(fault="http_usage_error", endpoint="recordings_list", code="RATE_LIMITED", count=1)
    assert probe.call(ListRecordings, "/odyssey/list_recordings").error_code == "RATE_LIMITED"
    becomes("limits", WARN, "RATE_LIMITED")

    emulator.fault(fault="video_stall", duration=600)
    becomes("frames", ERROR, "No frame for")
    emulator.process.popen.kill()
    becomes("connection", WARN, "Reconnecting for")
    assert KEY not in repr(arrays) + bridge.text


def test_a_node_that_gave_up_is_an_error(start_node, probe, wait_until):
    arrays, statuses = probe.listen(DiagnosticArray, "/diagnostics"), probe.statuses("/left/odyssey")
    start_node("bridge", {}, "-r", "__ns:=/left")
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.FAILED, "the reason")
    status = wait_until(
        lambda: next((one for a in arrays[-1:] for one in a.status if one.level == ERROR), None), "the error"
    )
    assert status.name == "left/odyssey: connection"
    assert "ODYSSEY_API_KEY" in status.message
