"""Prompts have the frames of the labels, and the times of recorded events."""

from __future__ import annotations

from odyssey_ros.dataset.bags import BagEvent
from odyssey_ros.dataset.logs.events import EventKind
from odyssey_ros.dataset.losses import Loss
from odyssey_ros.dataset.messages import STREAM_ACKNOWLEDGED, STREAM_ENDED, STREAM_STARTED
from odyssey_ros.dataset.recorded.file_scan import RecordedEvent
from odyssey_ros.dataset.recorded.label_table import Label
from odyssey_ros.dataset.recorded.prompt_times import prompt_times

SECOND = 1_000_000_000
START = 1000 * SECOND


def _run(seconds: float, prompt: str) -> Label:
    media_ns = round(seconds * SECOND)
    return Label(START + media_ns, round(seconds * 20), media_ns, prompt)


def _event(seconds: float, kind: int, prompt: str = "") -> RecordedEvent:
    return RecordedEvent(START + round(seconds * SECOND), kind, "s", prompt)


def test_recorded_events() -> None:
    found = prompt_times(
        [_run(0, "a"), _run(3, "b"), _run(9, "a")],
        [
            _event(-0.5, STREAM_STARTED, "a"),
            _event(3.1, STREAM_ACKNOWLEDGED, "b"),
            _event(8.9, STREAM_ACKNOWLEDGED, "a"),
            _event(11, STREAM_ENDED),
        ],
    )
    assert found.losses == {}
    assert [(p["time_ns"] / SECOND, p["prompt"], p["frame_index"]) for p in found.prompts] == [
        (0, "a", 0),
        (3.6, "b", 60),
        (9.4, "a", 180),
    ]
    assert [event.kind for event in found.events] == [
        EventKind.STARTED,
        EventKind.PROMPTED,
        EventKind.PROMPTED,
        EventKind.ENDED,
    ]


def test_labels_without_events() -> None:
    found = prompt_times([_run(2, "a"), _run(3, "b")], [])
    assert found.losses == {Loss.UNRECORDED_EVENTS: 2}
    assert found.events == (
        BagEvent(START + 2 * SECOND, EventKind.PROMPTED, "a"),
        BagEvent(START + 3 * SECOND, EventKind.PROMPTED, "b"),
    )
    assert [(p["time_ns"], p["frame_index"]) for p in found.prompts] == [(2 * SECOND, 40), (3 * SECOND, 60)]


def test_a_recording_that_begins_late_does_not_take_a_later_event_of_the_same_prompt() -> None:
    found = prompt_times(
        [_run(2, "a"), _run(5, "b"), _run(20, "a")],
        [_event(5, STREAM_ACKNOWLEDGED, "b"), _event(20, STREAM_ACKNOWLEDGED, "a")],
    )
    assert found.losses == {Loss.UNRECORDED_EVENTS: 1}
    assert [event.stamp_ns - START for event in found.events] == [2 * SECOND, 5 * SECOND, 20 * SECOND]


def test_events_without_frames() -> None:
    """A repetition of the prompt in force is none."""
    found = prompt_times(
        [_run(0, "a"), _run(6, "c")],
        [
            _event(0, STREAM_STARTED, "a"),
            _event(2, STREAM_ACKNOWLEDGED, "a"),
            _event(4, STREAM_ACKNOWLEDGED, "b"),
            _event(6, STREAM_ACKNOWLEDGED, "c"),
            _event(9, STREAM_ACKNOWLEDGED, "d"),
        ],
    )
    assert found.losses == {Loss.PROMPTS_WITHOUT_FRAMES: 2}
    assert [event.prompt for event in found.events] == ["a", "c"]
