"""The parts of a service that its sessions and endpoints share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from odyssey_ros.emulator.accounts import AccountBook
    from odyssey_ros.emulator.broadcast import BroadcastRegistry
    from odyssey_ros.emulator.config import EmulatorConfig
    from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
    from odyssey_ros.emulator.jobs.job_service import JobService
    from odyssey_ros.emulator.media.recordings import RecordingStore
    from odyssey_ros.emulator.tokens import TokenAuthority


@dataclass(frozen=True, kw_only=True)
class ServiceContext:
    """The shared parts of one service.

    Attributes:
        config: the settings.
        tokens: issues and checks tokens and signed paths.
        accounts: the accounts and their usage.
        recordings: finished and running recordings.
        jobs: the simulation jobs.
        broadcasts: streams that spectators may watch.
        faults: the armed faults.
        counters: numbers of events, by name.
        now: the wall clock, in seconds since the epoch.
        monotonic: a clock that never goes back, in seconds.
    """

    config: EmulatorConfig
    tokens: TokenAuthority
    accounts: AccountBook
    recordings: RecordingStore
    jobs: JobService
    broadcasts: BroadcastRegistry
    faults: FaultRegistry
    counters: Counter[str]
    now: Callable[[], float]
    monotonic: Callable[[], float]
