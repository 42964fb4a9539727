"""What all sessions of a service share."""

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
    """The parts that every session of one service uses.

    Attributes:
        config: settings.
        tokens: issues and checks bearer secrets.
        accounts: who may use the service, and their usage.
        recordings: finished and running recordings.
        jobs: simulation jobs.
        broadcasts: streams that spectators may watch.
        faults: what is to go wrong.
        counters: what happened, by name.
        now: seconds since the epoch.
        monotonic: seconds on a clock that never goes back.
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
