"""The transform to the frame of the images."""

from __future__ import annotations

import json
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters

from odyssey_ros.bridge.frames.static_transform import (
    OPTICAL_RPY,
    TransformError,
    parse_triple,
    transform_of,
    triple_fault,
)
from tf2_messages import tf2_environment

LISTENER = """
import json
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

def received(message):
    for one in message.transforms:
        t, r = one.transform.translation, one.transform.rotation
        frames = [one.header.frame_id, one.child_frame_id]
        print(json.dumps([*frames, t.x, t.y, t.z, r.x, r.y, r.z, r.w]), flush=True)

rclpy.init()
node = rclpy.create_node("listener")
qos = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
node.create_subscription(TFMessage, "/tf_static", received, qos)
rclpy.spin(node)
"""


def parameters(parent="camera_link", child="optical", xyz="0 0 0", rpy=OPTICAL_RPY):
    return SimpleNamespace(parent_frame=parent, frame_id=child, parent_xyz=xyz, parent_rpy=rpy)


def rotated(rotation, vector):
    """Rotate a vector by a quaternion."""
    axis = np.array([rotation.x, rotation.y, rotation.z])
    twice = 2 * np.cross(axis, vector)
    return vector + rotation.w * twice + np.cross(axis, twice)


def test_the_default_is_an_optical_frame_in_a_body_frame():
    transform = transform_of(parameters(xyz="0.1 -0.2 3e-1"))
    assert (transform.header.frame_id, transform.child_frame_id) == ("camera_link", "optical")
    translation = transform.transform.translation
    assert (translation.x, translation.y, translation.z) == (0.1, -0.2, 0.3)
    rotation = transform.transform.rotation
    right, down, forward = np.eye(3)
    for optical, body in ((right, (0, -1, 0)), (down, (0, 0, -1)), (forward, (1, 0, 0))):
        assert np.allclose(rotated(rotation, optical), body)


@pytest.mark.parametrize(
    ("rpy", "vector", "expected"),
    [
        (f"{math.pi / 2} 0 0", (0, 1, 0), (0, 0, 1)),
        (f"0 {math.pi / 2} 0", (1, 0, 0), (0, 0, -1)),
        (f"0 0 {math.pi / 2}", (1, 0, 0), (0, 1, 0)),
        (f"{math.pi / 2} {math.pi / 2} 0", (0, 1, 0), (1, 0, 0)),  # roll first, about fixed axes
        ("0.3 -0.4 2.5", (0, 0, 0), (0, 0, 0)),
    ],
)
def test_rotations(rpy, vector, expected):
    rotation = transform_of(parameters(rpy=rpy)).transform.rotation
    assert np.allclose(rotated(rotation, np.array(vector, float)), expected)
    assert math.isclose(rotation.x**2 + rotation.y**2 + rotation.z**2 + rotation.w**2, 1)


def test_triples():
    assert parse_triple(" 1  2.5\t-3e1 ") == (1, 2.5, -30)
    assert triple_fault("0 0 0") is None
    for text in ("", "1 2", "1 2 3 4", "1 2 x", "1 2 nan", "1_0 2 3", "1,2,3", "inf 0 0"):
        assert "set it to three finite numbers" in triple_fault(text)


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (("/base", "optical"), "parent_frame is '/base': set it to a name without a slash"),
        (("base", ""), "frame_id is '': set it"),
        (("eye", "eye"), "parent_frame and frame_id are both 'eye'"),
    ],
)
def test_invalid_frames(frames, reason):
    with pytest.raises(TransformError, match=reason):
        transform_of(parameters(*frames))


# -- on a graph ----------------------------------------------------------------------------------------------


def test_each_node_publishes_its_transform_to_late_listeners(
    start_bridge, start_node, start_command, probe, wait_until, tmp_path
):
    environment = tf2_environment()
    common = {"parent_frame": "camera_link", "parent_xyz": "0.1 0 0.2"}
    start_bridge({**common, "frame_id": "bridge"}, **environment)
    url, secret = "http://127.0.0.1:9/whep", {**environment, "ODYSSEY_SPECTATOR_TOKEN": "token"}
    spectator = {**common, "frame_id": "spectator", "parent_rpy": "0 0 0", "webrtc_url": url}
    start_node("spectator", spectator, environment=secret)
    player = {**common, "frame_id": "player", "stream_id": "a"}
    start_node("player", player, environment={**environment, "ODYSSEY_API_KEY": "ody_test_key"})
    probe.wait_for_taking()
    listener = start_command([sys.executable, "-c", LISTENER], **environment)

    def transforms():
        received = [json.loads(line) for line in listener.output if line.startswith("[")]
        return {one[1]: one for one in received}

    wait_until(lambda: transforms().keys() >= {"bridge", "spectator", "player"}, "three transforms")
    assert transforms()["bridge"][0] == "camera_link"
    assert transforms()["bridge"][2:] == pytest.approx([0.1, 0, 0.2, -0.5, 0.5, -0.5, 0.5])
    assert transforms()["spectator"] == ["camera_link", "spectator", 0.1, 0.0, 0.2, 0.0, 0.0, 0.0, 1.0]
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="other")
    request = SetParameters.Request(parameters=[Parameter(name="frame_id", value=value)])
    assert probe.call(SetParameters, "/odyssey/set_parameters", request).results[0].successful
    wait_until(lambda: "other" in transforms(), "the transform to the new frame")


def test_a_transform_that_cannot_be_published_is_a_configuration_error(start_bridge, wait_until):
    process = start_bridge({"parent_frame": "odyssey_optical_frame"})
    wait_until(lambda: "Not configured: parent_frame and frame_id are both" in process.text, "the refusal")
    process = start_bridge({"parent_frame": "base", "parent_xyz": "1 2"})
    assert process.exit_status() == 1
    assert "cannot start:" in process.text
    assert "parent_xyz is '1 2': set it to three finite numbers" in process.text
