"""Events logs in all likely formats, and invalid ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.client.service_text import MAX_PROMPT_LENGTH
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog, parse_events, script_events
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
    "epoch milliseconds under the name of a stream time": [
        {"type": "start", "timestamp_ms": 1_790_000_000_000, "prompt": "a"},
        {"type": "interact", "timestamp_ms": 1_790_000_003_000, "prompt": "b"},
        {"type": "end", "timestamp_ms": 1_790_000_009_000},
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
    lines = ["{", "3", '{"type": "heartbeat", "t": 1}', '{"prompt": "x"}', '{"t": 2, "prompt": "a"}', ""]
    log = parse_events("\n".join(lines).encode())
    assert log == EventLog(
        (Event(EventKind.STARTED, 2 * S, "a"),), {Loss.IGNORED_LOG_ENTRIES: 4, Loss.GUESSED_KINDS: 1}
    )


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
    assert parse_events(text.encode()).losses == {Loss.IGNORED_LOG_ENTRIES: 1, Loss.CUT_OFF_LOG: 1}


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


START = '{"timestamp_ms": 0, "type": "start", "prompt": "a", "applied_prompt": "a"}'
NEXT = '{"timestamp_ms": 3000, "type": "interact", "prompt": "b", "applied_prompt": "b"}'
END = '{"timestamp_ms": 9000, "type": "end", "reason": "client"}'
NORMAL = f"{START}\n{NEXT}\n{END}\n"


def _stamped(time: object, kind: str = "interact", **fields: object) -> str:
    return json.dumps({"ts": time, "type": kind, **({} if kind == "end" else {"prompt": kind}), **fields})


@pytest.mark.parametrize(
    ("text", "losses"),
    [
        pytest.param(NORMAL, {}, id="normal"),
        pytest.param(NORMAL.replace("\n", "\r\n"), {}, id="carriage returns before the newlines"),
        pytest.param(f"{START}\n{NEXT}\n{END}", {}, id="no final line break, but an end"),
        pytest.param(f"[{START}, {NEXT}, {END}]", {}, id="a list"),
        pytest.param(f"[{START}, {NEXT}]", {}, id="a list without an end, but closed"),
        pytest.param(f'{{"events": [{START}, {NEXT}]}}', {}, id="an object without an end, but closed"),
        pytest.param(f"{START}\n{NEXT}\n", {}, id="no end, but a final line break"),
        pytest.param(f"{START}\n{NEXT}", {"cut_off_log": 1}, id="neither an end nor a final line break"),
        pytest.param(f"{START}\n{NEXT[:40]}", {"cut_off_log": 1}, id="cut off in a line"),
        pytest.param(f"[{START}, {NEXT}, {END[:20]}", {"cut_off_log": 1}, id="a list cut off"),
        pytest.param(
            f'{{"id": 1, "events": [\n{START},\n{NEXT},\n{END[:9]}', {"cut_off_log": 1}, id="object"
        ),
        pytest.param(f"{START}\nnonsense\n{NEXT}\n{END}\n", {"ignored_log_entries": 1}, id="no JSON"),
        pytest.param("", {"unreadable_log": 1}, id="empty"),
        pytest.param("\n\n", {"unreadable_log": 1}, id="empty lines"),
        pytest.param("<html>\n<body>Not Found</body>\n</html>\n", {"unreadable_log": 1}, id="HTML"),
        pytest.param("<?xml version='1.0'?><Error/>", {"unreadable_log": 1}, id="XML"),
        pytest.param(NORMAL.replace("\n", "\r"), {"unreadable_log": 1}, id="only carriage returns"),
        pytest.param(NORMAL.replace("interact", "note"), {"guessed_kinds": 1}, id="unknown kind"),
        pytest.param(NORMAL.replace("interact", "prompt_rejected"), {"ignored_log_entries": 1}, id="refused"),
        pytest.param(
            NORMAL.replace('"applied_prompt": "b"', '"applied_prompt": "x", "applied_prompt": "b"'),
            {"ambiguous_log_entries": 1},
            id="two values of a name",
        ),
        pytest.param(
            NORMAL.replace('"timestamp_ms": 3000', '"timestamp_ms": 3000, "timestamp_ms": 3000'),
            {},
            id="the same value twice",
        ),
        pytest.param(
            f'{{"events": [{START}], "events": [{START}, {NEXT}, {END}]}}',
            {"ignored_log_entries": 1},
            id="two lists of events",
        ),
        pytest.param(
            NORMAL.replace('": 0', '": 0, "frame": 90').replace('": 3000', '": 3000, "frame": 60'),
            {"contradictory_frames": 1},
            id="frame numbers in another order",
        ),
        pytest.param(f"{NEXT}\n{END}\n", {"guessed_first_prompt": 1}, id="no start"),
        pytest.param(f"{START}\n{END}\n{NEXT}\n", {"reordered_log_entries": 1}, id="not in order"),
        pytest.param(NORMAL.replace(": 0", ": -40"), {"clamped_times": 1}, id="negative time"),
        pytest.param(NORMAL.replace(": 3000", ": NaN"), {"ignored_log_entries": 1}, id="NaN"),
        pytest.param(NORMAL.replace(": 3000", ": Infinity"), {"ignored_log_entries": 1}, id="infinity"),
        pytest.param(NORMAL.replace('_prompt": "b"', '_prompt": "b\\t"'), {"cleaned_prompts": 1}, id="tab"),
        pytest.param(NORMAL + f"{END}\n", {"duplicate_log_entries": 1}, id="the same entry again"),
        pytest.param(
            NORMAL.replace('"timestamp_ms": 3000', '"frame": 60'), {"guessed_times": 1}, id="only a frame"
        ),
        pytest.param(
            "\n".join(_stamped(time, kind) for time, kind in ((10, "start"), (13, "end"))),
            {"guessed_times": 2},
            id="a small number as time",
        ),
        pytest.param(
            "\n".join(_stamped(1.8e9 + at, kind) for at, kind in ((0, "interact"), (3, "end"))),
            {"guessed_times": 2, "guessed_first_prompt": 1},
            id="wall times without a start",
        ),
    ],
)
def test_every_loss_is_counted(text: str, losses: dict[str, int]) -> None:
    assert parse_events(text.encode()).losses == losses


def test_differences_of_wall_times_are_exact() -> None:
    for start, later in (
        ('"2026-01-01T00:00:00.300Z"', '"2026-01-01T00:00:01.500Z"'),
        ("1790000000.3", "1790000001.5"),
        ("1790000000300.5", "1790000001500.5"),
    ):
        text = f'{{"type": "start", "ts": {start}, "prompt": "a"}}\n'
        text += f'{{"type": "interact", "ts": {later}, "prompt": "b"}}\n'
        log = parse_events(text.encode())
        assert [event.stream_time_ns for event in log.events] == [0, 1_200_000_000]
        assert log.prompt_at(36, 1_200_000_000) == "b"


def test_a_log_without_a_length_and_without_an_end_is_taken_for_cut_off() -> None:
    assert parse_events(NORMAL.encode(), has_length=False).losses == {}
    without_end = f"{START}\n{NEXT}\n".encode()
    assert parse_events(without_end, has_length=False).losses == {Loss.CUT_OFF_LOG: 1}
    assert parse_events(NORMAL.encode(), is_whole=False).losses == {Loss.CUT_OFF_LOG: 1}


def test_the_entries_before_the_cut_are_kept() -> None:
    for text in (
        f"{START}\n{NEXT}\n{END[:9]}",
        f"[{START},{NEXT},{END[:9]}",
        f'{{"events": [\n{START},\n{NEXT}',
    ):
        assert parse_events(text.encode()).prompts() == ("a", "b")


@pytest.mark.parametrize("character", list("\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"))
def test_only_a_newline_ends_a_line(character: str) -> None:
    """As the service may write them: JSON requires escapes only below U+0020."""
    prompt = f"a{character}b"
    text = "".join(
        json.dumps(entry, ensure_ascii=False) + "\n"
        for entry in (
            {"timestamp_ms": 0, "type": "start", "prompt": prompt},
            {"timestamp_ms": 3000, "type": "interact", "prompt": "c"},
            {"timestamp_ms": 9000, "type": "end"},
        )
    )
    log = parse_events(text.encode())
    kept = character in "\u2028\u2029"
    assert log.prompts() == (prompt if kept else "ab", "c")
    assert log.losses == ({} if kept else {Loss.CLEANED_PROMPTS: 1})


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_text_encodings(encoding: str) -> None:
    log = parse_events(NORMAL.replace('"a"', '"größer 水 \ufffd"').encode(encoding))
    assert (log.prompts(), log.losses) == (("größer 水 \ufffd", "b"), {})


def test_characters_that_cannot_be_decoded_are_counted() -> None:
    data = NORMAL.replace('"a"', '"größer"').encode("latin-1").replace(b'"b"', b'"\xff\xef\xbf\xbd"')
    log = parse_events(data)
    assert log.losses == {Loss.REPLACED_CHARACTERS: 6}
    assert log.prompts() == ("gr\ufffd\ufffder", "\ufffd\ufffd")


def test_the_start_is_the_origin_of_wall_times_wherever_it_is() -> None:
    entries = [("connected", 0, {}), ("stream_started", 2, {"prompt": "a"}), ("interact", 5, {"prompt": "b"})]
    lines = [json.dumps({"type": kind, "ts": 1.8e9 + at, **more}) for kind, at, more in entries]
    log = parse_events("\n".join([*lines, ""]).encode())
    assert [event.stream_time_ns for event in log.events] == [0, 3 * S]
    assert log.losses == {Loss.IGNORED_LOG_ENTRIES: 1}


def test_an_event_with_only_a_frame_keeps_its_place() -> None:
    entries = [{"t": 0, "type": "start", "prompt": "a"}, {"t": 5, "type": "interact", "prompt": "b"}]
    entries.append({"frame": 200, "type": "interact", "prompt": "c"})
    log = parse_events("".join(json.dumps(entry) + "\n" for entry in entries).encode())
    assert log.prompts() == ("a", "b", "c")
    assert [log.prompt_at(index, index * S // 20) for index in (0, 99, 100, 199, 200)] == list("aabbc")
