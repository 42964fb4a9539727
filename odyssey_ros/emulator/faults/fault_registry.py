"""The registry of armed faults, which the service queries."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from odyssey_ros.emulator.faults.fault import Fault
from odyssey_ros.emulator.faults.schedule import Schedule, SessionMoments, schedule_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ArmedFault", "FaultRegistry"]


@dataclass(slots=True)
class ArmedFault:
    """A fault with its schedule and its history.

    Attributes:
        number: id of the armed fault at the control endpoint.
        fault: the fault.
        schedule: when the fault is due.
        armed_at: monotonic time, in seconds, at which the fault was armed.
        fired: number of times that the fault has happened.
        acted: session id and due time of each run of an act, so that an act happens once for each moment.
    """

    number: int
    fault: Fault
    schedule: Schedule
    armed_at: float
    fired: int = 0
    acted: set[tuple[str, float]] = field(default_factory=set)

    @property
    def spent(self) -> bool:
        """Whether the fault has happened as often as its schedule allows."""
        limit = self.schedule.max_count(self.fault.mode)
        return limit != 0 and self.fired >= limit

    def due_at(self, moments: SessionMoments | None) -> float | None:
        """Return the monotonic time from which the fault is due.

        Args:
            moments: of the session in question; None outside of sessions.

        Returns:
            The time in seconds, or None when the fault does not concern the session or the moment from
            which its schedule counts has not come.
        """
        schedule = self.schedule
        if schedule.session_id is not None and (moments is None or moments.session_id != schedule.session_id):
            return None
        if moments is None:
            start = self.armed_at if schedule.since == "now" else None
        else:
            start = moments.at(schedule.since, self.armed_at)
        return None if start is None else start + schedule.after

    def is_due(self, now: float, moments: SessionMoments | None) -> bool:
        """Return whether the fault is due at the monotonic time `now`."""
        due = self.due_at(moments)
        if due is None or now < due or self.spent:
            return False
        return self.schedule.duration is None or now < due + self.schedule.duration


_F = TypeVar("_F", bound=Fault)


class FaultRegistry:
    """The armed faults of a service.

    All methods are called on the event loop, except `armed` and `state`, which may be called from any thread.

    Args:
        monotonic: returns the monotonic time in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._numbers = itertools.count(1)
        # Replaced as a whole, never changed in place, so that other threads can iterate over the tuple.
        self._armed: tuple[ArmedFault, ...] = ()
        self._listeners: list[Callable[[], None]] = []

    def arm(self, fault: Fault, schedule: Schedule | None = None) -> ArmedFault:
        """Arm `fault` by `schedule`; by default the fault is due at once.

        Raises:
            ValueError: the schedule does not fit the fault.
        """
        schedule = schedule or Schedule()
        problem = schedule_problem(fault, schedule)
        if problem is not None:
            raise ValueError(f"{problem[0]}: {problem[1]}")
        armed = ArmedFault(next(self._numbers), fault, schedule, self._monotonic())
        self._armed = (*self._armed, armed)
        self.notify()
        return armed

    def disarm(self, number: int) -> bool:
        """Remove one fault; return False when no fault has this number."""
        kept = tuple(armed for armed in self._armed if armed.number != number)
        known = len(kept) < len(self._armed)
        self._armed = kept
        return known

    def clear(self) -> None:
        """Remove all faults."""
        self._armed = ()

    def armed(self) -> tuple[ArmedFault, ...]:
        """Return all faults that were not disarmed, including spent ones."""
        return self._armed

    def take(
        self,
        kind: type[_F],
        moments: SessionMoments | None = None,
        matches: Callable[[_F], bool] = lambda _: True,
    ) -> _F | None:
        """Return the oldest fault of a kind that is due now, and count it as happened.

        Args:
            kind: class of the fault.
            moments: of the session in question; None outside of sessions.
            matches: restricts the faults to those for which it returns true.

        Returns:
            The fault, or None when no such fault is due.
        """
        for armed, fault in self._due(kind, moments, matches):
            armed.fired += 1
            return fault
        return None

    def state(
        self,
        kind: type[_F],
        moments: SessionMoments | None = None,
        matches: Callable[[_F], bool] = lambda _: True,
    ) -> _F | None:
        """Return the oldest state of a kind that holds now, or None; arguments as for `take`."""
        return next((fault for _, fault in self._due(kind, moments, matches)), None)

    def _due(
        self, kind: type[_F], moments: SessionMoments | None, matches: Callable[[_F], bool]
    ) -> Iterator[tuple[ArmedFault, _F]]:
        if not self._armed:
            return  # the usual case, for every packet
        now = self._monotonic()
        for armed in self._armed:
            if isinstance(armed.fault, kind) and matches(armed.fault) and armed.is_due(now, moments):
                yield armed, armed.fault

    def take_acts(self, moments: SessionMoments) -> list[Fault]:
        """Return the acts that are due in a session now, and count them; each is returned once per moment."""
        now = self._monotonic()
        due: list[Fault] = []
        for armed, due_at in self._pending_acts(moments):
            if armed.is_due(now, moments):
                armed.fired += 1
                armed.acted.add((moments.session_id, due_at))
                due.append(armed.fault)
        return due

    def next_act(self, moments: SessionMoments) -> float | None:
        """Return the seconds until the next act in a session; None when no act is pending."""
        times = [due_at for _, due_at in self._pending_acts(moments)]
        return max(0.0, min(times) - self._monotonic()) if times else None

    def _pending_acts(self, moments: SessionMoments) -> list[tuple[ArmedFault, float]]:
        now = self._monotonic()
        pending: list[tuple[ArmedFault, float]] = []
        for armed in self._armed:
            due_at = armed.due_at(moments) if armed.fault.mode == "act" and not armed.spent else None
            # Acts that were due before the session opened do not concern the session.
            if due_at is None or due_at < moments.opened or (moments.session_id, due_at) in armed.acted:
                continue
            if armed.schedule.duration is None or now < due_at + armed.schedule.duration:
                pending.append((armed, due_at))
        return pending

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever faults or moments change; return a function that unsubscribes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def notify(self) -> None:
        """Call all listeners; to be called when a moment of a session has come."""
        for listener in list(self._listeners):
            listener()
