"""The documented import path of `Schedule`; see `odyssey_ros.emulator.faults.fault_registry`."""

from odyssey_ros.emulator.faults.fault_registry import FaultRegistry, Schedule

__all__ = ["FaultRegistry", "Schedule"]
