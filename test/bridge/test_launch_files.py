"""The launch files, wherever `launch` is installed: it comes with a ROS installation, not with the wheels."""

from __future__ import annotations

import re
import signal
import socket
import sys
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory
from sensor_msgs.msg import Image

from odyssey_ros.bridge.bridge_parameters import SETTINGS

pytest.importorskip("launch_ros", reason="launch comes with a ROS installation")

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


@pytest.fixture
def launch(start_command, domain_id):
    def start(name, *arguments, **environment):
        return start_command([sys.executable, "-c", RUN, launch_file(name), *arguments], **environment)

    return start


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_the_demo_launch_shows_pictures_and_ends_cleanly(launch, probe, wait_until):
    images = probe.listen(Image, "/odyssey/image_raw", 5)
    process = launch("demo", f"port:={free_port()}", "fps:=10")
    wait_until(lambda: len(images) > 5, "pictures")
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
    wait_until(lambda: images, "a picture")
    image = images[-1]
    assert (image.encoding, image.width, image.header.frame_id) == ("mono8", 704, "eye_optical_frame")


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("odyssey", ["max_retries:=soon"], "max_retries:=soon has to be a number"),
        ("odyssey", ["portrait:=perhaps"], "portrait:=perhaps has to be true or false"),
        ("odyssey", ["respawn:=maybe"], "respawn:=maybe has to be true or false"),
        ("odyssey", ["params_file:=/no/such.yaml"], "params_file:=/no/such.yaml is no file"),
        ("simulate", ["script:=walk.yaml", "portrait:=maybe"], "portrait:=maybe has to be true or false"),
    ],
)
def test_a_bad_argument_says_so(launch, wait_until, name, arguments, reason):
    process = launch(name, *arguments)
    wait_until(lambda: process.popen.poll() is not None, "the end")
    assert reason in process.text
    assert "process started" not in process.text


def test_every_parameter_is_an_argument():
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    from launch import LaunchDescription

    description = get_launch_description_from_python_launch_file(launch_file("odyssey"))
    assert isinstance(description, LaunchDescription)
    arguments = {argument.name: argument for argument in description.get_launch_arguments()}
    assert {setting.name for setting in SETTINGS} <= set(arguments)
    assert all(argument.description for argument in arguments.values())
    assert {"name", "namespace", "params_file", "respawn", "log_level", "rviz"} <= set(arguments)
    assert (Path(launch_file("odyssey")).parents[1] / "config" / "odyssey.yaml").is_file()
