"""Reports of the time line, one for each change."""

from __future__ import annotations

import pytest

from fake_playback import FakeOpener, FakeOutput, make_episode
from odyssey_ros.bridge.player.episode_library import LibraryEpisode
from odyssey_ros.bridge.player.episode_queue import EpisodeQueue
from odyssey_ros.bridge.player.episode_timeline import NO_EPISODE
from odyssey_ros.bridge.player.timeline_reporter import TimelineReporter


@pytest.fixture
def parts():
    """A reporter, its output, and a queue with two episodes."""
    output, queue = FakeOutput(), EpisodeQueue(FakeOpener(3), loop=True)
    for number, name in enumerate("ab"):
        queue.add(number, LibraryEpisode(make_episode(name, {0: f"prompt {name}"})))
    queue.count = 2
    return TimelineReporter(output), output, queue


def test_a_time_line_is_published_once_for_each_open_episode(parts):
    reporter, output, queue = parts
    for _ in range(2):
        reporter.report(queue.open_current())
    queue.advance()
    reporter.report(queue.open_current())
    assert [(line.episode, line.stream_id, line.prompts[0].prompt) for line in output.timelines] == [
        (0, "a", "prompt a"),
        (1, "b", "prompt b"),
    ]


def test_a_seek_within_the_episode_keeps_the_time_line(parts):
    reporter, output, queue = parts
    reporter.report(queue.open_current())
    reporter.report(queue.seek(0, 2, 0.0))
    assert len(output.timelines) == 1
    reporter.report(queue.seek(1, 2, 0.0))
    assert [line.stream_id for line in output.timelines] == ["a", "b"]


def test_the_end_of_the_open_episode_is_published(parts):
    reporter, output, queue = parts
    reporter.report(None)
    assert output.timelines == []
    reporter.report(queue.open_current())
    queue.close()
    for _ in range(2):
        reporter.report(queue.open_episode)
    assert output.timelines[1:] == [NO_EPISODE]
