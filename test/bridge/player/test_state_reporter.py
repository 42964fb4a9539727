"""Reports of the state, one for each change."""

from __future__ import annotations

import pytest

from fake_playback import FRAME_NS, FakeObserver, FakeOpener, FakeOutput, make_episode
from odyssey_ros.bridge.player.episode_library import LibraryEpisode
from odyssey_ros.bridge.player.episode_queue import EpisodeQueue
from odyssey_ros.bridge.player.playback_state import PlaybackPhase, PlaybackState
from odyssey_ros.bridge.player.state_reporter import StateReporter
from odyssey_ros.client import ErrorCode


@pytest.fixture
def parts():
    """A reporter, its output and observer, and a queue with one episode."""
    output, observer = FakeOutput(), FakeObserver()
    queue = EpisodeQueue(FakeOpener(3), loop=False)
    queue.add(0, LibraryEpisode(make_episode("a"), 5))
    return StateReporter(output, observer, 2.0), output, observer, queue


def test_a_change_is_published_then_reported_to_the_observer(parts):
    reporter, output, observer, queue = parts
    assert (reporter.phase, reporter.message) == (PlaybackPhase.UNCONFIGURED, "")
    reporter.report(PlaybackPhase.FETCHING, queue, 2.0, message="wait", error_code=ErrorCode.TIMEOUT)
    assert output.states == observer.states
    assert output.states == [
        PlaybackState(PlaybackPhase.FETCHING, "wait", ErrorCode.TIMEOUT, episodes=0, rate=2.0)
    ]
    assert (reporter.phase, reporter.message) == (PlaybackPhase.FETCHING, "wait")


def test_the_same_state_is_published_once(parts):
    reporter, output, _, queue = parts
    for _ in range(3):
        reporter.report(PlaybackPhase.PAUSED, queue, 2.0)
    assert len(output.states) == 1
    reporter.report(PlaybackPhase.PAUSED, queue, 1.0)
    assert len(output.states) == 2


def test_the_open_episode_is_described(parts):
    reporter, output, _, queue = parts
    queue.count = 1
    queue.open_current().next_index = 1
    reporter.report(PlaybackPhase.PLAYING, queue, 2.0)
    assert output.states == [
        PlaybackState(
            PlaybackPhase.PLAYING,
            episodes=1,
            whole=True,
            stream_id="a",
            script_index=5,
            frame_index=1,
            frame_count=3,
            position_ns=FRAME_NS,
            duration_ns=3 * FRAME_NS,
            rate=2.0,
        )
    ]


def test_counters_appear_in_the_next_report(parts):
    reporter, output, _, queue = parts
    reporter.count(begun=1)
    reporter.count(complete=2, failed=3, rounds=4)
    reporter.count(begun=1)
    assert output.states == []
    reporter.report(PlaybackPhase.PLAYING, queue, 2.0)
    (state,) = output.states
    assert (state.begun, state.complete, state.failed, state.rounds) == (2, 2, 3, 4)


def test_a_time_line_is_published_with_the_first_state_of_its_episode(parts):
    reporter, output, _, queue = parts
    reporter.report(PlaybackPhase.FETCHING, queue, 2.0)
    queue.open_current()
    reporter.report(PlaybackPhase.PLAYING, queue, 2.0)
    queue.close()
    reporter.report(PlaybackPhase.FINISHED, queue, 2.0)
    assert [(line.stream_id, line.script_index, line.frame_count) for line in output.timelines] == [
        ("a", 5, 3),
        ("", -1, -1),
    ]
