"""When faults happen, and how often: schedules, and the registry that the service asks.

Answers and acts happen once unless told otherwise; a state holds until it is disarmed, unless it has a
duration.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

from odyssey_ros.emulator.faults.kinds import Fault, Mode

if TYPE_CHECKING:
    from collections.abc import Callable

Moment = Literal["now", "connected", "started"]


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a fault is due.

    Attributes:
        since: what time is counted from: now, or a session's peers meeting, or the start of its stream.
        after: seconds from then until the fault is due.
        duration: seconds for which it stays due; None for no end.
        count: how often it happens; 0 for no bound; None means once for answers and acts.
        session_id: the only session concerned; None for each.
    """

    since: Moment = "now"
    after: float = 0.0
    duration: float | None = None
    count: int | None = None
    session_id: str | None = None

    def bound(self, mode: Mode) -> int:
        """How often a fault of this mode happens at most; 0 for no bound."""
        if self.count is not None:
            return self.count
        return 0 if mode == "state" or self.duration is not None else 1


def why_never(fault: Fault, schedule: Schedule) -> tuple[str, str] | None:
    """The field of a schedule that keeps a fault from ever happening, or means nothing for it, and why."""
    if schedule.since != "now" and not fault.after_meeting:
        return (
            "since",
            f"must be now for {fault.name}, which happens before or outside of what it would count from",
        )
    if schedule.session_id is not None and not fault.in_session:
        return "session_id", f"{fault.name} happens outside of sessions"
    if schedule.count and fault.mode == "state":
        return "count", f"{fault.name} holds for a time and is not counted"
    return None


@dataclass(slots=True)
class SessionMoments:
    """The moments of one session that schedules refer to; monotonic times.

    Attributes:
        session_id: names the session.
        opened: when the signaling socket opened.
        connected: when the peers met.
        started: when the running stream began; None between streams.
    """

    session_id: str
    opened: float
    connected: float | None = None
    started: float | None = None

    def at(self, moment: Moment, armed_at: float) -> float | None:
        """When a schedule's clock starts for this session; None when it has not."""
        if moment == "now":
            return armed_at
        return self.connected if moment == "connected" else self.started


@dataclass(slots=True)
class ArmedFault:
    """A fault that waits for its time.

    Attributes:
        number: names it to the control endpoint.
        fault: what goes wrong.
        schedule: when.
        armed_at: monotonic time at which it was armed.
        fired: how often it has happened.
    """

    number: int
    fault: Fault
    schedule: Schedule
    armed_at: float
    fired: int = 0
    struck: set[tuple[str, float]] = field(default_factory=set)

    @property
    def spent(self) -> bool:
        """Whether it has happened as often as it may."""
        bound = self.schedule.bound(self.fault.mode)
        return bound != 0 and self.fired >= bound

    def due_at(self, moments: SessionMoments | None) -> float | None:
        """Monotonic time from which it is due for a session, or outside of any; None if never."""
        schedule = self.schedule
        if schedule.session_id is not None and (moments is None or moments.session_id != schedule.session_id):
            return None
        if moments is None:
            began = self.armed_at if schedule.since == "now" else None
        else:
            began = moments.at(schedule.since, self.armed_at)
        return None if began is None else began + schedule.after

    def is_due(self, now: float, moments: SessionMoments | None) -> bool:
        """Whether it is due now."""
        due = self.due_at(moments)
        if due is None or now < due or self.spent:
            return False
        return self.schedule.duration is None or now < due + self.schedule.duration


_F = TypeVar("_F", bound=Fault)


class FaultRegistry:
    """The armed faults of a service.

    Changed and taken from on the event loop alone; `state` may be called from any thread.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._numbers = itertools.count(1)
        self._armed: tuple[ArmedFault, ...] = ()
        self._listeners: list[Callable[[], None]] = []

    def arm(self, fault: Fault, schedule: Schedule | None = None) -> ArmedFault:
        """Have `fault` happen as `schedule` says; at once and once by default.

        Raises:
            ValueError: by this schedule it would never happen.
        """
        schedule = schedule or Schedule()
        nonsense = why_never(fault, schedule)
        if nonsense is not None:
            raise ValueError(f"{nonsense[0]}: {nonsense[1]}")
        armed = ArmedFault(next(self._numbers), fault, schedule, self._monotonic())
        self._armed = (*self._armed, armed)
        self.notify()
        return armed

    def disarm(self, number: int) -> bool:
        """Forget one fault; False when there is no such."""
        kept = tuple(armed for armed in self._armed if armed.number != number)
        known = len(kept) < len(self._armed)
        self._armed = kept
        return known

    def clear(self) -> None:
        """Forget all faults."""
        self._armed = ()

    def armed(self) -> tuple[ArmedFault, ...]:
        """All faults that were not disarmed, those that are spent included."""
        return self._armed

    def take(
        self,
        kind: type[_F],
        moments: SessionMoments | None = None,
        matches: Callable[[_F], bool] = lambda _: True,
    ) -> _F | None:
        """The oldest fault of this kind that is due now, and count it; None when there is none."""
        now = self._monotonic()
        for armed in self._armed:
            if isinstance(armed.fault, kind) and matches(armed.fault) and armed.is_due(now, moments):
                armed.fired += 1
                return armed.fault
        return None

    def state(
        self,
        kind: type[_F],
        moments: SessionMoments | None = None,
        matches: Callable[[_F], bool] = lambda _: True,
    ) -> _F | None:
        """The oldest state of this kind that holds now; None when there is none."""
        now = self._monotonic()
        for armed in self._armed:
            if isinstance(armed.fault, kind) and matches(armed.fault) and armed.is_due(now, moments):
                return armed.fault
        return None

    def take_acts(self, moments: SessionMoments) -> list[Fault]:
        """The acts that are due on a session now, each counted, and never twice for the same moment."""
        now = self._monotonic()
        due: list[Fault] = []
        for armed in self._acts_ahead(moments):
            if armed.is_due(now, moments):
                armed.fired += 1
                armed.struck.add((moments.session_id, armed.due_at(moments) or 0.0))
                due.append(armed.fault)
        return due

    def next_act(self, moments: SessionMoments) -> float | None:
        """Seconds until the next act on a session; None when nothing is ahead."""
        ahead = [armed.due_at(moments) for armed in self._acts_ahead(moments)]
        times = [due for due in ahead if due is not None]
        return max(0.0, min(times) - self._monotonic()) if times else None

    def _acts_ahead(self, moments: SessionMoments) -> list[ArmedFault]:
        now = self._monotonic()
        found: list[ArmedFault] = []
        for armed in self._armed:
            due = armed.due_at(moments) if armed.fault.mode == "act" and not armed.spent else None
            # An act of a time before the session opened does not concern it, nor one whose time is over.
            if due is None or due < moments.opened or (moments.session_id, due) in armed.struck:
                continue
            if armed.schedule.duration is None or now < due + armed.schedule.duration:
                found.append(armed)
        return found

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever a fault is armed; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def notify(self) -> None:
        """Tell all listeners to look again."""
        for listener in list(self._listeners):
            listener()
