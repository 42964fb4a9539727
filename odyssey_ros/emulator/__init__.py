"""A local Odyssey service on the real service's wire.

`Emulator` runs the service inside a program, `python -m odyssey_ros.emulator` as a process of its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import Account, ConfigurationError, EmulatorConfig, IceServer
    from .limits import Limits
    from .service import Emulator

__all__ = ["Account", "ConfigurationError", "Emulator", "EmulatorConfig", "IceServer", "Limits"]

_HOMES = {"Emulator": "service", "Limits": "limits"}


def __getattr__(name: str) -> object:
    # Loaded on first use: importing the whole service takes about a second, and a signal must end the
    # program quietly in that time too.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES.get(name, 'config')}", __name__), name)
