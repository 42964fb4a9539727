"""How many subscribers have joined, from their number and from events."""

from __future__ import annotations

import pytest

from odyssey_ros.bridge.player.join_count import JoinCount


@pytest.mark.parametrize(
    ("steps", "joined"),
    [
        ([0], 0),
        ([1, "event", 1], 1),  # the number is known before the event
        (["event", 1], 1),
        ([2, "event", "event", 2, 1, 2, "event", 2], 3),
        ([1, "event", 1, "event", 1], 2),  # one subscriber replaced another
        ([1, "event", 0, 0], 1),
    ],
)
def test_each_subscriber_is_counted_once(steps, joined):
    count, result = JoinCount(), None
    for step in steps:
        if step == "event":
            count.subscriber_joined()
        else:
            result = count.update(step)
    assert result == joined
