"""The documented import path of schedules."""

from __future__ import annotations

from odyssey_ros import emulator
from odyssey_ros.emulator import fault_registry
from odyssey_ros.emulator.faults import fault_registry as registry_module
from odyssey_ros.emulator.faults import schedule as schedule_module


def test_the_documented_path_gives_the_same_objects():
    assert fault_registry.Schedule is schedule_module.Schedule is emulator.Schedule
    assert fault_registry.FaultRegistry is registry_module.FaultRegistry
