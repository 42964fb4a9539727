"""The documented import path of the marker."""

from __future__ import annotations

from odyssey_ros import emulator
from odyssey_ros.emulator import marker
from odyssey_ros.emulator.scene import marker as scene_marker


def test_the_documented_path_gives_the_same_objects():
    assert marker.Marker is scene_marker.Marker is emulator.Marker
    assert marker.read_marker is scene_marker.read_marker is emulator.read_marker
