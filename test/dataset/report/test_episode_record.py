"""Records of episodes, as files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from odyssey_ros.dataset.report.episode_record import EpisodeRecord, RecordError, read_record

if TYPE_CHECKING:
    from collections.abc import Callable

LIMITS = {"frozen_s": 0.3}


def test_a_record_is_read_as_it_was_written(record: Callable[..., EpisodeRecord]) -> None:
    made = record("walk", ["a \ud800 fox", ""], findings=[(3, 5, "frozen", "0.3 s")], losses={"x": 2})
    data = made.to_json(LIMITS)
    found = read_record(data, "walk", "0123abcd", LIMITS)
    assert found == made
    assert found.to_json(LIMITS) == data
    assert made.without_thumbnails().thumbnails == {}
    assert made.without_thumbnails().report == made.report


def test_a_record_of_something_else_is_not_used(record: Callable[..., EpisodeRecord]) -> None:
    data = record("walk").to_json(LIMITS)
    assert read_record(data, "walk", "0123abcd", LIMITS) is not None
    assert read_record(data, "other", "0123abcd", LIMITS) is None
    assert read_record(data, "walk", "ffffffff", LIMITS) is None
    assert read_record(data, "walk", "0123abcd", {"frozen_s": 0.4}) is None
    newer = {**json.loads(data), "version": 99}
    assert read_record(json.dumps(newer).encode(), "walk", "0123abcd", LIMITS) is None


@pytest.mark.parametrize(
    "change",
    [
        {"report": {}},
        {"report": "{}"},
        {"report": 5},
        {"strip": 5},
        {"strip": ["x"]},
        {"thumbnails": []},
        {"thumbnails": {"1": "data:text/html;base64,AAAA"}},
        {"thumbnails": {"1": 'data:image/jpeg;base64,AAAA" onload="x'}},
        {"thumbnails": {"1": None}},
        {"distances": [[1]]},
        {"distances": [[1, "nan"]]},
        {"distances": [[1, 1e300]]},
        {"distances": None},
    ],
)
def test_a_changed_record_is_refused(change: dict[str, Any], record: Callable[..., EpisodeRecord]) -> None:
    data = json.dumps({**json.loads(record("walk").to_json(LIMITS)), **change})
    with pytest.raises(RecordError):
        read_record(data.encode(), "walk", "0123abcd", LIMITS)


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"5", b"{}", b"[" * 100_000])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(RecordError):
        read_record(data, "walk", "0123abcd", LIMITS)
