"""The launch files, where `launch` is installed. It is part of a ROS installation."""

from __future__ import annotations

import re
import signal
import socket
import sys
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory
from odyssey_ros.msg import FrameInfo, PlaybackStatus
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

from odyssey_ros.bridge import bridge_parameters, player_parameters, spectator_parameters

pytest.importorskip("launch_ros", reason="launch comes with a ROS installation")

LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SCRIPT = """
script:
  - {timestamp_ms: 0, start: {prompt: "a calm sea"}}
  - {timestamp_ms: 500, end: {}}
"""
RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
path, *arguments = sys.argv[1:]
include = IncludeLaunchDescription(
    PythonLaunchDescriptionSource(path), launch_arguments=[argument.split(":=", 1) for argument in arguments]
)
service = LaunchService(argv=arguments)
service.include_launch_description(LaunchDescription([include]))
sys.exit(service.run())
"""
RUN_IN_GROUP = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace
path, *arguments = sys.argv[1:]
include = IncludeLaunchDescription(
    PythonLaunchDescriptionSource(path), launch_arguments=[argument.split(":=", 1) for argument in arguments]
)
service = LaunchService()
service.include_launch_description(LaunchDescription([GroupAction([PushRosNamespace("robot"), include])]))
sys.exit(service.run())
"""


def launch_file(name):
    return str(Path(get_package_share_directory("odyssey_ros")) / "launch" / f"{name}.launch.py")


def arguments_of(name):
    """Return the arguments of a launch file, by name."""
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    description = get_launch_description_from_python_launch_file(launch_file(name))
    return {argument.name: argument for argument in description.get_launch_arguments()}


@pytest.fixture
def launch(start_command, domain_id):
    """Starts a launch file in a process, as `ros2 launch` does."""

    def start(name, *arguments, **environment):
        return start_command([sys.executable, "-c", RUN, launch_file(name), *arguments], **environment)

    return start


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def parameters_of(probe, node, *names):
    """Return the values of parameters of a node in another process."""
    response = probe.call(GetParameters, f"{node}/get_parameters", GetParameters.Request(names=list(names)))
    return [parameter_value_to_python(value) for value in response.values]


def test_the_demo_publishes_images_and_ends_cleanly(launch, probe, wait_until):
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    process = launch("demo", "port:=0", "fps:=10")
    wait_until(lambda: len(images) > 5, "images")
    assert parameters_of(probe, "/odyssey", "expected_frame_rate") == [10.0]
    process.stop(signal.SIGINT)
    assert len(re.findall("process has finished cleanly", process.text)) == 2, process.text
    assert "Traceback" not in process.text
    # The bridge starts when the emulator serves, so it always connects at the first attempt.
    assert "UNREACHABLE" not in process.text
    assert process.text.index("emulator ready") < process.text.index("[bridge-2]: process started")


def test_the_demo_keeps_what_the_user_has_set(launch, probe, wait_until, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "/**: {ros__parameters: {api_url: 'http://127.0.0.1:9', api_key_file: /no/key, "
        "credentials_file: /no/credentials, expected_frame_rate: 5.0, jpeg_quality: 30, "
        "qos_overrides: {image_raw: {publisher: {depth: 3}}}}}"
    )
    images = probe.listen(Image, "/robot/eye/image_raw", 5)
    port = free_port()
    process = launch(
        "demo",
        *(f"port:={port}", "fps:=10", "name:=eye", "namespace:=robot", "params_file:=~/mine.yaml"),
        HOME=str(tmp_path),
    )
    wait_until(lambda: images, "an image")
    names = ("api_url", "api_key_file", "credentials_file", "expected_frame_rate", "jpeg_quality")
    depth = "qos_overrides./robot/eye/image_raw.publisher.depth"
    url = f"http://127.0.0.1:{port}"
    assert parameters_of(probe, "/robot/eye", *names, depth) == [url, "", "", 5.0, 30, 3]
    assert "No effect" not in process.text


def test_the_demo_ends_with_the_emulator(launch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        process = launch("demo", f"port:={server.getsockname()[1]}")
        assert process.exit_status() == 1
    assert "is in use; choose another port" in process.text
    assert "the emulator has exited with status 1" in process.text
    assert "[bridge" not in process.text


def test_the_demo_ends_with_the_bridge(launch, tmp_path):
    (tmp_path / "bad.yaml").write_text("/**: {ros__parameters: {jpeg_quality: best}}")
    process = launch("demo", "port:=0", f"params_file:={tmp_path / 'bad.yaml'}")
    assert process.exit_status() == 1
    assert "bridge: cannot start: " in process.text
    assert "the bridge has exited with status 1; its output gives the reason" in process.text


def test_the_demo_does_not_offer_what_it_sets_itself():
    offered = arguments_of("demo").keys()
    assert {"port", "fps", "prompt", "rviz", "expected_frame_rate", "name", "use_sim_time"} <= offered
    assert not {"api_url", "api_key_file", "credentials_file"} & offered


def test_strings_reach_the_node_unchanged(launch, probe):
    given = {
        "prompt": "1e3", "api_url": "y", "api_key_file": "nan", "credentials_file": "{a: b} #x\n'\"",
        "frame_id": "2026-06-01",
    }  # fmt: skip
    launch(
        "odyssey",
        *("autostart:=false", "use_sim_time:=on"),
        *(f"{name}:={text}" for name, text in given.items()),
    )
    assert parameters_of(probe, "/odyssey", *given, "use_sim_time") == [*given.values(), True]


@pytest.mark.parametrize(
    ("name", "node"), [("odyssey", "odyssey"), ("spectator", "spectator"), ("player", "player")]
)
def test_a_section_of_the_node_does_not_win_over_an_argument(launch, probe, tmp_path, name, node):
    parameters = "{ros__parameters: {frame_id: mine}}"
    (tmp_path / "mine.yaml").write_text(f"/{node}: {parameters}\n/**: {parameters}\n")
    launch(name, "autostart:=false", f"params_file:={tmp_path / 'mine.yaml'}", "frame_id:=null")
    assert parameters_of(probe, f"/{node}", "frame_id") == ["null"]


def test_a_namespace_of_the_including_launch_file_is_kept(start_command, probe, wait_until):
    """Also for the bridge of the demo, which starts when the scope of the group has ended."""
    images = probe.listen(Image, "/robot/eye/image_raw", 5)
    start_command([sys.executable, "-c", RUN_IN_GROUP, launch_file("demo"), "port:=0", "name:=eye"])
    wait_until(lambda: images, "an image")


def test_arguments_reach_the_node(launch, probe, wait_until, emulator):
    images = probe.listen(Image, "/robot/eye/image_raw", 5)
    launch(
        "odyssey",
        *("name:=eye", "namespace:=/robot", f"api_url:={emulator.url}", "prompt:=a calm sea"),
        *("encoding:=mono8", "frame_id:=eye_optical_frame", "portrait:=true"),
        ODYSSEY_API_KEY="ody_test_key",
    )
    wait_until(lambda: images, "an image")
    image = images[-1]
    assert (image.encoding, image.width, image.header.frame_id) == ("mono8", 704, "eye_optical_frame")


def test_simulate_submits_a_script_and_plays_the_job(launch, probe, emulator, tmp_path):
    script = tmp_path / "sea.yaml"
    script.write_text(SCRIPT)
    labels = probe.listen(FrameInfo, "/player/frame_info", 10)
    process = launch(
        "simulate",
        *(f"script:={script}", f"api_url:={emulator.url}", "rate:=0", "wait_for:=frame_info"),
        ODYSSEY_API_KEY="ody_test_key",
    )
    assert process.exit_status() == 0
    assert [(label.frame_index, label.prompt.split(",")[0]) for label in labels] == [
        (index, "a calm sea") for index in range(5)
    ]
    assert "All episodes have been played" in process.text


def test_a_player_that_stays_can_be_asked_for(launch, probe, wait_until, emulator, tmp_path):
    (tmp_path / "sea.yaml").write_text(SCRIPT)
    states = probe.listen(PlaybackStatus, "/player/playback", LATCHED)
    process = launch(
        "simulate",
        *("script:=~/sea.yaml", f"api_url:={emulator.url}", "rate:=100", "exit_when_finished:=false"),
        ODYSSEY_API_KEY="ody_test_key",
        HOME=str(tmp_path),
    )
    wait_until(lambda: states and states[-1].state == PlaybackStatus.FINISHED, "the end")
    probe.wait_for_taking("/player")
    assert process.popen.poll() is None


def test_simulate_ends_when_the_script_is_invalid(launch, emulator, tmp_path):
    script = tmp_path / "broken.yaml"
    script.write_text("script: 5")
    process = launch(
        "simulate", f"script:={script}", f"api_url:={emulator.url}", ODYSSEY_API_KEY="ody_test_key"
    )
    assert process.exit_status() == 1
    assert "[simulate-1]: process has died" in process.text
    assert "simulate has exited with status 2" in process.text
    assert "[player" not in process.text


def test_simulate_fails_when_the_player_fails(launch, emulator, tmp_path):
    (tmp_path / "sea.yaml").write_text(SCRIPT)
    process = launch(
        "simulate",
        *(f"script:={tmp_path / 'sea.yaml'}", f"api_url:={emulator.url}", "wait_for:=smell"),
        ODYSSEY_API_KEY="ody_test_key",
    )
    assert process.exit_status() == 1
    assert "wait_for names 'smell'" in process.text
    assert "the player has exited with status 1" in process.text


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("odyssey", ["max_retries:=soon"], "max_retries:=soon has to be a whole number from -1 to 1000000"),
        ("odyssey", ["expected_frame_rate:=nan"], "expected_frame_rate:=nan has to be a number from 0.1"),
        ("odyssey", ["encoding:=png"], "encoding:=png has to be one of: rgb8, bgr8, mono8"),
        ("odyssey", ["log_level:=loud"], "log_level:=loud has to be one of: debug, info"),
        ("spectator", ["jpeg_quality:=0"], "jpeg_quality:=0 has to be a whole number from 1 to 100"),
        ("player", ["rate:=1e999"], "rate:=1e999 has to be a number from 0 to 1000"),
        ("demo", ["port:=65536"], "port:=65536 has to be a whole number from 0 to 65535"),
        ("demo", ["fps:=0"], "fps:=0 has to be a number from 0.1 to 60"),
        ("demo", ["rviz:=maybe"], "rviz:=maybe has to be true or false"),
        ("simulate", ["script:="], "script:= is not a file"),
        ("simulate", ["script:=/no.yaml"], "script:=/no.yaml is not a file"),
        ("odyssey", ["portrait:=perhaps"], "portrait:=perhaps has to be true or false"),
        ("odyssey", ["respawn:=maybe"], "respawn:=maybe has to be true or false"),
        ("odyssey", ["params_file:=/no/such.yaml"], "params_file:=/no/such.yaml is not a file"),
        ("simulate", [f"script:={__file__}", "portrait:=maybe"], "portrait:=maybe has to be true or false"),
    ],
)
def test_an_invalid_argument_is_reported(launch, name, arguments, reason):
    process = launch(name, *arguments)
    assert process.exit_status() == 1
    assert len(re.findall(re.escape(reason), process.text)) == 1
    assert "Traceback" not in process.text
    assert "process started" not in process.text


@pytest.mark.parametrize(
    ("name", "settings", "left_out"),
    [
        ("odyssey", bridge_parameters.SETTINGS, set()),
        ("spectator", spectator_parameters.SETTINGS, set()),
        ("player", player_parameters.SETTINGS, set()),
        (
            "simulate",
            player_parameters.SETTINGS,
            # It plays its own job.
            {"job_id", "stream_id", "video_file", "events_file", "dataset", "dataset_episode"},
        ),
    ],
)
def test_every_parameter_is_an_argument(name, settings, left_out):
    arguments = arguments_of(name)
    assert {setting.name for setting in settings} - arguments.keys() == left_out
    assert {"name", "namespace", "params_file", "respawn", "log_level", "use_sim_time"} <= arguments.keys()
    assert all(argument.description for argument in arguments.values())
    assert (Path(launch_file(name)).parents[1] / "config" / "odyssey.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "offered"), [("odyssey", True), ("spectator", True), ("player", False), ("simulate", False)]
)
def test_rviz_is_offered_where_images_are_live(name, offered):
    assert ("rviz" in arguments_of(name)) == offered


def test_no_argument_of_the_spectator_is_a_secret():
    assert not [name for name in arguments_of("spectator") if "token" in name and "file" not in name]
