"""The origin of episodes: records and names of another form are refused."""

from __future__ import annotations

from typing import Any

import pytest

from odyssey_ros.dataset.exports.lerobot_origin import EpisodeRecord, flagged_names


@pytest.mark.parametrize(
    "change",
    [{"frames": "24"}, {"frames": True}, {"episode": 1}, {"losses": []}, {"notes": {"x": 0.5}}, {"new": 1}],
)
def test_records_of_another_form(change: dict[str, Any]) -> None:
    good = {"episode_index": 0, "episode": "a", "stream_id": "s", "crc32": "0", "frames": 24}
    assert EpisodeRecord.parse({**good, "losses": {"x": 1}}).losses == {"x": 1}
    with pytest.raises(TypeError):
        EpisodeRecord.parse({**good, **change})


def test_names_of_episodes_with_findings() -> None:
    assert flagged_names({}) is None
    assert flagged_names({"flagged": None}) is None
    assert flagged_names({"flagged": []}) == set()
    assert flagged_names({"flagged": ["a", "b"]}) == {"a", "b"}


@pytest.mark.parametrize("names", ["b", [1], {}])
def test_names_of_another_form(names: Any) -> None:
    with pytest.raises(TypeError):
        flagged_names({"flagged": names})
