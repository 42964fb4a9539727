"""The documented import path of `Marker` and `read_marker`; see `odyssey_ros.emulator.scene.marker`."""

from odyssey_ros.emulator.scene.marker import Marker, read_marker

__all__ = ["Marker", "read_marker"]
