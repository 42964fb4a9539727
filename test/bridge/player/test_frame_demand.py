"""What the subscribers need of frames, without anything said about it."""

from __future__ import annotations

from odyssey_ros.bridge.player.frame_demand import FrameDemand, FrameStart


def test_by_default_pictures_are_needed_from_the_start():
    assert FrameDemand() == FrameDemand(pictures=True, packets=False, joined=0)
    assert FrameStart() == FrameStart(0, pictures=True, key_frame=False)
