"""Reports the state and the events of a session, each failure once."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

from odyssey_ros.bridge.live.stream_state import Event, EventKind, SessionState
from odyssey_ros.client import ConnectionStatus

if TYPE_CHECKING:
    from odyssey_ros.bridge.live.stream_state import SessionObserver
    from odyssey_ros.client import OdysseyError


class SessionReporter:
    """Holds the state of a session, and reports its changes and events to an observer.

    The client passes the same error object wherever it reports one failure, so a failure is recognized by
    identity and reported once. After `give_up` the state keeps the reason, and nothing more is reported.

    For the asyncio thread; `state` can be read on any thread.
    """

    def __init__(self, observer: SessionObserver) -> None:
        self.state = SessionState()
        self._observer = observer
        self._reported: weakref.WeakSet[OdysseyError] = weakref.WeakSet()
        self._given_up = False

    def set_state(self, state: SessionState) -> None:
        """Store the state, and report it if it changed."""
        if not self._given_up and state != self.state:
            self.state = state
            self._observer.state_changed(state)

    def report_event(self, kind: EventKind, *, prompt: str = "", message: str = "") -> None:
        """Report an event that is not a failure."""
        self._report(Event(kind, stream_id=self.state.stream_id, prompt=prompt, message=message))

    def report_failure(
        self,
        error: OdysseyError,
        *,
        kind: EventKind = EventKind.ERROR,
        message: str | None = None,
        retried: bool = False,
    ) -> None:
        """Report a failure as an event and on the state, unless it was reported before.

        Args:
            error: The failure.
            kind: `ERROR`, or `STREAM_ERROR` for a report of the streamer.
            message: Replaces the text of the error.
            retried: Whether the failed operation is retried automatically.
        """
        if error in self._reported:
            return
        self._reported.add(error)
        text = str(error) if message is None else message
        self.set_state(replace(self.state, error_code=error.code, message=text))
        self._report(
            Event.of_error(error, kind=kind, message=text, stream_id=self.state.stream_id, retried=retried)
        )

    def report_refusal(self, error: OdysseyError) -> None:
        """Report a refused request as an event; the state of the session does not change."""
        self._report(Event.of_error(error, stream_id=self.state.stream_id))

    def give_up(self, error: OdysseyError) -> None:
        """Report a fatal failure, which is the last report. Does nothing when called again."""
        if self._given_up:
            return
        self.set_state(
            replace(
                self.state,
                connection=ConnectionStatus.FAILED,
                streaming=False,
                error_code=error.code,
                message=str(error),
            )
        )
        self._report(Event.of_error(error, stream_id=self.state.stream_id, fatal=True))
        self._given_up = True
        self._observer.gave_up(error)

    def _report(self, event: Event) -> None:
        if not self._given_up:
            self._observer.event_happened(event)
