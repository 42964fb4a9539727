"""The topic /diagnostics: messages, and a bridge on a real graph."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from odyssey_ros.msg import StreamStatus
from odyssey_ros.srv import ListRecordings
from sensor_msgs.msg import Image

from odyssey_ros.bridge.live.diagnostics import Assessment, Level
from odyssey_ros.bridge.live.diagnostics_topic import LEVELS, diagnostic_status

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
KEY = "ody_test_key"


def test_every_level_has_its_constant():
    assert {level: getattr(DiagnosticStatus, level.name) for level in Level} == LEVELS


def test_an_assessment_as_a_message():
    status = diagnostic_status(
        "odyssey: frames",
        "host",
        Assessment(Level.WARN, "slow\ud800", {"Hz": 12.3456789, "n": 123456, "x": "", "b": True}),
    )
    assert (status.level, status.name, status.message, status.hardware_id) == (
        WARN, "odyssey: frames", "slow?", "host",
    )  # fmt: skip
    assert [(value.key, value.value) for value in status.values] == [
        ("Hz", "12.35"), ("n", "123456"), ("x", ""), ("b", "True"),
    ]  # fmt: skip


def test_levels_of_a_bridge_on_a_graph(start_bridge, probe, emulator, wait_until):
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

    def published():
        one = becomes("frames", OK, "Hz")
        return int({value.key: value.value for value in one.values}["published"]) > 3 and one

    well = wait_until(published, "frames")
    assert well.hardware_id == emulator.url.removeprefix("http://")
    values = {value.key: value.value for value in well.values}
    assert 1.5 < float(values["frame rate (Hz)"]) < 12
    assert float(values["age of the last frame (s)"]) < 2.5
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
