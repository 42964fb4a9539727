"""The disturbance that the armed video faults add up to."""

from __future__ import annotations

import pytest

from odyssey_ros.emulator.faults import VideoBlack, VideoFreeze, VideoJump, VideoResize, VideoStall
from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.faults.schedule import Schedule, SessionMoments
from odyssey_ros.emulator.faults.video_disturbance import video_disturbance
from odyssey_ros.emulator.stream import UNDISTURBED, Disturbance

MOMENTS = SessionMoments("one", opened=0.0)


@pytest.fixture
def registry():
    return FaultRegistry(lambda: 10.0)


def test_without_faults_video_is_undisturbed(registry):
    assert video_disturbance(registry, MOMENTS) is UNDISTURBED


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (VideoFreeze(), Disturbance(frozen=True)),
        (VideoBlack(), Disturbance(black=True)),
        (VideoStall(), Disturbance(stalled=True)),
        (VideoResize(width=320, height=176), Disturbance(size=(320, 176))),
        (VideoJump(jump_seconds=-3), Disturbance(jump_seconds=-3)),
    ],
)
def test_every_fault_sets_its_part(registry, fault, expected):
    registry.arm(fault)
    assert video_disturbance(registry, MOMENTS) == expected


def test_faults_combine(registry):
    registry.arm(VideoBlack())
    registry.arm(VideoJump(jump_seconds=2))
    assert video_disturbance(registry, MOMENTS) == Disturbance(black=True, jump_seconds=2)


def test_faults_that_are_not_due_are_ignored(registry):
    registry.arm(VideoBlack(), Schedule(session_id="another"))
    registry.arm(VideoStall(), Schedule(since="started"))
    assert video_disturbance(registry, MOMENTS) == Disturbance()
