"""A local Odyssey service on the real service's wire.

`Emulator` runs the service inside a program; `python -m odyssey_ros.emulator` runs it as a separate process.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odyssey_ros.emulator.config import Account, ConfigurationError, EmulatorConfig, IceServer
    from odyssey_ros.emulator.faults.schedule import Schedule
    from odyssey_ros.emulator.limits import Limits
    from odyssey_ros.emulator.scene.marker import Marker, read_marker
    from odyssey_ros.emulator.service import Emulator

__all__ = [
    "Account",
    "ConfigurationError",
    "Emulator",
    "EmulatorConfig",
    "IceServer",
    "Limits",
    "Marker",
    "Schedule",
    "read_marker",
]

_MODULES = {
    "Emulator": "service",
    "Limits": "limits",
    "Marker": "scene.marker",
    "Schedule": "faults.schedule",
    "read_marker": "scene.marker",
}


def __getattr__(name: str) -> object:
    # Modules are imported on first use: importing the whole service takes about a second, and a signal must
    # end the program quietly during that time too.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import_module("odyssey_ros.requirements").require("emulator")
    return getattr(import_module(f"odyssey_ros.emulator.{_MODULES.get(name, 'config')}"), name)
