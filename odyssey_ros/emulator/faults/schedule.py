"""Schedules of faults, and the moments of a session that they count from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from odyssey_ros.emulator.faults.fault import Fault, Mode

__all__ = ["Moment", "Schedule", "SessionMoments", "schedule_problem"]

Moment = Literal["now", "connected", "started"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a fault is due.

    Attributes:
        since: moment from which time is counted: `now` is when the fault is armed, `connected` when the
            peers of a session connect, `started` when the stream of a session starts.
        after: seconds from that moment until the fault is due.
        duration: seconds for which the fault stays due; None for no end.
        count: largest number of times that the fault happens; 0 for no limit; None for the default: once for
            answers and acts without a duration, no limit otherwise.
        session_id: the only session in which the fault happens; None for every session.
    """

    since: Moment = "now"
    after: float = 0.0
    duration: float | None = None
    count: int | None = None
    session_id: str | None = None

    def max_count(self, mode: Mode) -> int:
        """Return the largest number of times that a fault of this mode happens; 0 for no limit."""
        if self.count is not None:
            return self.count
        return 0 if mode == "state" or self.duration is not None else 1


def schedule_problem(fault: Fault, schedule: Schedule) -> tuple[str, str] | None:
    """Return the first field of a schedule that does not fit a fault, and the reason; None if all fit."""
    if schedule.since != "now" and not fault.after_connected:
        return "since", f"must be now for {fault.name}, which does not happen in a connected session"
    if schedule.session_id is not None and not fault.in_session:
        return "session_id", f"must not be set for {fault.name}, which happens outside of sessions"
    if schedule.count and fault.mode == "state":
        return "count", f"must not be set for {fault.name}, which is a state; use duration instead"
    return None


@dataclass(slots=True)
class SessionMoments:
    """The moments of one session that schedules refer to, as monotonic times in seconds.

    Attributes:
        session_id: id of the session.
        opened: when the signaling socket opened.
        connected: when the peers connected; None before.
        started: when the running stream started; None between streams.
    """

    session_id: str
    opened: float
    connected: float | None = None
    started: float | None = None

    def at(self, moment: Moment, armed_at: float) -> float | None:
        """Return the time of a moment in this session; None when the moment has not come."""
        if moment == "now":
            return armed_at
        return self.connected if moment == "connected" else self.started
