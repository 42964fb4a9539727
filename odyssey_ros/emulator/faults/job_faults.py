"""Faults of simulation jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from odyssey_ros.emulator.faults.fault import Fault

__all__ = ["JobFail", "JobHold", "JobStep"]

JobStep = Literal["dispatched", "processing", "completed"]


@dataclass(frozen=True, kw_only=True)
class JobFail(Fault):
    """A simulation job fails.

    Attributes:
        before: the state that the job fails to reach.
        message: the job's `error_message`.
    """

    name = "job_fail"
    mode = "answer"
    in_session = False
    after_connected = False
    before: JobStep = "completed"
    message: str = "Injected fault"


@dataclass(frozen=True, kw_only=True)
class JobHold(Fault):
    """Simulation jobs wait in the state before `before`."""

    name = "job_hold"
    mode = "state"
    in_session = False
    after_connected = False
    before: JobStep = "dispatched"
