"""Events as messages and log lines."""

from __future__ import annotations

import pytest
from odyssey_ros.msg import StreamEvent

from odyssey_ros.bridge.live.event_topic import event_message, log_event
from odyssey_ros.bridge.live.stream_state import Event, EventKind
from odyssey_ros.client import ErrorCode, OdysseyStreamError

REFUSAL = OdysseyStreamError("not this", code=ErrorCode.MODERATION_FAILED)


class Logger:
    """Stores log lines."""

    def __init__(self):
        self.lines = []

    def info(self, text):
        self.lines.append(f"info {text}")

    def warning(self, text):
        self.lines.append(f"warning {text}")


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_has_its_constant(kind):
    assert event_message(Event(kind)).type == getattr(StreamEvent, kind.name) > 0


def test_fields():
    message = event_message(Event.of_error(REFUSAL, stream_id="s", fatal=True))
    assert (message.error_code, message.message) == ("MODERATION_FAILED", "not this")
    assert (message.stream_id, message.prompt, message.fatal) == ("s", "", True)
    assert event_message(Event(EventKind.STARTED, prompt="\ud800")).error_code == ""


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (Event(EventKind.STARTED, "s", "a sea"), ["info Stream s started: 'a sea'"]),
        (Event(EventKind.ENDED, "s"), ["info Stream s ended"]),
        (Event(EventKind.ACKNOWLEDGED, "s", "snow"), ["info Prompt in force: 'snow'"]),
        (Event(EventKind.CONNECTED), []),
        (Event(EventKind.DISCONNECTED, message="lost"), []),
        (Event(EventKind.BROADCAST_READY), []),
        (Event.of_error(REFUSAL), ["warning MODERATION_FAILED: not this"]),
        (Event.of_error(REFUSAL, retried=True), ["warning MODERATION_FAILED: not this; trying again"]),
        (Event.of_error(REFUSAL, kind=EventKind.STREAM_ERROR), ["warning MODERATION_FAILED: not this"]),
        (Event.of_error(REFUSAL, fatal=True), []),
    ],
)
def test_log_lines(event, lines):
    logger = Logger()
    log_event(logger, event)
    assert logger.lines == lines
