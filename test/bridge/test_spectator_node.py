"""The spectator as a process: a broadcast on a real graph."""

from __future__ import annotations

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from odyssey_ros.msg import FrameInfo, StreamEvent, StreamStatus
from odyssey_ros.srv import EndStream, GetBroadcast
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from odyssey_ros.bridge.spectator_parameters import SETTINGS

TOKEN = "ODYSSEY_SPECTATOR_TOKEN"


@pytest.fixture
def broadcast(start_bridge, probe, wait_until):
    """Start a bridge whose stream is broadcast; return the addresses."""
    start_bridge({"prompt": "a calm sea", "broadcast": True})
    answer = wait_until(
        lambda: (got := probe.call(GetBroadcast, "/odyssey/get_broadcast")).success and got, "the broadcast"
    )
    return answer.broadcast


def change(probe, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return probe.call(ChangeState, "/spectator/change_state", request).success


def lifecycle(probe):
    return probe.call(GetState, "/spectator/get_state").current_state.label


def failed(statuses):
    return statuses and statuses[-1].connection == StreamStatus.FAILED and statuses[-1]


def test_the_broadcast_on_the_graph(start_node, broadcast, probe, wait_until, tmp_path):
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(broadcast.spectator_token)
    images = probe.listen(Image, "/spectator/image_raw", 5)
    jpegs = probe.listen(CompressedImage, "/spectator/image_raw/compressed", 5)
    infos = probe.listen(CameraInfo, "/spectator/camera_info", 5)
    labels = probe.listen(FrameInfo, "/spectator/frame_info", 5)
    arrays = probe.listen(DiagnosticArray, "/diagnostics")
    statuses, events = probe.statuses("/spectator"), probe.events("/spectator")
    process = start_node(
        "spectator",
        {
            "webrtc_url": broadcast.webrtc_url,
            "spectator_token_file": file,
            "frame_id": "tv_optical_frame",
            "expected_frame_rate": 2.0,
        },
    )
    wait_until(lambda: len(images) > 10 and jpegs and infos and labels and statuses, "pictures")
    image = images[-1]
    assert (image.width, image.height, image.encoding) == (1280, 704, "rgb8")
    assert image.header.frame_id == "tv_optical_frame"
    stamps = [(one.header.stamp.sec, one.header.stamp.nanosec) for one in images]
    assert stamps == sorted(set(stamps))
    wait_until(lambda: any(label.header == one.header for label in labels for one in images), "a label")
    status = wait_until(lambda: statuses[-1].frame_rate > 0 and statuses[-1], "a rate")
    assert (status.connection, status.streaming) == (StreamStatus.CONNECTED, True)
    assert [event.type for event in events] in (
        [],
        [StreamEvent.CONNECTED],
    )  # it may be missed

    def spectator_levels():
        levels = {one.name: one.level for one in arrays[-1].status if one.name.startswith("spectator")}
        return levels == dict.fromkeys(("spectator: connection", "spectator: frames"), DiagnosticStatus.OK)

    wait_until(lambda: arrays and spectator_levels(), "good diagnostics")

    assert change(probe, Transition.TRANSITION_DEACTIVATE)
    deactivated = len(statuses)
    wait_until(lambda: len(statuses) > deactivated + 1, "a status of after that")
    after = statuses[-1]
    wait_until(lambda: statuses[-1].frames_received > after.frames_received + 10, "frames, unpublished")
    assert statuses[-1].frames_published == after.frames_published
    assert change(probe, Transition.TRANSITION_ACTIVATE)
    images.clear()
    wait_until(lambda: images, "pictures again")

    assert probe.call(EndStream, "/odyssey/end_stream").success
    wait_until(lambda: statuses[-1].connection == StreamStatus.RECONNECTING, "the end to be noticed")
    wait_until(lambda: "trying again" in statuses[-1].message, "another attempt")
    assert lifecycle(probe) == "active"
    assert process.stop() == 0
    assert broadcast.spectator_token not in process.text + repr((statuses, events, arrays))
    assert "Traceback" not in process.text


def test_the_token_from_the_environment(start_node, broadcast, probe, wait_until):
    images = probe.listen(Image, "/spectator/image_raw", 5)
    process = start_node(
        "spectator",
        {"webrtc_url": broadcast.webrtc_url, "encoding": "mono8"},
        environment={TOKEN: broadcast.spectator_token},
    )
    wait_until(lambda: images, "a picture")
    assert images[0].encoding == "mono8"
    answer = probe.call(ListParameters, "/spectator/list_parameters")
    values = probe.call(
        GetParameters, "/spectator/get_parameters", GetParameters.Request(names=answer.result.names)
    )
    assert broadcast.spectator_token not in repr(values)
    assert process.stop() == 0


def test_a_wrong_token_is_fatal(start_node, broadcast, probe, wait_until):
    statuses = probe.statuses("/spectator")
    process = start_node(
        "spectator", {"webrtc_url": broadcast.webrtc_url}, environment={TOKEN: "some-other-secret"}
    )
    status = wait_until(lambda: failed(statuses), "the reason")
    assert "token" in status.message
    wait_until(lambda: lifecycle(probe) == "unconfigured", "unconfigured")
    assert "some-other-secret" not in process.text + repr(statuses)
    assert "Traceback" not in process.text


@pytest.mark.parametrize(
    ("parameters", "environment", "reason"),
    [
        ({}, {TOKEN: "x"}, "start the node with the parameter webrtc_url"),
        ({"webrtc_url": "http://127.0.0.1:9/live/x"}, {}, "ODYSSEY_SPECTATOR_TOKEN"),
        ({"webrtc_url": "ftp://x"}, {TOKEN: "x"}, "http:// or https:// URL"),
        ({"webrtc_url": "http://127.0.0.1:9/live/x"}, {TOKEN: "two words"}, "alone on one line"),
    ],
)
def test_a_missing_parameter_is_reported(start_node, probe, wait_until, parameters, environment, reason):
    statuses = probe.statuses("/spectator")
    process = start_node("spectator", parameters, environment=environment)
    assert reason in wait_until(lambda: failed(statuses), "the reason").message
    assert statuses[-1].error_code == "CONFIGURATION"
    assert lifecycle(probe) == "unconfigured"
    assert process.stop() == 0
    assert "Traceback" not in process.text


def test_every_parameter_is_described(start_node, probe):
    start_node("spectator", {"autostart": False})
    names = [setting.name for setting in SETTINGS]
    described = probe.call(
        DescribeParameters, "/spectator/describe_parameters", DescribeParameters.Request(names=names)
    )
    assert all(descriptor.description for descriptor in described.descriptors)
    assert not any("token" in name and "file" not in name for name in names)
