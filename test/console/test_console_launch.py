"""The argument `console` of the launch files, where `launch` is installed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from ament_index_python.packages import get_package_share_directory

from console_graph import CONSOLE_READY
from odyssey_ros.console.console_parameters import SETTINGS
from processes import node_environment, start_process, wait_for_line

pytest.importorskip("launch_ros", reason="launch comes with a ROS installation")

FILES = ("demo", "odyssey", "player", "simulate", "spectator")
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
def launch(domain_id):
    """Starts a launch file in a process, as `ros2 launch` does."""
    started = []

    def start(name, *arguments, **environment):
        command = [sys.executable, "-c", RUN, launch_file(name), *arguments]
        started.append(start_process(command, node_environment(domain_id, environment)))
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.mark.parametrize("name", FILES)
def test_each_launch_file_has_the_arguments(name):
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    description = get_launch_description_from_python_launch_file(launch_file(name))
    arguments = {argument.name for argument in description.get_launch_arguments()}
    assert {"console", *(f"console_{setting.name}" for setting in SETTINGS)} <= arguments


def test_the_end_of_the_console_does_not_end_the_launch(launch):
    process = launch("demo", "port:=0", "console:=true", "console_port:=0", "prompt:=a harbour")
    line = wait_for_line(process, lambda line: CONSOLE_READY in line)
    url = line.partition(CONSOLE_READY)[2].split()[0].partition("\x1b")[0]
    with urlopen(f"{url}/login", timeout=60) as answer:
        assert answer.status == 200
    started = wait_for_line(process, lambda line: "[console-" in line and "started with pid" in line)
    pid = int(started.partition("pid [")[2].partition("]")[0])
    variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert {b"ODYSSEY_API_KEY=", b"ODYSSEY_SPECTATOR_TOKEN="} <= set(variables)
    assert b"ody_local" not in b"".join(variables)
    assert "media_origins" not in process.text
    os.kill(pid, signal.SIGINT)
    wait_for_line(process, lambda line: "[console-" in line and "has finished cleanly" in line)
    assert process.popen.poll() is None
    assert process.stop() == 0
    assert "Traceback" not in process.text


def test_a_console_that_cannot_start_says_why(launch):
    process = launch(
        "player",
        "console:=true",
        "console_port:=0",
        "console_address:=0.0.0.0",
        "video_file:=/none",
        "autostart:=false",
    )
    wait_for_line(process, lambda line: "there is no token: make one with" in line)
    wait_for_line(process, lambda line: "[console-" in line and "exit code 1" in line)
    assert process.popen.poll() is None


def test_a_wrong_argument_ends_the_launch(launch):
    process = launch("odyssey", "console:=true", "console_port:=many")
    assert process.exit_status() == 1
    assert "process started" not in process.text
    assert "console_port:=many has to be a whole number from 0 to 65535" in process.text


def test_there_is_no_console_by_default(launch):
    process = launch("player", "autostart:=false")
    wait_for_line(process, lambda line: "[player-1]: process started" in line)
    assert process.stop() == 0
    assert "[console" not in process.text
