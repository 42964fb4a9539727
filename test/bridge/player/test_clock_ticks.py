"""The ticks of the clock between frames."""

from __future__ import annotations

from fake_playback import MS
from odyssey_ros.bridge.player.clock_ticks import IDLE_TICK_NS, TICK_NS, ClockTicks
from odyssey_ros.bridge.player.timeline import Timeline


def running_timeline(rate=1.0):
    """A timeline between a frame at steady time 0 and one at a second."""
    timeline = Timeline(rate)
    timeline.next_frame(0)
    timeline.due_ns(0)
    timeline.next_frame(1000 * MS)
    return timeline


def test_it_ticks_in_playback_time_while_running():
    published = []
    ticks = ClockTicks(running_timeline(rate=2.0), published.append)
    assert ticks.tick(20 * MS, running=True) == 20 * MS + TICK_NS
    assert ticks.tick(25 * MS, running=True) == 20 * MS + TICK_NS  # not due
    assert ticks.tick(30 * MS, running=True) == 30 * MS + TICK_NS
    assert published == [40 * MS, 60 * MS]


def test_it_repeats_the_time_while_nothing_is_played():
    published = []
    ticks = ClockTicks(running_timeline(), published.append)
    assert ticks.tick(20 * MS, running=False) == 20 * MS + IDLE_TICK_NS
    assert published == [None]


def test_at_rate_0_it_repeats_the_time():
    published = []
    ticks = ClockTicks(running_timeline(rate=0.0), published.append)
    assert ticks.tick(20 * MS, running=True) == 20 * MS + IDLE_TICK_NS
    assert published == [None]
