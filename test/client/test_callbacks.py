"""The adapter from observer events to the SDK's callbacks."""

from __future__ import annotations

import inspect

import pytest

from odyssey_ros.client import BroadcastInfo, ConnectionStatus, ErrorCode, Odyssey, OdysseyError
from odyssey_ros.client.callbacks import CallbackObserver, OdysseyEventHandlers

FAILURE = OdysseyError("lease_denied: no", code=ErrorCode.LEASE_DENIED, reason="lease_denied")
INFO = BroadcastInfo("http://127.0.0.1/live", "token")
FRAME = object()

# Event, its arguments, the callback, and the callback's arguments as the SDK documents them.
CASES = [
    ("connected", (), "on_connected", ()),
    ("disconnected", (FAILURE,), "on_disconnected", ()),
    (
        "status_changed",
        (ConnectionStatus.FAILED, "no", FAILURE),
        "on_status_change",
        (ConnectionStatus.FAILED, "no"),
    ),
    ("video_frame", (FRAME,), "on_video_frame", (FRAME,)),
    ("stream_started", ("stream-1",), "on_stream_started", ("stream-1",)),
    ("stream_ended", (), "on_stream_ended", ()),
    ("interact_acknowledged", ("a storm",), "on_interact_acknowledged", ("a storm",)),
    ("stream_failed", (FAILURE, "no"), "on_stream_error", ("lease_denied", "no")),
    ("broadcast_ready", (INFO,), "on_broadcast_ready", (INFO,)),
]


def test_the_handlers_are_the_arguments_of_connect():
    """The TypedDict names the SDK's ten callbacks in the order in which `connect` takes them."""
    for method in (Odyssey.connect, Odyssey.connect_with_credentials):
        parameters = inspect.signature(method).parameters
        assert [
            name
            for name, parameter in parameters.items()
            if name.startswith("on_") and parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        ] == list(OdysseyEventHandlers.__annotations__)
    assert len(OdysseyEventHandlers.__annotations__) == 10
    assert {*OdysseyEventHandlers.__annotations__} == {case[2] for case in CASES} | {"on_error"}


@pytest.mark.parametrize(("event", "arguments", "callback", "expected"), CASES)
def test_an_event_calls_only_its_callback(event, arguments, callback, expected):
    calls = []
    handlers = {
        name: lambda *given, name=name, **options: calls.append((name, given, options))
        for name in OdysseyEventHandlers.__annotations__
    }
    getattr(CallbackObserver(handlers), event)(*arguments)
    assert calls == [(callback, expected, {})]


def test_an_error_is_passed_with_its_fatality_by_position():
    calls = []
    observer = CallbackObserver({"on_error": lambda *given: calls.append(given)})
    observer.error(FAILURE, fatal=True)
    assert calls == [(FAILURE, True)]


def test_a_decoded_frame_calls_on_decoded_frame():
    frames = []
    CallbackObserver({}, frames.append).decoded_frame(FRAME)
    CallbackObserver({}, on_encoded_frame=frames.append).encoded_frame(FRAME)
    assert frames == [FRAME, FRAME]


@pytest.mark.parametrize("handlers", [{}, dict.fromkeys(OdysseyEventHandlers.__annotations__)])
def test_missing_callbacks_are_not_called(handlers):
    observer = CallbackObserver(handlers)
    for event, arguments, _callback, _expected in CASES:
        getattr(observer, event)(*arguments)
    observer.decoded_frame(FRAME)
    observer.encoded_frame(FRAME)
    observer.error(FAILURE, fatal=False)
    assert observer.wants_video_frames is False


def test_frames_are_converted_only_for_a_callback():
    assert CallbackObserver({"on_video_frame": print}).wants_video_frames is True
    assert CallbackObserver({}, print).wants_video_frames is False


def test_frames_are_decoded_only_for_a_callback_of_decoded_frames():
    assert CallbackObserver({}, print).wants_decoded_frames is True
    assert CallbackObserver({}, on_encoded_frame=print).wants_decoded_frames is False
