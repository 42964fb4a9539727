"""The settings of bags."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from odyssey_ros.dataset.bag_layout import BagLayout, ImageEncoding


def test_an_encoding_is_written_as_its_name() -> None:
    assert [str(images) for images in ImageEncoding] == ["raw", "jpeg", "h264"]
    assert ImageEncoding("h264") is ImageEncoding.H264


def test_defaults_are_those_of_the_live_bridge() -> None:
    layout = BagLayout()
    assert (layout.images, layout.namespace) == (ImageEncoding.JPEG, "/odyssey")
    assert (layout.frame_id, layout.jpeg_quality) == ("odyssey_optical_frame", 90)


def test_the_settings_load_no_library() -> None:
    program = """
import sys, odyssey_ros.dataset.bag_layout
print({"av", "mcap", "numpy", "rosbags", "simplejpeg"} & set(sys.modules))
"""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=root)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
