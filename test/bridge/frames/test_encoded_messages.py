"""The message types of encoded video: those of the real packages, or a reason why they cannot be used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rclpy.node import Node

from odyssey_ros.bridge.frames.encoded_messages import (
    COMPRESSED_VIDEO,
    FFMPEG_PACKET,
    MessageTypeError,
    OptionalMessageType,
)

TOP = Path(__file__).resolve().parents[3]
PACKAGES = {"ffmpeg_image_transport_msgs": "ffmpeg", "foxglove_msgs": "foxglove"}
HASHES = {
    FFMPEG_PACKET: "RIHS01_648d84e0d33cbf76daf54b094d8f06154b8a24800a19c14371754df799fbaf79",
    COMPRESSED_VIDEO: "RIHS01_32039eafc3770e589c86c4dabff9c392ce9955ebffd43f5f60763011d43d8d1d",
}
"""Made by rosidl from the files of ffmpeg_image_transport_msgs 1.0.0 to 1.2.2 and foxglove_msgs 3.4.3."""

NODE = """
import rclpy
from rclpy.node import Node
from odyssey_ros.bridge.frames.encoded_publisher import EncodedPublisher
rclpy.init()
publisher = EncodedPublisher(Node("camera"))
print("offered:", *[one.topic_name for one in publisher.publishers])
"""


@pytest.mark.parametrize("message_type", [FFMPEG_PACKET, COMPRESSED_VIDEO])
def test_nodes_with_the_real_packages_find_the_same_type_on_the_graph(local_graph, message_type):
    node = local_graph.add(Node("camera", context=local_graph.context))
    node.create_publisher(message_type.load(), "/video", 1)
    (found,) = local_graph.until(lambda: node.get_publishers_info_by_topic("/video"))
    assert found.topic_type == f"{message_type.package}/msg/{message_type.name}"
    assert str(found.topic_type_hash) == HASHES[message_type]


def test_datasets_define_the_same_compressed_video():
    """The definition that bags of the dataset tool hold, apart from its comments."""
    fields = [
        [line for line in re.sub("#.*", "", path.read_text()).splitlines() if line.strip()]
        for path in (
            TOP / "odyssey_ros/dataset/definitions/CompressedVideo.msg",
            TOP / "test/interfaces/foxglove_msgs/msg/CompressedVideo.msg",
        )
    ]
    assert fields[0] == fields[1]


@pytest.mark.parametrize(
    ("distro", "package"),
    [("kilted", "ros-kilted-no-such-msgs"), (None, "ros-$ROS_DISTRO-no-such-msgs")],
)
def test_the_debian_package_of_a_missing_one_is_named(monkeypatch, distro, package):
    if distro is None:
        monkeypatch.delenv("ROS_DISTRO", raising=False)
    else:
        monkeypatch.setenv("ROS_DISTRO", distro)
    with pytest.raises(MessageTypeError) as caught:
        OptionalMessageType("no_such_msgs", "FFMPEGPacket").load()
    assert str(caught.value) == f"install {package}"


@pytest.mark.parametrize(
    ("package", "files", "reason"),
    [
        ("old_msgs", {"msg/__init__.py": ""}, "module 'old_msgs.msg' has no attribute 'CompressedVideo'"),
        ("half_msgs", {}, "No module named 'half_msgs.msg'"),
        ("ros1_msgs", {"msg/__init__.py": "class CompressedVideo: pass"}, ""),  # the text is rclpy's
        ("needy_msgs", {"msg/__init__.py": "import not_there_msgs"}, "No module named 'not_there_msgs'"),
        ("broken_msgs", {"msg/__init__.py": "raise OSError('no library')"}, "no library"),
    ],
)
def test_a_package_that_cannot_be_used_is_named_with_the_reason(
    tmp_path, monkeypatch, package, files, reason
):
    for name, text in {"__init__.py": "", **files}.items():
        (tmp_path / package / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / package / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MessageTypeError) as caught:
        OptionalMessageType(package, "CompressedVideo").load()
    assert str(caught.value).startswith(f"{package} cannot be imported: {reason}")


@pytest.mark.parametrize("missing", [(name,) for name in PACKAGES] + [tuple(PACKAGES)], ids=", ".join)
def test_without_a_package_its_topic_is_not_offered_and_one_line_says_so(domain_id, missing):
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain_id), "ROS_DISTRO": "jazzy"}
    for variable in ("PYTHONPATH", "AMENT_PREFIX_PATH", "LD_LIBRARY_PATH"):
        folders = environment.get(variable, "").split(os.pathsep)
        kept = [folder for folder in folders if not set(missing).intersection(Path(folder).parts)]
        environment[variable] = os.pathsep.join(kept)
    check = subprocess.run(
        [sys.executable, "-c", f"import {missing[0]}"], env=environment, capture_output=True, check=False
    )
    if check.returncode == 0:
        pytest.skip(f"{missing[0]} is installed beside all other packages of the environment")
    run = subprocess.run(
        [sys.executable, "-c", NODE],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=120,
    )
    offered = [f"/camera/image_raw/{suffix}" for name, suffix in PACKAGES.items() if name not in missing]
    assert " ".join(["offered:", *offered]) in run.stdout.splitlines()
    (line,) = [line for line in run.stdout.splitlines() if "Topics not offered" in line]
    for name, suffix in PACKAGES.items():
        text = f"/camera/image_raw/{suffix} (install ros-jazzy-{name.replace('_', '-')})"
        assert (text in line) == (name in missing)
    assert "Traceback" not in run.stdout
