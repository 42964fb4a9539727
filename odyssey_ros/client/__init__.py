"""A client of the Odyssey API for asyncio, with the public names of the Odyssey SDK. Needs no ROS.

A public name loads its module when it is used first: other layers import single modules of this package, and
their processes start without the libraries of a connection.
"""

import importlib as _importlib
import pkgutil as _pkgutil
import typing as _typing

from odyssey_ros.requirements import require as _require

_require()  # before any import that needs a package, so that an old package is named and not what it lacks

from odyssey_ros.client.redaction import redact_logs as _redact_logs  # noqa: E402 -- see above

if _typing.TYPE_CHECKING:
    from odyssey_ros.client.callbacks import (
        BroadcastReadyCallback,
        ConnectedCallback,
        DisconnectedCallback,
        ErrorCallback,
        InteractAcknowledgedCallback,
        OdysseyEventHandlers,
        StatusChangeCallback,
        StreamEndedCallback,
        StreamErrorCallback,
        StreamStartedCallback,
        VideoFrameCallback,
    )
    from odyssey_ros.client.config import AdvancedConfig, ClientConfig
    from odyssey_ros.client.error_codes import ErrorCode
    from odyssey_ros.client.errors import (
        AccountSuspendedError,
        ConcurrentLimitReachedError,
        MonthlyLimitReachedError,
        NoStreamerError,
        OdysseyArgumentError,
        OdysseyAuthError,
        OdysseyConfigurationError,
        OdysseyConnectionError,
        OdysseyError,
        OdysseyImageError,
        OdysseyNotFoundError,
        OdysseyScriptError,
        OdysseyStreamError,
        OdysseyUsageError,
        RateLimitError,
        StreamDurationExceededError,
        as_odyssey_error,
    )
    from odyssey_ros.client.observer import ClientObserver
    from odyssey_ros.client.odyssey import Odyssey
    from odyssey_ros.client.scripts import InteractAction, ScriptEntry, StartAction
    from odyssey_ros.client.spectator import SpectatorConnection, connect_to_stream
    from odyssey_ros.client.types import (
        BroadcastInfo,
        ClientCredentials,
        ClientStatistics,
        ConnectionStatus,
        DecodedFrame,
        EncodedFrame,
        Recording,
        SimulationJobDetail,
        SimulationJobInfo,
        SimulationJobsList,
        SimulationJobStatus,
        SimulationStream,
        StreamerCapabilities,
        StreamRecordingInfo,
        StreamRecordingsList,
        VideoFrame,
    )

# Every logger of this package, and those of the libraries whose records may repeat what the service sent.
_redact_logs(
    *(f"{__name__}.{module.name}" for module in _pkgutil.iter_modules(__path__)),
    "asyncio",
)

_MODULES: _typing.Final = {
    "AccountSuspendedError": "errors",
    "AdvancedConfig": "config",
    "BroadcastInfo": "types",
    "BroadcastReadyCallback": "callbacks",
    "ClientConfig": "config",
    "ClientCredentials": "types",
    "ClientObserver": "observer",
    "ClientStatistics": "types",
    "ConcurrentLimitReachedError": "errors",
    "ConnectedCallback": "callbacks",
    "ConnectionStatus": "types",
    "DecodedFrame": "types",
    "DisconnectedCallback": "callbacks",
    "EncodedFrame": "types",
    "ErrorCallback": "callbacks",
    "ErrorCode": "error_codes",
    "InteractAcknowledgedCallback": "callbacks",
    "InteractAction": "scripts",
    "MonthlyLimitReachedError": "errors",
    "NoStreamerError": "errors",
    "Odyssey": "odyssey",
    "OdysseyArgumentError": "errors",
    "OdysseyAuthError": "errors",
    "OdysseyConfigurationError": "errors",
    "OdysseyConnectionError": "errors",
    "OdysseyError": "errors",
    "OdysseyEventHandlers": "callbacks",
    "OdysseyImageError": "errors",
    "OdysseyNotFoundError": "errors",
    "OdysseyScriptError": "errors",
    "OdysseyStreamError": "errors",
    "OdysseyUsageError": "errors",
    "RateLimitError": "errors",
    "Recording": "types",
    "ScriptEntry": "scripts",
    "SimulationJobDetail": "types",
    "SimulationJobInfo": "types",
    "SimulationJobStatus": "types",
    "SimulationJobsList": "types",
    "SimulationStream": "types",
    "SpectatorConnection": "spectator",
    "StartAction": "scripts",
    "StatusChangeCallback": "callbacks",
    "StreamDurationExceededError": "errors",
    "StreamEndedCallback": "callbacks",
    "StreamErrorCallback": "callbacks",
    "StreamRecordingInfo": "types",
    "StreamRecordingsList": "types",
    "StreamStartedCallback": "callbacks",
    "StreamerCapabilities": "types",
    "VideoFrame": "types",
    "VideoFrameCallback": "callbacks",
    "as_odyssey_error": "errors",
    "connect_to_stream": "spectator",
}
"""The module of each public name."""

__all__ = [
    "AccountSuspendedError",
    "AdvancedConfig",
    "BroadcastInfo",
    "BroadcastReadyCallback",
    "ClientConfig",
    "ClientCredentials",
    "ClientObserver",
    "ClientStatistics",
    "ConcurrentLimitReachedError",
    "ConnectedCallback",
    "ConnectionStatus",
    "DecodedFrame",
    "DisconnectedCallback",
    "EncodedFrame",
    "ErrorCallback",
    "ErrorCode",
    "InteractAcknowledgedCallback",
    "InteractAction",
    "MonthlyLimitReachedError",
    "NoStreamerError",
    "Odyssey",
    "OdysseyArgumentError",
    "OdysseyAuthError",
    "OdysseyConfigurationError",
    "OdysseyConnectionError",
    "OdysseyError",
    "OdysseyEventHandlers",
    "OdysseyImageError",
    "OdysseyNotFoundError",
    "OdysseyScriptError",
    "OdysseyStreamError",
    "OdysseyUsageError",
    "RateLimitError",
    "Recording",
    "ScriptEntry",
    "SimulationJobDetail",
    "SimulationJobInfo",
    "SimulationJobStatus",
    "SimulationJobsList",
    "SimulationStream",
    "SpectatorConnection",
    "StartAction",
    "StatusChangeCallback",
    "StreamDurationExceededError",
    "StreamEndedCallback",
    "StreamErrorCallback",
    "StreamRecordingInfo",
    "StreamRecordingsList",
    "StreamStartedCallback",
    "StreamerCapabilities",
    "VideoFrame",
    "VideoFrameCallback",
    "as_odyssey_error",
    "connect_to_stream",
]


if not _typing.TYPE_CHECKING:  # for a type checker, any name would exist

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(_importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
