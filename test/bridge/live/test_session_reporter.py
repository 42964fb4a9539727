"""Reports of a session: changes of the state, and each failure once."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from odyssey_ros.bridge.live.session_reporter import SessionReporter
from odyssey_ros.bridge.live.stream_state import EventKind
from odyssey_ros.client import ConnectionStatus, ErrorCode, OdysseyAuthError, OdysseyStreamError


@pytest.fixture
def reporter(recording_observer):
    return SessionReporter(recording_observer)


def test_a_state_is_reported_when_it_changes(reporter, recording_observer):
    reporter.set_state(replace(reporter.state, prompt="a sea"))
    reporter.set_state(replace(reporter.state, prompt="a sea"))
    assert recording_observer.states == [reporter.state]


def test_events_name_the_stream(reporter, recording_observer):
    reporter.set_state(replace(reporter.state, stream_id="s"))
    reporter.report_event(EventKind.ACKNOWLEDGED, prompt="snow", message="m")
    [event] = recording_observer.events
    assert (event.stream_id, event.prompt, event.message) == ("s", "snow", "m")


def test_the_same_failure_is_reported_once(reporter, recording_observer):
    error = OdysseyStreamError("no", code=ErrorCode.LEASE_DENIED)
    reporter.report_failure(error, kind=EventKind.STREAM_ERROR)
    reporter.report_failure(error, retried=True)
    assert recording_observer.codes == [ErrorCode.LEASE_DENIED]
    assert (reporter.state.error_code, reporter.state.message) == (ErrorCode.LEASE_DENIED, "no")


def test_an_equal_failure_is_reported_again(reporter, recording_observer):
    for _ in range(3):
        reporter.report_failure(OdysseyStreamError("no", code=ErrorCode.LEASE_DENIED))
        gc.collect()
    assert recording_observer.codes == [ErrorCode.LEASE_DENIED] * 3


def test_a_message_replaces_the_text_on_event_and_state(reporter, recording_observer):
    reporter.report_failure(OdysseyStreamError("no"), message="no; trying again in 1.0 s")
    assert recording_observer.events[0].message == reporter.state.message == "no; trying again in 1.0 s"


def test_a_refusal_leaves_the_state(reporter, recording_observer):
    reporter.report_refusal(OdysseyStreamError("empty", code=ErrorCode.EMPTY_PROMPT))
    assert recording_observer.codes == [ErrorCode.EMPTY_PROMPT]
    assert not recording_observer.states


def test_nothing_follows_a_fatal_failure(reporter, recording_observer):
    error = OdysseyAuthError("wrong key")
    reporter.give_up(error)
    failed = reporter.state
    assert (failed.connection, failed.error_code) == (ConnectionStatus.FAILED, error.code)
    assert recording_observer.events[-1].fatal
    reporter.give_up(OdysseyAuthError("again"))
    reporter.report_failure(OdysseyStreamError("later"))
    reporter.report_event(EventKind.DISCONNECTED)
    reporter.set_state(replace(failed, connection=ConnectionStatus.DISCONNECTED))
    assert reporter.state is failed
    assert len(recording_observer.events) == len(recording_observer.states) == 1
    assert recording_observer.errors == [error]
