"""Events logs in all likely formats, and invalid ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client.service_text import MAX_PROMPT_LENGTH
from odyssey_ros.dataset.events import Event, EventKind, EventLog, parse_events, script_events
from odyssey_ros.dataset.losses import Loss

S = 1_000_000_000
EXPECTED = (
    Event(EventKind.STARTED, 0, "a"),
    Event(EventKind.PROMPTED, 3 * S, "b"),
    Event(EventKind.ENDED, 9 * S),
)

SHAPES: dict[str, list[dict[str, Any]]] = {
    "flat": [
        {"timestamp_ms": 0, "type": "start", "prompt": "raw", "applied_prompt": "a", "image": False},
        {"timestamp_ms": 3000, "type": "interact", "prompt": "raw", "applied_prompt": "b"},
        {"timestamp_ms": 9000, "type": "end", "reason": "client"},
    ],
    "script": [
        {"timestamp_ms": 0, "start": {"prompt": "a"}},
        {"timestamp_ms": 3000, "interact": {"prompt": "b"}},
        {"timestamp_ms": 9000, "end": {}},
    ],
    "nested": [
        {"event": "stream_started", "t": 0.0, "data": {"prompt": "a"}},
        {"event": "update_acknowledged", "t": 3.0, "data": {"prompt": "b"}},
        {"event": "stream_ended", "t": 9.0, "data": {}},
    ],
    "wall clock": [
        {"kind": "start", "timestamp": "2026-11-01T10:00:00Z", "prompt": "a"},
        {"kind": "interact", "timestamp": "2026-11-01T10:00:03+00:00", "prompt": "b"},
        {"kind": "end", "timestamp": "2026-11-01T11:00:09+01:00"},
    ],
    "epoch milliseconds": [
        {"action": "start", "ts": 1_790_000_000_000, "prompt": "a"},
        {"action": "prompt", "ts": 1_790_000_003_000, "prompt": "b"},
        {"action": "end", "ts": 1_790_000_009_000},
    ],
    "no kinds": [
        {"elapsed": 0, "prompt": "a"},
        {"elapsed": 3, "prompt": "b"},
        {"elapsed": 9, "type": "stop"},
    ],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["lines", "array", "object", "pretty"])
def test_common_forms_of_logs(shape: str, form: str) -> None:
    entries = SHAPES[shape]
    text = {
        "lines": "\n\n".join(json.dumps(entry) for entry in entries) + "\r\n",
        "array": json.dumps(entries),
        "object": json.dumps({"stream_id": "x", "events": entries}),
        "pretty": json.dumps({"events": entries}, indent=2),
    }[form]
    log = parse_events(text.encode())
    assert EventLog(tuple(replace(event, sent_prompt=None) for event in log.events)) == EventLog(EXPECTED)
    sent = ["raw", "raw", None] if shape == "flat" else [None, None, None]
    assert [event.sent_prompt for event in log.events] == sent
    assert log.ignored == 0


def test_the_events_of_a_script() -> None:
    assert script_events(SHAPES["script"]) == EventLog(EXPECTED)


def test_invalid_entries_are_counted() -> None:
    lines = ["{", "3", '{"type": "heartbeat", "t": 1}', '{"prompt": "x"}', '{"t": 2, "prompt": "a"}']
    log = parse_events("\n".join(lines).encode())
    assert log == EventLog((Event(EventKind.STARTED, 2 * S, "a"),), {Loss.IGNORED_LOG_ENTRIES: 4})


def test_prompts_are_cleaned() -> None:
    """A recording from elsewhere must not control the terminal that shows a prompt."""
    forged = "a fox\x1b[31m\x07\n[ERROR] \x85\u202eforged\ud800 https://f.example/a?X-Amz-Signature=0a1b2c"
    entry = {"t": 1, "prompt": forged, "applied_prompt": forged}
    [event] = parse_events(json.dumps(entry).encode()).events
    assert event.prompt == event.sent_prompt == "a fox\n[ERROR] forged https://f.example/a?…"


def test_the_longest_prompt() -> None:
    lines = [
        json.dumps({"t": 1, "prompt": "x" * length}) for length in (MAX_PROMPT_LENGTH, MAX_PROMPT_LENGTH + 1)
    ]
    log = parse_events("\n".join(lines).encode())
    assert [len(event.prompt) for event in log.events] == [MAX_PROMPT_LENGTH]
    assert log.ignored == 1


@pytest.mark.parametrize(
    "entry",
    [{"t": float("nan")}, {"t": 10**400}, {"t": True}, {"t": None}, {"t": "soon"}, {"timestamp": "soon"}],
)
def test_an_invalid_time(entry: dict[str, Any]) -> None:
    text = json.dumps({**entry, "prompt": "x"})
    assert parse_events(text.encode()).ignored == 1


def test_the_prompt_in_force() -> None:
    log = EventLog(EXPECTED)
    at = {time_ns: log.prompt_at(0, time_ns) for time_ns in (0, 3 * S - 1, 3 * S, 99 * S)}
    assert at == {0: "a", 3 * S - 1: "a", 3 * S: "b", 99 * S: "b"}
    assert EventLog().prompt_at(0, 0) == ""
    late = EventLog((Event(EventKind.STARTED, 40_000_000, "a"),))
    assert late.prompt_at(0, 0) == "a"
    assert log.prompts() == ("a", "b")


def test_a_frame_number_takes_precedence_over_a_time() -> None:
    lines = [{"frame_index": 0, "prompt": "a"}, {"frame_index": 7, "prompt": "b", "timestamp_ms": 300}]
    log = parse_events("\n".join(map(json.dumps, lines)).encode())
    assert [log.prompt_at(index, index * 50_000_000) for index in (5, 6, 7, 8)] == ["a", "a", "b", "b"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "t", "prompt", "timestamp", "timestamp_ms", "data", "start", "events", "frame"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=5))
def test_any_json_is_accepted(values: list[Any]) -> None:
    log = parse_events("\n".join(map(json.dumps, values)).encode())
    times = [event.stream_time_ns for event in log.events]
    assert times == sorted(times)
    assert all(time >= 0 for time in times)
    assert isinstance(log.prompt_at(1, 1), str)


@given(st.binary(max_size=200))
def test_any_bytes_are_accepted(data: bytes) -> None:
    parse_events(data)
    parse_events(b"[" * 100_000)


@pytest.mark.parametrize("key", ["prompt", "expanded_prompt"])
def test_prompts_hold_no_character_that_cannot_be_written(key: str) -> None:
    prompt = "a\ud800 \x1b[31mred\x1b[0m\tcat\r\nsits\u2028\u202e"
    entry = {"timestamp_ms": 0, "type": "start", "prompt": prompt, key: prompt}
    log = parse_events(json.dumps(entry).encode())
    [event] = log.events
    texts = [text for text in (event.prompt, event.sent_prompt) if text is not None]
    assert set(texts) == {"a red cat\nsits\u2028"}
    assert "\n".join(texts).encode()
