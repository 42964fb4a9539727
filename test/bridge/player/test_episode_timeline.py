"""The prompts of an episode on its time line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fake_playback import FRAME_NS, FakeOpener, make_episode
from odyssey_ros.bridge.player import episode_timeline
from odyssey_ros.bridge.player.episode_timeline import EpisodeTimeline, TimelinePrompt
from odyssey_ros.bridge.player.frame_demand import FrameStart
from odyssey_ros.bridge.player.open_episode import OpenEpisode
from odyssey_ros.dataset.episodes import Episode
from odyssey_ros.dataset.logs.events import Event, EventKind, EventLog


def opened(episode, frames=6, stream_offset_ns=0):
    """Return the open episode, number 3, of script 2."""
    opener = FakeOpener(frames)
    index = opener.read_index(episode)
    if stream_offset_ns:
        index = replace(index, stream_times_ns=[time + stream_offset_ns for time in index.times_ns])
    return OpenEpisode(3, episode, 2, index, opener.open_frames(episode, index, FrameStart()))


def timed(*events):
    """Return an episode with prompts at these times in frame intervals, without frame numbers."""
    return Episode(
        "a",
        Path("/a.mp4"),
        EventLog(tuple(Event(EventKind.PROMPTED, round(at * FRAME_NS), prompt) for at, prompt in events)),
    )


def shown(episode):
    """Return the frame and the text of each prompt on the time line."""
    prompts = episode_timeline.episode_timeline(episode).prompts
    assert all(one.position_ns == one.frame_index * FRAME_NS for one in prompts)
    return [(one.frame_index, one.prompt) for one in prompts]


def by_frame(episode):
    """Return the first frame of each run of frames with the same prompt, as the frames are labelled."""
    labels = [
        episode.episode.events.prompt_at(number, (episode.index.stream_times_ns or episode.times_ns)[number])
        for number in range(len(episode.times_ns))
    ]
    return [(n, label) for n, label in enumerate(labels) if n == 0 or label != labels[n - 1]]


def test_the_time_line_describes_the_episode():
    episode = opened(make_episode("a", {0: "a sea", 4: "a storm"}, ended_after=6))
    assert episode_timeline.episode_timeline(episode) == EpisodeTimeline(
        3,
        "a",
        2,
        6,
        6 * FRAME_NS,
        (TimelinePrompt(0, 0, "a sea"), TimelinePrompt(4 * FRAME_NS, 4, "a storm")),
    )


def test_an_episode_without_prompts_has_a_time_line():
    assert shown(opened(make_episode("a"))) == []


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([(0, "a"), (2, "b")], [(0, "a"), (2, "b")]),
        ([(0, "a"), (1.5, "b")], [(0, "a"), (2, "b")]),  # the next frame shows it
        ([(3, "a"), (4, "b")], [(0, "a"), (4, "b")]),  # earlier frames have the first prompt
        ([(0, "a"), (1.2, "b"), (1.8, "c")], [(0, "a"), (2, "c")]),  # no frame shows b
        ([(0, "a"), (5.5, "b")], [(0, "a")]),  # after the last frame
    ],
)
def test_a_prompt_is_where_the_first_frame_shows_it(events, expected):
    episode = opened(timed(*events))
    assert shown(episode) == expected == by_frame(episode)


def test_the_clock_of_the_log_may_differ_from_the_media_time():
    episode = opened(timed((0, "a"), (3, "b")), stream_offset_ns=FRAME_NS)
    assert shown(episode) == [(0, "a"), (2, "b")] == by_frame(episode)


def test_frame_numbers_out_of_order_agree_with_the_labels_of_the_frames():
    log = EventLog(
        (
            Event(EventKind.STARTED, 0, "a", 0),
            Event(EventKind.PROMPTED, 1, "b", 4),
            Event(EventKind.PROMPTED, 2, "c", 1),
        )
    )
    episode = opened(Episode("a", Path("/a.mp4"), log))
    assert shown(episode) == [(0, "a"), (4, "c")] == by_frame(episode)


def test_the_texts_of_a_time_line_are_bounded(monkeypatch):
    monkeypatch.setattr(episode_timeline, "MAX_TEXT", 12)
    assert shown(opened(make_episode("a", {0: "123456", 1: "123456"}))) == [(0, "123456"), (1, "123456")]
    assert shown(opened(make_episode("a", {0: "1234567", 1: "123456"}))) == [(0, "12345…"), (1, "123456")]
