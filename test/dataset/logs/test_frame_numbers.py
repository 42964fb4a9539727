"""Frame numbers of events logs that do not fit their times."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog
from odyssey_ros.dataset.logs.frame_numbers import FrameNumbers
from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = Event(EventKind.STARTED, 0, "first")


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(
    ("frame", "time_ns", "losses"),
    [(10, 500_000_000, 0), (1, 3_000_000_000, 1), (48_231, 500_000_000, 1), (12, 599_000_000, 0)],
)
def test_frame_numbers_that_do_not_fit_the_times_are_counted(
    frame: int, time_ns: int, losses: int, encoded: bool, make_video: Callable[..., Path]
) -> None:
    log = EventLog((START, Event(EventKind.PROMPTED, time_ns, "then", frame)))
    episode = Episode("stream", make_video(), log)
    found: Counter[Loss] = Counter()
    for _ in episode.encoded_frames(losses=found) if encoded else episode.frames(losses=found):
        pass
    assert found[Loss.CONTRADICTORY_FRAMES] == losses


def test_guessed_times_are_not_compared() -> None:
    numbers = FrameNumbers(
        EventLog((START, Event(EventKind.PROMPTED, 0, "then", 90)), {Loss.GUESSED_TIMES: 1})
    )
    for number in range(100):
        numbers.add(number, number * 50_000_000)
    assert numbers.losses() == {}
