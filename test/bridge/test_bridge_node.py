"""The bridge as a process, on a real graph, against a real emulator."""

from __future__ import annotations

import random
import re
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from odyssey_ros.msg import FrameInfo, StreamEvent, StreamStatus
from odyssey_ros.srv import EndStream
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from odyssey_ros.bridge.bridge_node import BridgeNode
from odyssey_ros.emulator.scene.marker import prompt_digest, read_marker

KEY = "ody_test_key"


def pixels(message):
    depth = 1 if message.encoding == "mono8" else 3
    array = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, depth)
    return array if depth == 3 else array[..., 0]


def stamp_ns(header):
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def change(probe, transition, bridge="/odyssey"):
    request = ChangeState.Request(transition=Transition(id=transition))
    return probe.call(ChangeState, f"{bridge}/change_state", request).success


def state(probe, bridge="/odyssey"):
    return probe.call(GetState, f"{bridge}/get_state").current_state.label


def set_parameter(probe, name, value, bridge="/odyssey"):
    kinds = {
        bool: ("bool_value", ParameterType.PARAMETER_BOOL),
        int: ("integer_value", ParameterType.PARAMETER_INTEGER),
        float: ("double_value", ParameterType.PARAMETER_DOUBLE),
        str: ("string_value", ParameterType.PARAMETER_STRING),
    }
    field, kind = kinds[type(value)]
    parameter = Parameter(name=name, value=ParameterValue(**{"type": kind, field: value}))
    request = SetParameters.Request(parameters=[parameter])
    return probe.call(SetParameters, f"{bridge}/set_parameters", request).results[0]


# -- images --------------------------------------------------------------------------------------------------


def test_images_are_labelled_and_follow_prompts(start_bridge, probe, wait_until):
    images = probe.listen(Image, "/odyssey/image_raw", QoSProfile(depth=5))
    infos = probe.listen(CameraInfo, "/odyssey/camera_info", QoSProfile(depth=5))
    labels = probe.listen(FrameInfo, "/odyssey/frame_info", QoSProfile(depth=5))
    statuses, events = probe.statuses(), probe.events()

    def of_one_frame():
        """Compare the headers of the messages of each frame; single messages may have been missed."""
        described = {stamp_ns(info.header): info for info in infos}
        labelled = {stamp_ns(label.header): label for label in labels}
        stamps = [(image, stamp_ns(image.header)) for image in images]
        return [(image, described[s], labelled[s]) for image, s in stamps if s in described and s in labelled]

    start_bridge({"prompt": "a calm sea"})
    wait_until(lambda: len(of_one_frame()) > 20, "twenty pictures")

    first = images[0]
    assert (first.width, first.height, first.encoding, first.step) == (1280, 704, "rgb8", 1280 * 3)
    assert first.header.frame_id == "odyssey_optical_frame"
    assert not first.is_bigendian
    markers = [read_marker(pixels(image)) for image in images[:20]]
    assert all(marker is not None for marker in markers)
    counters = [marker.counter for marker in markers]
    assert counters == sorted(set(counters))  # in order and without duplicates
    stamps = [stamp_ns(image.header) for image in images[:20]]
    assert stamps == sorted(set(stamps))
    assert abs(time.time_ns() - stamps[-1]) < 60_000_000_000

    for image, info, label in of_one_frame():
        assert image.header == info.header == label.header
        assert label.prompt.startswith("a calm sea")
    assert (infos[0].width, infos[0].height, infos[0].k[0]) == (1280, 704, 0.0)

    probe.publisher(String, "/odyssey/prompt").publish(String(data="a red desert"))
    wait_until(lambda: any(event.type == StreamEvent.ACKNOWLEDGED for event in events), "an acknowledgement")
    digest = prompt_digest("a red desert")
    wait_until(lambda: read_marker(pixels(images[-1])).prompt_id == digest, "the desert in the picture")
    wait_until(lambda: labels[-1].prompt.startswith("a red desert"), "the desert in the label")
    status = wait_until(
        lambda: statuses and statuses[-1].prompt.startswith("a red desert") and statuses[-1],
        "the new prompt",
    )
    assert status.connection == StreamStatus.CONNECTED
    assert status.streaming


def test_two_prompts_in_a_row_are_both_acknowledged(start_bridge, probe, wait_until):
    events, statuses = probe.events(), probe.statuses()
    start_bridge({"prompt": "a calm sea"})
    wait_until(lambda: statuses and statuses[-1].streaming, "the stream")
    probe.wait_for_publisher("/odyssey/events")
    publisher = probe.publisher(String, "/odyssey/prompt")
    for index in range(5):
        publisher.publish(String(data=f"prompt {index}"))
    acknowledged = wait_until(
        lambda: (
            (found := [e.prompt for e in events if e.type == StreamEvent.ACKNOWLEDGED])
            and len(found) == 5
            and found
        ),
        "five acknowledgements",
    )
    assert [text.split(",")[0] for text in acknowledged] == [f"prompt {index}" for index in range(5)]


def test_a_prompt_starts_a_stream_when_none_runs(start_bridge, probe, wait_until):
    images, events, statuses = probe.listen(Image, "/odyssey/image_raw", 5), probe.events(), probe.statuses()
    start_bridge()
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    probe.wait_for_publisher("/odyssey/events")
    assert not images
    probe.publisher(String, "/odyssey/prompt").publish(String(data="a forest"))
    wait_until(lambda: images, "a picture")
    wait_until(lambda: any(event.type == StreamEvent.STARTED for event in events), "the event")
    assert len([event for event in events if event.type == StreamEvent.STARTED]) == 1


def test_an_empty_prompt_is_refused_with_one_log_line(start_bridge, probe, wait_until):
    events, statuses = probe.events(), probe.statuses()
    process = start_bridge({"prompt": "a calm sea"})
    wait_until(lambda: statuses and statuses[-1].streaming, "the stream")
    probe.wait_for_publisher("/odyssey/events")
    probe.publisher(String, "/odyssey/prompt").publish(String(data="   "))
    event = wait_until(lambda: next((e for e in events if e.error_code == "EMPTY_PROMPT"), None), "a refusal")
    assert not event.fatal
    wait_until(lambda: "the prompt is empty" in process.text, "a line in the log")


@pytest.mark.parametrize("encoding", ["bgr8", "mono8"])
def test_other_encodings(start_bridge, probe, wait_until, encoding):
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    start_bridge({"prompt": "a calm sea", "encoding": encoding})
    wait_until(lambda: len(images) > 2, "pictures")
    image = images[-1]
    depth = 1 if encoding == "mono8" else 3
    assert (image.encoding, image.step, len(image.data)) == (encoding, 1280 * depth, 1280 * 704 * depth)
    assert read_marker(pixels(image)) is not None


def test_portrait_and_jpeg(start_bridge, probe, wait_until):
    pytest.importorskip("PIL")
    from io import BytesIO

    from PIL import Image as Picture

    jpegs = probe.listen(CompressedImage, "/odyssey/image_raw/compressed", 5)
    start_bridge({"prompt": "a calm sea", "portrait": True})
    wait_until(lambda: len(jpegs) > 2, "pictures")
    assert jpegs[-1].format == "rgb8; jpeg compressed bgr8"
    picture = Picture.open(BytesIO(bytes(jpegs[-1].data)))
    assert picture.size == (704, 1280)
    assert read_marker(np.asarray(picture)) is not None


def test_nothing_is_converted_without_subscribers(start_bridge, probe, wait_until):
    statuses = probe.statuses()
    start_bridge({"prompt": "a calm sea"})
    status = wait_until(lambda: statuses and statuses[-1].frames_received > 20 and statuses[-1], "frames")
    assert (status.frames_published, status.frames_dropped) == (0, 0)


# -- lifecycle -----------------------------------------------------------------------------------------------


def test_every_transition_in_turn(start_bridge, probe, wait_until):
    images, statuses = probe.listen(Image, "/odyssey/image_raw", 5), probe.statuses()
    start_bridge({"autostart": False, "prompt": "a calm sea"})
    assert state(probe) == "unconfigured"
    wait_until(lambda: statuses, "a status")
    for _ in range(2):
        assert change(probe, Transition.TRANSITION_CONFIGURE)
        wait_until(lambda: statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
        assert state(probe) == "inactive"
        assert change(probe, Transition.TRANSITION_ACTIVATE)
        wait_until(lambda: images, "a picture")
        assert change(probe, Transition.TRANSITION_DEACTIVATE)
        wait_until(lambda: not statuses[-1].streaming, "the end of the stream")
        assert statuses[-1].connection == StreamStatus.CONNECTED  # deactivated, but connected
        images.clear()
        assert change(probe, Transition.TRANSITION_ACTIVATE)
        wait_until(lambda: images, "a picture again")
        assert change(probe, Transition.TRANSITION_DEACTIVATE)
        assert change(probe, Transition.TRANSITION_CLEANUP)
        wait_until(lambda: statuses[-1].connection == StreamStatus.DISCONNECTED, "the disconnection")
        images.clear()
    assert change(probe, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert state(probe) == "finalized"


def test_transitions_do_not_wait_for_the_network(start_node, probe):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        start_node(
            "bridge",
            {"autostart": False, "api_url": url, "prompt": "sea"},
            environment={"ODYSSEY_API_KEY": KEY},
        )
        assert state(probe) == "unconfigured"
        for transition in (
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
            Transition.TRANSITION_DEACTIVATE,
            Transition.TRANSITION_ACTIVATE,
            Transition.TRANSITION_DEACTIVATE,
            Transition.TRANSITION_CLEANUP,
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
            Transition.TRANSITION_ACTIVE_SHUTDOWN,
        ):
            assert change(probe, transition)
        assert state(probe) == "finalized"


def test_impossible_transitions_are_refused_without_effect(start_bridge, probe, wait_until):
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    process = start_bridge({"autostart": False, "prompt": "a calm sea"})
    for transition in (
        Transition.TRANSITION_ACTIVATE,
        Transition.TRANSITION_DEACTIVATE,
        Transition.TRANSITION_CLEANUP,
        77,
    ):
        assert not change(probe, transition)
    assert change(probe, Transition.TRANSITION_CONFIGURE)
    assert not change(probe, Transition.TRANSITION_CONFIGURE)
    assert change(probe, Transition.TRANSITION_ACTIVATE)
    wait_until(lambda: images, "a picture")
    assert "Traceback" not in process.text


@pytest.mark.parametrize("before", ["unconfigured", "inactive", "active"])
def test_shutdown_from_each_state(start_bridge, probe, wait_until, emulator, before):
    statuses = probe.statuses()
    process = start_bridge({"autostart": False, "prompt": "a calm sea"})
    if before != "unconfigured":
        assert change(probe, Transition.TRANSITION_CONFIGURE)
        wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    if before == "active":
        assert change(probe, Transition.TRANSITION_ACTIVATE)
        wait_until(lambda: statuses[-1].streaming, "the stream")
    assert state(probe) == before
    assert change(probe, getattr(Transition, f"TRANSITION_{before.upper()}_SHUTDOWN"))
    assert state(probe) == "finalized"
    wait_until(lambda: not emulator.state()["sessions"], "the session to be gone at the service")
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert not change(probe, transition)
    assert probe.call(EndStream, "/odyssey/end_stream").error_code == "UNCONFIGURED"
    # Without a connection, the one status may still be on its way.
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.DISCONNECTED, "the last status")
    assert process.stop() == 0
    assert "Traceback" not in process.text


def test_any_order_of_transitions_leaves_the_node_usable(start_emulator, start_node, probe, wait_until):
    """Request every transition from every state, while connections are made and lost."""
    emulator = start_emulator("--fps", "10", "--concurrent-sessions", "off")  # abandoned sessions count
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    process = start_node(
        "bridge", {"api_url": emulator.url, "prompt": "a calm sea"}, environment={"ODYSSEY_API_KEY": KEY}
    )
    ids = [
        Transition.TRANSITION_CONFIGURE,
        Transition.TRANSITION_ACTIVATE,
        Transition.TRANSITION_DEACTIVATE,
        Transition.TRANSITION_CLEANUP,
    ]
    results = {
        ("unconfigured", Transition.TRANSITION_CONFIGURE): "inactive",
        ("inactive", Transition.TRANSITION_ACTIVATE): "active",
        ("inactive", Transition.TRANSITION_CLEANUP): "unconfigured",
        ("active", Transition.TRANSITION_DEACTIVATE): "inactive",
    }
    choices = random.Random(5)
    wait_until(lambda: state(probe) == "active", "the node")
    now = "active"
    for step in range(60):
        if step % 10 == 5:
            emulator.fault(fault="socket_drop")
        transition = choices.choice(ids)
        then = results.get((now, transition))
        assert change(probe, transition) == (then is not None), (step, now, transition)
        now = then or now
        assert state(probe) == now
    httpx.delete(f"{emulator.url}/control/faults").raise_for_status()
    if now == "unconfigured":
        assert change(probe, Transition.TRANSITION_CONFIGURE)
        now = "inactive"
    if now == "inactive":
        assert change(probe, Transition.TRANSITION_ACTIVATE)
    images.clear()
    wait_until(lambda: len(images) > 3, "pictures")
    # The service keeps a session that was never connected until it expires.
    wait_until(
        lambda: [session["state"] for session in emulator.state()["sessions"]].count("connected") == 1,
        "the connections of before to be gone",
    )
    assert "Traceback" not in process.text
    assert "Internal error" not in process.text


def test_a_second_activation_after_deactivating_while_starting(start_bridge, probe, wait_until):
    images, statuses = probe.listen(Image, "/odyssey/image_raw", 5), probe.statuses()
    start_bridge({"autostart": False, "prompt": "a calm sea"})
    assert change(probe, Transition.TRANSITION_CONFIGURE)
    wait_until(lambda: statuses and statuses[-1].connection == StreamStatus.CONNECTED, "a connection")
    for _ in range(3):
        assert change(probe, Transition.TRANSITION_ACTIVATE)
        assert change(probe, Transition.TRANSITION_DEACTIVATE)
    assert change(probe, Transition.TRANSITION_ACTIVATE)
    images.clear()
    wait_until(lambda: len(images) > 5, "pictures")


# -- time ----------------------------------------------------------------------------------------------------


def test_simulated_time_stamps_everything(start_bridge, probe, wait_until):
    images, labels = (
        probe.listen(Image, "/odyssey/image_raw", 5),
        probe.listen(FrameInfo, "/odyssey/frame_info", 5),
    )
    statuses, events = probe.statuses(), probe.events()
    start_bridge({"use_sim_time": True, "prompt": "a calm sea"})
    clock = probe.publisher(Clock, "/clock")

    def at(seconds, condition, what):
        """Set the simulated time while waiting; repeat it like a simulator, because /clock is best effort."""
        time = Clock(clock=Time(sec=seconds))
        wait_until(lambda: clock.publish(time) or condition(), what)

    at(1000, lambda: images and images[-1].header.stamp.sec == 1000, "pictures of the simulated time")
    at(1000, lambda: labels and labels[-1].header.stamp.sec == 1000, "labels, too")
    at(
        2000, lambda: images[-1].header.stamp.sec == 2000, "pictures of a later time"
    )  # one large step forward
    stamps = [stamp_ns(image.header) for image in images]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] < 2_001_000_000_000
    at(2000, lambda: statuses and statuses[-1].stamp.sec == 2000, "a status of that time")
    probe.publisher(String, "/odyssey/prompt").publish(String(data="a red desert"))
    at(2000, lambda: events and events[-1].header.stamp.sec == 2000, "an event of that time")
    # The simulation restarts.
    at(500, lambda: images[-1].header.stamp.sec == 500, "pictures of the time before")


# -- parameters ----------------------------------------------------------------------------------------------


def test_every_parameter_is_described(start_bridge, probe):
    start_bridge({"autostart": False})
    names = [n for n in probe.call(ListParameters, "/odyssey/list_parameters").result.names if "." not in n]
    described = probe.call(
        DescribeParameters, "/odyssey/describe_parameters", DescribeParameters.Request(names=names)
    )
    undescribed = {descriptor.name for descriptor in described.descriptors if not descriptor.description}
    undescribed -= {"use_sim_time", "start_type_description_service"}  # parameters of rclpy
    assert not undescribed
    assert {"prompt", "encoding", "max_retries"} <= set(names)
    assert [name for name in names if "key" in name] == ["api_key_file", "key_frame_interval"]


def test_the_shipped_parameter_file_contains_the_defaults(start_node, probe):
    from ament_index_python.packages import get_package_share_directory

    from odyssey_ros.bridge.bridge_parameters import SETTINGS

    file = Path(get_package_share_directory("odyssey_ros")) / "config" / "odyssey.yaml"
    start_node("bridge", {"autostart": False}, "--params-file", str(file))
    names = [setting.name for setting in SETTINGS]
    answer = probe.call(GetParameters, "/odyssey/get_parameters", GetParameters.Request(names=names))
    fields = {
        1: "bool_value",
        2: "integer_value",
        3: "double_value",
        4: "string_value",
        9: "string_array_value",
    }
    values = {name: getattr(v, fields[v.type]) for name, v in zip(names, answer.values, strict=True)}
    assert {**values, "autostart": True} == {setting.name: setting.declared_default for setting in SETTINGS}
    lines = [line for line in file.read_text().splitlines() if line.startswith("    ")]
    assert set(names) == {line.split(":")[0].strip() for line in lines if not line.strip().startswith("#")}


def test_changes_at_run_time(start_bridge, probe, wait_until):
    images, statuses = probe.listen(Image, "/odyssey/image_raw", 5), probe.statuses()
    start_bridge({"prompt": "a calm sea"})
    wait_until(lambda: images and statuses, "a picture")
    assert set_parameter(probe, "encoding", "mono8").successful
    assert set_parameter(probe, "frame_id", "eye_optical_frame").successful
    wait_until(
        lambda: (images[-1].encoding, images[-1].header.frame_id) == ("mono8", "eye_optical_frame"),
        "the changes",
    )
    assert set_parameter(probe, "prompt", "a red desert").successful
    wait_until(lambda: statuses[-1].prompt.startswith("a red desert"), "the prompt")
    for name, value, reason in (
        ("encoding", "yuv9", "set it to one of: rgb8, bgr8, mono8"),
        ("api_url", "http://127.0.0.1:1", "read-only"),
        ("queue_timeout", 3.0, "cleanup"),
        ("jpeg_quality", 101, "range"),
        ("camera_info_url", "http://x", "file://"),
        ("autostart", False, "read-only"),
        ("max_retries", "many", "type"),
    ):
        result = set_parameter(probe, name, value)
        assert not result.successful, name
        assert reason in result.reason, (name, result.reason)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"encoding": "yuv9"}, "one of: rgb8, bgr8, mono8"),
        ({"jpeg_quality": 1000}, "range"),
        (
            {"qos_overrides./odyssey/image_prompt.subscription.reliability": "sometimes"},
            "/odyssey/image_prompt: ",
        ),
        ({"max_retries": "soon"}, "type"),
    ],
)
def test_an_invalid_value_at_the_start_is_reported_in_one_line(start_node, parameters, reason):
    process = start_node("bridge", parameters, environment={"ODYSSEY_API_KEY": KEY})
    assert process.exit_status() == 1
    assert reason in process.text
    assert "Traceback" not in process.text
    # Kilted warns of the variable that selects the profile of the tests for Jazzy.
    assert len([line for line in process.output if "FASTRTPS_DEFAULT_PROFILES_FILE" not in line]) == 1


# -- failures ------------------------------------------------------------------------------------------------


def mapped_segments(pid="[0-9]*"):
    """Return the middleware's shared-memory files that a process, or any process, has mapped."""
    texts = (read_maps(maps) for maps in Path("/proc").glob(f"{pid}/maps"))
    return {name for text in texts for name in re.findall(r"/dev/shm/(fast(?:rtps|dds)_[0-9a-f]+\b)", text)}


def read_maps(path):
    try:
        return path.read_text()
    except OSError:  # the process has ended
        return ""


def existing_segments():
    return {path.name for path in Path("/dev/shm").glob("fast*_*")}


def failed(statuses):
    return statuses and statuses[-1].connection == StreamStatus.FAILED and statuses[-1]


def test_no_key(start_node, probe, wait_until):
    statuses = probe.statuses()
    process = start_node("bridge")
    status = wait_until(lambda: failed(statuses), "the reason")
    assert "ODYSSEY_API_KEY" in status.message
    assert state(probe) == "unconfigured"
    assert "Traceback" not in process.text


def test_a_key_file_that_others_can_read(start_bridge, probe, wait_until, tmp_path):
    file = tmp_path / "key"
    file.write_text(KEY)
    file.chmod(0o644)
    statuses = probe.statuses()
    process = start_bridge({"api_key_file": file, "prompt": "a calm sea"})
    assert "chmod 600" in wait_until(lambda: failed(statuses), "the reason").message
    assert KEY not in process.text
    file.chmod(0o600)
    assert change(probe, Transition.TRANSITION_CONFIGURE)  # the file is fixed; no restart is needed
    latched = probe.statuses()
    assert wait_until(lambda: latched, "the latched status")[0].connection != StreamStatus.FAILED
    wait_until(lambda: statuses[-1].connection == StreamStatus.CONNECTED, "a connection")


def test_a_wrong_key_is_fatal_and_not_retried(start_bridge, probe, wait_until, emulator):
    statuses, events = probe.statuses(), probe.events()
    process = start_bridge({"prompt": "a calm sea", "autostart": False}, ODYSSEY_API_KEY="ody_wrong_secret")
    probe.wait_for_publisher("/odyssey/events")
    assert change(probe, Transition.TRANSITION_CONFIGURE)
    status = wait_until(lambda: failed(statuses), "the reason")
    assert "key" in status.message.lower()
    wait_until(lambda: state(probe) == "unconfigured", "unconfigured")
    wait_until(lambda: any(event.fatal for event in events), "the fatal event")
    assert "ody_wrong_secret" not in process.text
    assert "Traceback" not in process.text


def test_without_a_network_the_node_keeps_trying(start_node, start_emulator, probe, wait_until):
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    statuses, images = probe.statuses(), probe.listen(Image, "/odyssey/image_raw", 5)
    process = start_node(
        "bridge",
        {"api_url": f"http://127.0.0.1:{port}", "prompt": "sea"},
        environment={"ODYSSEY_API_KEY": KEY},
    )
    wait_until(lambda: statuses and statuses[-1].message, "a reason on the status")
    assert state(probe) == "active"
    start_emulator(port=port)
    wait_until(lambda: images, "pictures")
    assert "Traceback" not in process.text


def test_max_retries_bounds_the_attempts(start_node, probe, wait_until):
    statuses = probe.statuses()
    start_node(
        "bridge", {"api_url": "http://127.0.0.1:9", "max_retries": 1}, environment={"ODYSSEY_API_KEY": KEY}
    )
    wait_until(lambda: failed(statuses), "failed")
    wait_until(lambda: state(probe) == "unconfigured", "unconfigured")


def test_the_emulator_is_killed_and_comes_back(start_emulator, start_node, probe, wait_until):
    first = start_emulator("--fps", "10")
    port = int(first.url.rsplit(":", 1)[1])
    images, statuses, events = probe.listen(Image, "/odyssey/image_raw", 5), probe.statuses(), probe.events()
    process = start_node(
        "bridge", {"api_url": first.url, "prompt": "sea"}, environment={"ODYSSEY_API_KEY": KEY}
    )
    wait_until(lambda: images and statuses, "a picture")
    probe.publisher(String, "/odyssey/prompt").publish(String(data="a red desert"))
    wait_until(lambda: statuses[-1].prompt.startswith("a red desert"), "the prompt")
    before = stamp_ns(images[-1].header)
    first.process.popen.kill()
    wait_until(lambda: statuses[-1].connection == StreamStatus.RECONNECTING, "the loss to be noticed")
    assert state(probe) == "active"  # a lost connection does not change the lifecycle state
    images.clear()
    start_emulator("--fps", "10", port=port)
    wait_until(lambda: len(images) > 3, "pictures again")
    assert read_marker(pixels(images[-1])).prompt_id == prompt_digest("a red desert")  # the last prompt
    assert stamp_ns(images[0].header) > before
    wait_until(lambda: statuses[-1].reconnects == 1, "the count")
    assert "Traceback" not in process.text

    def starts_and_ends():
        return [event.type for event in events if event.type in (StreamEvent.STARTED, StreamEvent.ENDED)]

    wait_until(lambda: starts_and_ends()[-2:] == [StreamEvent.ENDED, StreamEvent.STARTED], "the events")


def test_a_port_in_use_is_reported_in_one_line(start_emulator):
    from subprocess import run

    first = start_emulator()
    command = [first.process.popen.args[0], "--port", first.url.rsplit(":", 1)[1], "--api-key", KEY]
    second = run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert "in use" in second.stderr
    assert "Traceback" not in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["starting", "connecting", "streaming"])
def test_signals_end_the_process_cleanly_at_any_time(
    start_node, emulator, probe, wait_until, shared_memory, number, moment
):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = emulator.url if moment == "streaming" else f"http://127.0.0.1:{silent.getsockname()[1]}"
        images, statuses = probe.listen(Image, "/odyssey/image_raw", 5), probe.statuses()
        process = start_node(
            "bridge",
            {"api_url": url, "prompt": "sea"},
            environment={"ODYSSEY_API_KEY": KEY, **shared_memory},
        )
        pid = process.popen.pid
        if moment == "starting":
            maps = Path(f"/proc/{pid}/maps")
            wait_until(lambda: "rclpy" in read_maps(maps), "the libraries to be loading")
        elif moment == "connecting":
            wait_until(
                lambda: statuses and statuses[-1].connection == StreamStatus.AUTHENTICATING, "connecting"
            )
        else:
            wait_until(lambda: images, "a picture")
        shared = mapped_segments(pid)
        assert shared or moment == "starting"
        status = process.stop(number)
    assert "Traceback" not in process.text
    if moment == "starting":  # the signal may end the process before the node exists
        assert status in (0, -number)
    else:
        assert status == 0
    assert not Path(f"/proc/{pid}").exists()
    if moment == "streaming":
        wait_until(lambda: not emulator.state()["sessions"], "the session to be gone at the service")
    wait_until(lambda: not (shared & existing_segments()) - mapped_segments(), "its shared memory to be gone")


# -- two nodes ---------------------------------------------------------------------------------


def test_two_bridges_in_one_process(emulator, probe, domain_id, wait_until, monkeypatch):
    monkeypatch.setenv("ODYSSEY_API_KEY", KEY)
    images = {name: probe.listen(Image, f"/{name}/odyssey/image_raw", 5) for name in ("left", "right")}
    context = Context()
    rclpy.init(context=context, domain_id=domain_id)
    executor = SingleThreadedExecutor(context=context)
    prompts = {"left": "a calm sea", "right": "a red desert"}
    nodes = {}
    for name, prompt in prompts.items():
        values = {"api_url": emulator.url, "prompt": prompt}
        overrides = [rclpy.parameter.Parameter(key, value=value) for key, value in values.items()]
        nodes[name] = BridgeNode(context=context, namespace=name, parameter_overrides=overrides)
        executor.add_node(nodes[name])
    done = threading.Event()

    def spin():
        while not done.is_set():
            executor.spin_once(timeout_sec=0.1)

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        wait_until(lambda: all(images.values()), "pictures of both")
        for name, prompt in prompts.items():
            assert read_marker(pixels(images[name][-1])).prompt_id == prompt_digest(prompt)
        nodes["left"].calls.post(nodes["left"].bring_down)
        wait_until(lambda: len(emulator.state()["sessions"]) == 1, "one session to end")
        images["right"].clear()
        wait_until(lambda: len(images["right"]) > 3, "pictures of the other")
    finally:
        done.set()
        thread.join(60)
        executor.shutdown()
        for node in nodes.values():
            node.destroy_node()
        rclpy.shutdown(context=context)
    wait_until(lambda: not emulator.state()["sessions"], "both sessions to end")
    assert not [one for one in threading.enumerate() if "odyssey" in one.name]


def test_two_bridges_in_one_graph(start_bridge, probe, wait_until):
    one = probe.listen(Image, "/left/odyssey/image_raw", 5)
    two = probe.listen(Image, "/right/odyssey/image_raw", 5)
    start_bridge({"prompt": "a calm sea"}, "-r", "__ns:=/left")
    start_bridge({"prompt": "a red desert"}, "-r", "__ns:=/right")
    wait_until(lambda: one and two, "pictures of both")
    assert read_marker(pixels(one[-1])).prompt_id == prompt_digest("a calm sea")
    assert read_marker(pixels(two[-1])).prompt_id == prompt_digest("a red desert")
