"""Fields of the entries of events logs, under their different names."""

from __future__ import annotations

from typing import Any

import pytest

from odyssey_ros.dataset.logs.event_fields import fields_of
from odyssey_ros.dataset.logs.event_kinds import EventKind


@pytest.mark.parametrize(
    ("entry", "kind", "refused"),
    [
        ({"type": "send_prompt", "prompt": "a"}, EventKind.PROMPTED, False),
        ({"type": "nonstop", "prompt": "a"}, None, False),
        ({"type": "event", "event": "stream_ended"}, EventKind.ENDED, False),
        ({"name": "a fox", "action": "start", "prompt": "a"}, EventKind.STARTED, False),
        ({"interact": {"prompt": "a"}}, EventKind.PROMPTED, False),
        ({"start": {}, "end": {}}, None, False),
        ({"type": "frame", "end": 5}, None, False),
        ({"type": "prompt_rejected", "prompt": "a"}, None, True),
        ({"type": "interact", "status": "rejected", "prompt": "a"}, EventKind.PROMPTED, True),
        ({"type": "interact", "status": "applied", "prompt": "a"}, EventKind.PROMPTED, False),
        ({"type": "ended", "status": "failed"}, EventKind.ENDED, False),
        ({"type": 3}, None, False),
    ],
)
def test_the_kind(entry: dict[str, Any], kind: EventKind | None, refused: bool) -> None:
    fields = fields_of(entry)
    assert (fields.kind, fields.refused) == (kind, refused)


@pytest.mark.parametrize(
    ("entry", "time_ns", "wall_ns", "guessed"),
    [
        ({"timestamp_ms": 1500}, 1_500_000_000, None, False),
        ({"t": 1.5, "ts": 1_800_000_000}, 1_500_000_000, None, False),
        ({"ts": 1_800_000_000}, None, 1_800_000_000_000_000_000, False),
        ({"ts": 1_800_000_000_000}, None, 1_800_000_000_000_000_000, False),
        ({"timestamp": "2027-01-15T08:00:00Z"}, None, 1_800_000_000_000_000_000, False),
        ({"ts": 1_800_000_000.2}, None, 1_800_000_000_200_000_000, False),
        ({"ts": 1_800_000_000_200.125}, None, 1_800_000_000_200_125_000, False),
        ({"timestamp_ms": 1_800_000_000_200}, None, 1_800_000_000_200_000_000, False),
        ({"t": 1_800_000_000.2}, None, 1_800_000_000_200_000_000, False),
        ({"timestamp_ms": 1_800_000_000_200, "ts": 1_700_000_000}, None, 1_700_000_000_000_000_000, False),
        ({"timestamp": 5200}, None, 5_200_000_000_000, True),
        ({"t": float("nan")}, None, None, False),
        ({"t": True, "timestamp": "soon"}, None, None, False),
    ],
)
def test_the_time(entry: dict[str, Any], time_ns: int | None, wall_ns: int | None, guessed: bool) -> None:
    fields = fields_of(entry)
    assert (fields.time_ns, fields.wall_ns, fields.unit_guessed) == (time_ns, wall_ns, guessed)


def test_the_prompts() -> None:
    both = fields_of({"prompt": "raw", "data": {"applied_prompt": "a"}})
    assert (both.prompt, both.sent_prompt) == ("a", "raw")
    revised = fields_of({"prompt": "raw", "revised_prompt": "a"})
    assert (revised.prompt, revised.sent_prompt) == ("a", "raw")
    one = fields_of({"data": {"prompt": "raw"}, "frame": -1})
    assert (one.prompt, one.sent_prompt, one.frame_index) == ("raw", None, None)
