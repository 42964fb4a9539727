"""The texts of the state view: times, levels, events and error codes, computed in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.client import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

EVENT = {
    "id": 1,
    "time": 0,
    "kind": "error",
    "stream_id": "",
    "prompt": "",
    "error_code": "FROZEN",
    "message": "no frames",
    "fatal": False,
}


@pytest.fixture
def call(module_page: Page) -> Callable[..., Any]:
    """Calls a function of a module of the page: `call("time_text", "mediaText", 3)`."""

    def act(module: str, name: str, *arguments: Any) -> Any:
        return module_page.evaluate(
            "async ([module, name, values]) => (await import(`/static/${module}.js`))[name](...values)",
            [module, name, list(arguments)],
        )

    return act


def test_texts_of_the_state(call: Callable[..., Any]) -> None:
    """One page is opened for all of them."""
    assert [call("time_text", "mediaText", time) for time in (0, 65.37, 0.3, 3605.999, -1, None)] == [
        *("0:00.0", "1:05.3", "0:00.3", "1:00:05.9", "0:00.0", "–"),
    ]
    assert [call("time_text", "countText", count) for count in (1234567, 0, -1)] == ["1,234,567", "0", "–"]

    def words(name: str, value: Any) -> str:
        word = call("state_words", name, value)
        return f"{word['text']}/{word['level']}"

    assert words("connectionWord", {"connection": 3}) == "Connected/ok"
    assert words("connectionWord", {"connection": 9, "connection_text": "odd"}) == "odd/stale"
    assert words("playbackWord", {"state": 7}) == "Episode failed/error"
    assert words("lifecycleWord", "inactive") == "Inactive/warn"
    assert words("lifecycleWord", "activating") == "Activating …/info"
    lifecycle = {"state": "inactive", "transitions": ["activate", "cleanup"]}
    assert call("state_words", "nextTransition", lifecycle) == "activate"
    assert call("state_words", "nextTransition", {"state": "active", "transitions": ["deactivate"]}) == ""
    levels = [{"level": level} for level in ("ok", "error", "warn")]
    assert call("state_words", "worstOf", levels) == {"level": "error"}
    assert call("state_words", "worstOf", []) is None

    events = [EVENT, {**EVENT, "id": 2, "kind": "started", "prompt": "a sea"}, {**EVENT, "id": 3}]
    shown = {
        name: [one["id"] for one in call("event_filter", "filteredEvents", events, name)]
        for name in ("all", "errors", "prompts", "connection")
    }
    assert shown == {"all": [3, 2, 1], "errors": [3, 1], "prompts": [2], "connection": []}
    assert call("event_filter", "lastError", events)["id"] == 3
    assert call("event_filter", "eventText", {**EVENT, "fatal": True}) == (
        "no frames (the node gave up: configure and activate it again)"
    )
    assert call("events_log", "eventLine", {**EVENT, "message": "no\nframes"}) == (
        "1970-01-01T00:00:00.000Z\terror\tFROZEN\tno frames\t"
    )
    unknown = [code.value for code in ErrorCode if call("error_words", "errorWords", code.value) == ""]
    assert unknown == []
    assert call("error_words", "errorWords", "SOMETHING_ELSE") == ""
