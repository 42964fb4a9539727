"""The values of a session."""

from __future__ import annotations

from odyssey_ros.bridge.live.stream_state import Event, EventKind
from odyssey_ros.client import ErrorCode, OdysseyStreamError


def test_event_of_an_error():
    error = OdysseyStreamError("no", code=ErrorCode.LEASE_DENIED)
    event = Event.of_error(error, kind=EventKind.STREAM_ERROR, stream_id="s", retried=True)
    assert (event.kind, event.stream_id) == (EventKind.STREAM_ERROR, "s")
    assert (event.error_code, event.message, event.error) == (ErrorCode.LEASE_DENIED, "no", error)
    assert (event.fatal, event.retried) == (False, True)
    assert Event.of_error(error, message="~/image_prompt: no").message == "~/image_prompt: no"


def test_the_error_object_does_not_decide_whether_events_are_equal():
    first, second = (Event.of_error(OdysseyStreamError("no")) for _ in range(2))
    assert first == second
    assert "error=" not in repr(first)
