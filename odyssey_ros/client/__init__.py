"""A client of the Odyssey API for asyncio, with the public names of the Odyssey SDK. Needs no ROS."""

# ruff: noqa: E402 -- the check is first, so that an old package is named and not an import that it lacks

import pkgutil as _pkgutil

from odyssey_ros.requirements import require as _require

_require()

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
from odyssey_ros.client.redaction import redact_logs as _redact_logs
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
