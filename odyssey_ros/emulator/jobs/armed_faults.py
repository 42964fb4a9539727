"""Applies the armed faults to simulation jobs: a job is held in a state or fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults import JobFail, JobHold

if TYPE_CHECKING:
    from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
    from odyssey_ros.emulator.jobs.job import JobStatus

__all__ = ["ArmedJobFaults"]

_POLL_SECONDS = 0.05


class ArmedJobFaults:
    """The `JobFaults` of a job service that apply the armed faults.

    Args:
        registry: the armed faults.
    """

    def __init__(self, registry: FaultRegistry) -> None:
        self._registry = registry

    async def before(self, job_id: str, status: JobStatus) -> str | None:
        """Wait while jobs are held before `status`; return the text of an armed failure, or None."""
        del job_id

        def matches(fault: JobFail | JobHold) -> bool:
            return fault.before == status.value

        # The duration of a state may end it, which causes no notification.
        while self._registry.state(JobHold, matches=matches) is not None:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        failure = self._registry.take(JobFail, matches=matches)
        return None if failure is None else failure.message
