"""The documented import path of `FaultRegistry` and `Schedule`.

The classes are defined in `odyssey_ros.emulator.faults`, modules `fault_registry` and `schedule`.
"""

from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
from odyssey_ros.emulator.faults.schedule import Schedule

__all__ = ["FaultRegistry", "Schedule"]
