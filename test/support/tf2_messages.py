"""Builds the message TFMessage where ROS comes from wheels: no package index has tf2_msgs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"  # each interpreter needs modules of its own
FOLDER = Path(__file__).resolve().parents[2] / "build" / f"tf2_msgs-python{VERSION}"
FILES = {
    "msg/TFMessage.msg": "geometry_msgs/TransformStamped[] transforms\n",
    "CMakeLists.txt": """cmake_minimum_required(VERSION 3.16)
project(tf2_msgs LANGUAGES C CXX)
find_package(ament_cmake REQUIRED)
find_package(geometry_msgs REQUIRED)
find_package(rosidl_default_generators REQUIRED)
rosidl_generate_interfaces(tf2_msgs "msg/TFMessage.msg" DEPENDENCIES geometry_msgs)
ament_package()
""",
    "package.xml": """<package format="3">
  <name>tf2_msgs</name>
  <version>0.0.0</version>
  <description>The message of transforms, for tests.</description>
  <maintainer email="robot@example.com">odyssey_ros</maintainer>
  <license>BSD-3-Clause</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
  <depend>geometry_msgs</depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
""",
}


def tf2_environment() -> dict[str, str]:
    """Return the environment of processes that use tf2_msgs; build it first unless it is installed."""
    if importlib.util.find_spec("tf2_msgs") is not None:
        return {}
    for name, text in FILES.items():
        file = FOLDER / "src" / name
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    build = subprocess.run(
        [
            *("colcon", "--log-base", "log", "build", "--base-paths", "src", "--merge-install"),
            *("--cmake-args", "-DBUILD_TESTING=OFF", f"-DPython3_EXECUTABLE={sys.executable}"),
        ],
        cwd=FOLDER,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout
    (python,) = (FOLDER / "install" / "lib").glob("python*/site-packages")
    added = {
        "PYTHONPATH": python,
        "LD_LIBRARY_PATH": FOLDER / "install" / "lib",
        "AMENT_PREFIX_PATH": FOLDER / "install",
    }
    return {name: f"{path}:{os.environ.get(name, '')}" for name, path in added.items()}
