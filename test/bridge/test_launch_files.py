"""The launch files, where `launch` is installed. It is part of a ROS installation."""

from __future__ import annotations

import re
import signal
import socket
import sys
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory
from odyssey_ros.msg import FrameInfo
from sensor_msgs.msg import Image

from odyssey_ros.bridge import bridge_parameters, player_parameters, spectator_parameters

pytest.importorskip("launch_ros", reason="launch comes with a ROS installation")

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


def test_the_demo_publishes_images_and_ends_cleanly(launch, probe, wait_until):
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    process = launch("demo", f"port:={free_port()}", "fps:=10")
    wait_until(lambda: len(images) > 5, "images")
    process.stop(signal.SIGINT)
    assert len(re.findall("process has finished cleanly", process.text)) == 2, process.text
    assert "Traceback" not in process.text


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


def test_simulate_submits_a_script_and_plays_the_job(launch, probe, wait_until, emulator, tmp_path):
    script = tmp_path / "sea.yaml"
    script.write_text(SCRIPT)
    labels = probe.listen(FrameInfo, "/player/frame_info", 10)
    launch(
        "simulate",
        *(f"script:={script}", f"api_url:={emulator.url}", "rate:=0", "wait_for:=frame_info"),
        ODYSSEY_API_KEY="ody_test_key",
    )
    wait_until(lambda: labels, "a frame of the job")
    assert (labels[0].frame_index, labels[0].prompt.split(",")[0]) == (0, "a calm sea")


def test_simulate_ends_when_the_script_is_invalid(launch, wait_until, emulator, tmp_path):
    script = tmp_path / "broken.yaml"
    script.write_text("script: 5")
    process = launch(
        "simulate", f"script:={script}", f"api_url:={emulator.url}", ODYSSEY_API_KEY="ody_test_key"
    )
    wait_until(lambda: process.popen.poll() is not None, "the end of the process")
    assert "[simulate-1]: process has died" in process.text
    assert "[player" not in process.text


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("odyssey", ["max_retries:=soon"], "max_retries:=soon has to be a number"),
        ("odyssey", ["portrait:=perhaps"], "portrait:=perhaps has to be true or false"),
        ("odyssey", ["respawn:=maybe"], "respawn:=maybe has to be true or false"),
        ("odyssey", ["params_file:=/no/such.yaml"], "params_file:=/no/such.yaml is not a file"),
        ("simulate", ["script:=walk.yaml", "portrait:=maybe"], "portrait:=maybe has to be true or false"),
    ],
)
def test_an_invalid_argument_is_reported(launch, wait_until, name, arguments, reason):
    process = launch(name, *arguments)
    wait_until(lambda: process.popen.poll() is not None, "the end of the process")
    assert reason in process.text
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
            {"job_id", "stream_id", "video_file", "events_file"},  # it plays its own job
        ),
    ],
)
def test_every_parameter_is_an_argument(name, settings, left_out):
    arguments = arguments_of(name)
    assert {setting.name for setting in settings} - arguments.keys() == left_out
    assert {"name", "namespace", "params_file", "respawn", "log_level"} <= arguments.keys()
    assert all(argument.description for argument in arguments.values())
    assert (Path(launch_file(name)).parents[1] / "config" / "odyssey.yaml").is_file()


@pytest.mark.parametrize(
    ("name", "offered"), [("odyssey", True), ("spectator", True), ("player", False), ("simulate", False)]
)
def test_rviz_is_offered_where_images_are_live(name, offered):
    assert ("rviz" in arguments_of(name)) == offered


def test_no_argument_of_the_spectator_is_a_secret():
    assert not [name for name in arguments_of("spectator") if "token" in name and "file" not in name]
