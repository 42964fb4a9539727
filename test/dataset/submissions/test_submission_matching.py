"""Which jobs are certainly, possibly and certainly not made from a script."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from odyssey_ros.dataset.logs.events import EventLog, parse_events
from odyssey_ros.dataset.scripts.plans import EpisodePlan
from odyssey_ros.dataset.submissions.submission_matching import (
    Evidence,
    Match,
    compare,
    compare_orientation,
    content_digest,
    visible_digest,
)

CERTAIN, POSSIBLE, EXCLUDED = Match.CERTAIN, Match.POSSIBLE, Match.EXCLUDED


def _plan(*, bypass: bool | None = None, prompt: str = "cat", **start: str) -> EpisodePlan:
    script: Any = (
        {"timestamp_ms": 0, "start": {"prompt": prompt, **start}},
        {"timestamp_ms": 5000, "interact": {"prompt": "it rains"}},
        {"timestamp_ms": 9000, "end": {}},
    )
    return EpisodePlan("a", "test", script, False, bypass, {})


START = {"timestamp_ms": 30, "type": "start", "prompt": "cat", "applied_prompt": "a cat"}
INTERACT = {"timestamp_ms": 5050, "type": "interact", "prompt": "it rains", "applied_prompt": "rain falls"}
END = {"timestamp_ms": 9010, "type": "end"}


def _log(*lines: Any) -> EventLog:
    return parse_events("".join(f"{json.dumps(line)}\n" for line in lines).encode())


def _match(plan: EpisodePlan, *lines: Any, duration_s: float | None = 9.0) -> Match:
    return compare(plan, Evidence((0,), _log(*lines) if lines else None, duration_s)).match


@pytest.mark.parametrize(
    ("lines", "duration_s", "match"),
    [
        ((START, INTERACT, END), 9.0, CERTAIN),
        ((START, INTERACT), 9.05, CERTAIN),
        # The end is unknown, or not exactly that of the script.
        ((START, INTERACT), None, POSSIBLE),
        ((START, INTERACT), 9.5, POSSIBLE),
        ((START, INTERACT), 12.0, EXCLUDED),
        ((START, INTERACT, {**END, "timestamp_ms": 20_000}), 9.0, EXCLUDED),
        # Without a log, only the duration is known.
        ((), 9.0, POSSIBLE),
        ((), None, POSSIBLE),
        ((), 60.0, EXCLUDED),
        ((END,), 9.0, POSSIBLE),
        # The service may have expanded a prompt that is not marked as the sent one.
        (({"timestamp_ms": 0, "type": "start", "prompt": "cat"}, INTERACT, END), 9.0, POSSIBLE),
        (({"timestamp_ms": 0, "type": "start", "prompt": "other"}, INTERACT, END), 9.0, POSSIBLE),
        # Sent prompts.
        (({**START, "prompt": "dog"}, INTERACT, END), 9.0, EXCLUDED),
        (({**START, "prompt": " CAT "}, INTERACT, END), 9.0, POSSIBLE),
        ((START, END), 9.0, EXCLUDED),
        ((START, INTERACT, {**INTERACT, "timestamp_ms": 7000}, END), 9.0, EXCLUDED),
        # Times.
        ((START, {**INTERACT, "timestamp_ms": 5600}, END), 9.0, POSSIBLE),
        ((START, {**INTERACT, "timestamp_ms": 8000}, END), 9.0, EXCLUDED),
        (({**START, "timestamp_ms": 1500}, {**INTERACT, "timestamp_ms": 6500}), 9.0, POSSIBLE),
        # A log that was read with losses proves nothing.
        ((["?"], START, INTERACT, END), 9.0, POSSIBLE),
        ((["?"], {**START, "prompt": "dog"}, INTERACT, END), 9.0, POSSIBLE),
        # Without expansion, it is not visible whether the job was made with expansion.
        (({**START, "applied_prompt": "cat"}, {**INTERACT, "applied_prompt": "it rains"}), 9.0, POSSIBLE),
    ],
)
def test_a_log_and_a_duration(lines: Any, duration_s: float | None, match: Match) -> None:
    assert _match(_plan(), *lines, duration_s=duration_s) is match


def test_streams_of_several_scripts() -> None:
    log = _log(START, INTERACT, END)
    assert compare(_plan(), Evidence((0, 1), log, 9.0)).match is EXCLUDED
    assert compare(_plan(), Evidence((1,), log, 9.0)).match is EXCLUDED
    assert compare(_plan(), Evidence((), None, None)).match is POSSIBLE


def test_prompts_that_are_not_expanded() -> None:
    plain = ({**START, "applied_prompt": "cat"}, {**INTERACT, "applied_prompt": "it rains"}, END)
    assert _match(_plan(bypass=True), *plain) is CERTAIN
    assert _match(_plan(bypass=True), START, INTERACT, END) is EXCLUDED
    assert _match(_plan(bypass=False), *plain) is POSSIBLE
    # Without expansion, a prompt of unknown kind is both the sent and the applied one.
    unmarked = tuple({**line, "applied_prompt": None} for line in plain)
    assert _match(_plan(bypass=True), *unmarked) is POSSIBLE
    assert _match(_plan(bypass=True), {**unmarked[0], "prompt": "dog"}, *unmarked[1:]) is EXCLUDED


def test_an_image_is_never_certain() -> None:
    assert _match(_plan(image="/cat.png"), START, INTERACT, END) is POSSIBLE


def test_spellings_that_a_service_may_change_do_not_exclude_a_job() -> None:
    line = {**START, "prompt": "Cafe\u0301 at  night"}
    assert _match(_plan(prompt="caf\u00e9 at night\n"), line, INTERACT, END) is POSSIBLE
    # A prompt of which a log shows only a part, because control characters are removed from both.
    assert _match(_plan(prompt="cat\x07"), START, INTERACT, END) is POSSIBLE


def test_orientation() -> None:
    assert compare_orientation(_plan(), portrait=False).match is CERTAIN
    assert compare_orientation(_plan(), portrait=True).match is EXCLUDED
    assert compare_orientation(_plan(), portrait=None).match is POSSIBLE


def test_digests() -> None:
    plan = _plan()
    assert visible_digest(plan) == visible_digest(replace(plan, name="b", bypass_prompt_expansion=True))
    assert visible_digest(plan) == visible_digest(_plan(image="/cat.png"))
    assert visible_digest(plan) != visible_digest(replace(plan, portrait=True))
    assert visible_digest(plan) != visible_digest(_plan(prompt="dog"))
    assert content_digest(plan) == content_digest(replace(plan, name="b", source="another"))
    assert content_digest(plan) != content_digest(replace(plan, bypass_prompt_expansion=True))
    assert content_digest(plan) != content_digest(_plan(image="/cat.png"))
