"""The rules of the prompts. Altered bags are in test_frame_check.py."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.checks.findings import Findings
from odyssey_ros.dataset.checks.prompt_check import Prompt, PromptCheck, check_script
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog
from odyssey_ros.dataset.manifest import ManifestEntry
from odyssey_ros.dataset.reading.message_reader import EventMessage, FrameInfoMessage

MS = 1_000_000
TOPICS = ("/odyssey/events", "/odyssey/frame_info")


def _entry(**values: Any) -> ManifestEntry:
    fields: dict[str, Any] = {
        "episode": "e",
        "bag": "episodes/e",
        "files": (),
        "stream_id": "s",
        "images": "jpeg",
        "frames": 3,
        "width": 4,
        "height": 2,
        "start_time_ns": 0,
        "duration_ns": 0,
        "prompts": (),
        "video": {},
        "events": {"ignored": 0},
        "provenance": {},
    }
    return ManifestEntry(**{**fields, **values})


def _faults_of(prompts: list[Prompt], frames: list[tuple[int, str]], entry: ManifestEntry) -> Findings:
    """Check frames (stream time in milliseconds, prompt) in the order in which a bag has them."""
    findings = Findings("e")
    check = PromptCheck(entry, prompts, findings, TOPICS)
    waiting = list(prompts)
    start_ns = 1_700_000_000 * 10**9

    def event() -> None:
        prompt = waiting.pop(0)
        number = len(prompts) - len(waiting) - 1
        check.event(
            number, EventMessage(start_ns + prompt.time_ns, "f", 3 if number else 1, "s", prompt.text, False)
        )

    for index, (time_ms, text) in enumerate(frames):
        while waiting and waiting[0].time_ns <= time_ms * MS:
            event()
        check.frame(index, FrameInfoMessage(start_ns + time_ms * MS, "f", "s", index, time_ms * MS, text))
    while waiting:
        event()
    check.finish()
    return findings


times = st.integers(0, 1000)
prompts_in = st.lists(st.tuples(times, st.sampled_from("abc"), st.none() | st.integers(0, 6)), max_size=5)


@given(prompts_in, st.lists(times, max_size=6, unique=True))
def test_the_rule_is_that_of_the_events_log(
    events: list[tuple[int, str, int | None]], frames: list[int]
) -> None:
    """Compared with `EventLog.prompt_at`, with and without numbers of frames."""
    events.sort(key=lambda event: event[0])
    log = EventLog(tuple(Event(EventKind.PROMPTED, time * MS, text, index) for time, text, index in events))
    labelled = [(time, log.prompt_at(index, time * MS)) for index, time in enumerate(sorted(frames))]
    prompts = [Prompt(time * MS, text, index) for time, text, index in events]
    # A first prompt after all frames has no event before them, but is in force.
    assert _faults_of(prompts, labelled, _entry()).fault_lines() == []


def test_each_wrong_label_is_a_fault() -> None:
    prompts = [Prompt(0, "a"), Prompt(100 * MS, "b")]
    frames = [(0, "b"), (50, "a"), (100, "a"), (150, "")]
    assert _faults_of(prompts, frames, _entry()).fault_lines() == [
        "e: /odyssey/frame_info: frame 0: the prompt is 'b', but 'a' is in force",
        "e: /odyssey/frame_info: frame 2: the prompt is 'a', but 'b' is in force",
        "e: /odyssey/frame_info: frame 3: the prompt is '', but 'b' is in force",
    ]
    assert _faults_of([], [(0, "a")], _entry()).fault_lines() == [
        "e: /odyssey/frame_info: frame 0: the prompt is 'a', but '' is in force"
    ]


def test_manifests_of_earlier_versions_lack_numbers_of_frames() -> None:
    """The log gave frame 3 for the second prompt, at 100 ms: only the old manifest lacks it."""
    frames = [(0, "a"), (50, "a"), (100, "a"), (150, "b"), (200, "b")]
    prompts = [Prompt(0, "a"), Prompt(100 * MS, "b")]
    old = _faults_of(prompts, frames, _entry(losses={"not_counted": 1}))
    assert (old.faults, len(old.notes)) == (0, 1)
    assert "the events log may have given the number" in old.notes[0]
    assert _faults_of(prompts, frames, _entry()).faults == 1
    assert _faults_of([prompts[0], Prompt(100 * MS, "b", 3)], frames, _entry()).faults == 0
    without_log = _faults_of(prompts, frames, _entry(losses={"not_counted": 1}, events=None))
    assert without_log.faults == 1
    other = _faults_of(prompts, [*frames, (250, "c")], _entry(losses={"not_counted": 1}))
    assert other.faults == 1


def test_numbers_and_times_of_prompts() -> None:
    findings = Findings("e")
    check = PromptCheck(
        _entry(), [Prompt(0, "a"), Prompt(100 * MS, "b"), Prompt(200 * MS, "c")], findings, TOPICS
    )
    check.event(0, EventMessage(1000, "f", 1, "s", "a", False))
    check.event(1, EventMessage(1000 + 101 * MS, "f", 3, "s", "b", False))
    check.finish()
    moved, missing = findings.fault_lines()
    assert moved.startswith(
        "e: /odyssey/events: event 1: the prompt is at 101000000 ns of the stream, but the"
    )
    assert missing == "e: /odyssey/events: 2 prompts, but the manifest has 3"


SCRIPT = [
    {"timestamp_ms": 0, "start": {"prompt": "a", "image": "x.png"}},
    {"timestamp_ms": 100, "interact": {"prompt": "b"}},
    {"timestamp_ms": 200, "end": {}},
]
APPLIED = [Prompt(0, "a, cinematic"), Prompt(150 * MS, "b, cinematic")]
SENT = [Prompt(0, "a"), Prompt(100 * MS, "b")]


@pytest.mark.parametrize(
    ("prompts", "values", "faults"),
    [
        (APPLIED, {}, []),
        (SENT, {"events": None}, []),
        (SENT, {"losses": {"script_prompts": 2}}, []),
        ([], {"losses": {"missing_prompts": 1}}, []),
        (APPLIED[:1], {}, ["e: the manifest has 1 prompts, but the script has 2"]),
        (APPLIED[:1], {"events": {"ignored": 1}}, []),
        (APPLIED[:1], {"losses": {"ignored_log_entries": 1}}, []),
        (
            APPLIED[1:] + APPLIED[1:],
            {"events": None},
            [
                "e: prompt 0 is 'b, cinematic', but the script has 'a'",
                "e: prompt 0 is at 150000000 ns, but the script has it at 0 ns",
                "e: prompt 1 is 'b, cinematic', but the script has 'b'",
                "e: prompt 1 is at 150000000 ns, but the script has it at 100000000 ns",
            ],
        ),
        (
            [APPLIED[0], Prompt(3000 * MS, "b, cinematic")],
            {},
            ["e: prompt 1 is at 3000000000 ns, but the script has it at 100000000 ns"],
        ),
    ],
)  # fmt: skip
def test_the_script(prompts: list[Prompt], values: dict[str, Any], faults: list[str]) -> None:
    findings = Findings("e")
    check_script(_entry(provenance={"script": SCRIPT}, **values), prompts, findings)
    assert findings.fault_lines() == faults
    ignored = values.get("losses", {}).get("ignored_log_entries") or (values.get("events") or {}).get(
        "ignored"
    )
    assert len(findings.notes) == bool(ignored)


def test_prompts_that_bypass_the_expansion_are_those_of_the_script() -> None:
    findings = Findings("e")
    entry = _entry(provenance={"script": SCRIPT, "bypass_prompt_expansion": True})
    check_script(entry, APPLIED, findings)
    assert findings.faults == 2
    check_script(entry, SENT, findings)
    assert findings.faults == 2


@pytest.mark.parametrize("script", [None, "x", [1], {}, [{"timestamp_ms": "x", "start": 3}]])
def test_provenance_without_a_script(script: object) -> None:
    findings = Findings("e")
    check_script(_entry(provenance={"script": script}), [], findings)
    assert findings.fault_lines() == []
