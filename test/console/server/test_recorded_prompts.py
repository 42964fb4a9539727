"""The prompts of events logs, as the page gets them."""

from __future__ import annotations

import json

from odyssey_ros.console.server.recorded_prompts import prompts_value
from odyssey_ros.dataset.logs.events import parse_events


def _log(*entries: dict[str, object], rest: str = "") -> dict[str, object]:
    text = "".join(json.dumps(entry) + "\n" for entry in entries) + rest
    return prompts_value(parse_events(text.encode()))


def test_prompts_have_times_in_seconds() -> None:
    """The applied prompt counts; the end is no prompt."""
    value = _log(
        {"timestamp_ms": 0, "type": "start", "prompt": "a fox", "applied_prompt": "a fox, cinematic"},
        {"timestamp_ms": 5200, "type": "interact", "prompt": "rain", "applied_prompt": "rain"},
        {"timestamp_ms": 9000, "type": "end", "reason": "client"},
    )
    assert value == {
        "prompts": [{"position": 0, "prompt": "a fox, cinematic"}, {"position": 5.2, "prompt": "rain"}],
        "losses": [],
        "prompts_error": "",
    }


def test_losses_are_told_in_words() -> None:
    """A log that was cut off is shown as far as it goes."""
    value = _log({"timestamp_ms": 0, "type": "start", "prompt": "a fox"}, rest='{"timestamp_ms": 52')
    assert value["prompts"] == [{"position": 0, "prompt": "a fox"}]
    assert {"count": 1, "text": "the end of the events log is missing"} in value["losses"]  # type: ignore[operator]


def test_a_page_of_errors_is_no_log() -> None:
    """The page tells that there are no prompts, and why."""
    value = prompts_value(parse_events(b"<html>Service unavailable</html>"))
    assert value["prompts"] == []
    assert [loss["text"] for loss in value["losses"]] == [
        "the events log is empty, or it is not JSON, such as an error page"
    ]
